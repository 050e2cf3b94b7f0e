"""``send serve``: a Prefect server with its pages, and the home's jobs on their schedules, until it is stopped."""

from __future__ import annotations

import importlib
import os
from typing import Annotated, Any

import typer

from connectors.configuration import Configuration, read_configuration
from connectors.errors import ConfigurationError
from flows.server import serving
from flows.settings import PREFECT_DEFAULTS
from flows.terminal import output
from warehouse.home import Home

PORT = 4200


def serve(port: Annotated[int, typer.Option(min=1, max=65_535, help="Where Prefect's pages answer.")] = PORT) -> None:
    """Run the jobs of this home on their schedules: the nightly load and the rest. Stop it with Ctrl-C."""
    home = Home.from_environment()
    configuration = read_configuration(home.folder)
    home.create()
    if os.environ.get("PREFECT_LOGGING_LEVEL") == PREFECT_DEFAULTS["PREFECT_LOGGING_LEVEL"]:
        os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"  # for Prefect's pages; what fails is told in our own words
    with serving(home, port) as api_url:
        serve_jobs(home, configuration, api_url)


def serve_jobs(home: Home, configuration: Configuration, api_url: str) -> None:
    """Serves the home's jobs on the Prefect server at ``api_url``, one at a time, until the process is told to stop.

    Stopping pauses no schedule: what falls due meanwhile is late when the server is back, and begins then.
    """
    from prefect import serve as serve_deployments

    from flows.schedules import JOBS, scheduled_jobs

    deployments = deployments_of(home, configuration)
    served = {job.name for job, _ in scheduled_jobs(configuration)}
    _withdraw([_deployment_name(configuration, job.name) for job in JOBS if job.name not in served])
    for job, cron in scheduled_jobs(configuration):
        output().print(f"{job.name}: {cron} (London time)", markup=False)
    output().print(f"Prefect's pages: {api_url.removesuffix('/api')}", markup=False)
    serve_deployments(*deployments, pause_on_shutdown=False, limit=1, print_starting_message=False)


def deployments_of(home: Home, configuration: Configuration) -> list[Any]:
    """A deployment for each scheduled job. Raises ``ConfigurationError`` for a schedule that cannot be followed.

    Of one deployment one run is at work at a time; a second waits, and then finds its work done.
    """
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.deployments.runner import EntrypointType  # type: ignore[attr-defined]

    from flows.schedules import scheduled_jobs

    made = []
    for job, cron in scheduled_jobs(configuration):
        module, _, name = job.entrypoint.partition(":")
        flow = getattr(importlib.import_module(module), name)
        try:
            schedule = CronSchedule(cron=cron, timezone="Europe/London")
        except ValueError:
            raise ConfigurationError(
                f"schedules.{job.name} in send.yml is {cron!r}; give five cron fields, such as {job.cron!r}, or off."
            ) from None
        made.append(
            flow.to_deployment(
                name=_deployment_name(configuration, job.name),
                description=job.description,
                tags=["send", configuration.la_code, *job.tags],
                parameters={"home": str(home.folder)},
                schedule=schedule,
                concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        )
    return made


def _deployment_name(configuration: Configuration, job: str) -> str:
    return f"{job}-{configuration.la_code}"


def _withdraw(names: list[str]) -> None:
    """Takes away the deployments of jobs that are off now, so that no run of theirs waits for ever."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    if not names:
        return
    with get_client(sync_client=True) as client:
        filters = DeploymentFilter(name=DeploymentFilterName(any_=names))
        for deployment in client.read_deployments(deployment_filter=filters):
            client.delete_deployment(deployment.id)
