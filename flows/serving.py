"""``send serve``: a Prefect server with its pages, and the home's jobs on their schedules, until it is stopped."""

from __future__ import annotations

import importlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from connectors.configuration import Configuration, read_configuration
from connectors.errors import ConfigurationError
from flows.server import ServerUnavailable, check_answers, serving, standing_server
from flows.settings import PREFECT_DEFAULTS
from flows.terminal import Json, output, print_json
from warehouse.home import Home

if TYPE_CHECKING:
    from flows.schedules import Job

PORT = 4200
RUNS_AT_ONCE = 50


def serve(port: Annotated[int, typer.Option(min=1, max=65_535, help="Where Prefect's pages answer.")] = PORT) -> None:
    """Run the jobs of this home on their schedules: the nightly load and the rest. Stop it with Ctrl-C."""
    home = Home.from_environment()
    configuration = read_configuration(home.folder)
    home.create()
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "60")  # seconds; flows.automations waits for it
    if os.environ.get("PREFECT_LOGGING_LEVEL") == PREFECT_DEFAULTS["PREFECT_LOGGING_LEVEL"]:
        os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"  # for Prefect's pages; what fails is told in our own words
    with serving(home, port) as api_url:
        serve_jobs(home, configuration, api_url)


def serve_jobs(home: Home, configuration: Configuration, api_url: str) -> None:
    """Serves the home's jobs on the Prefect server at ``api_url``, one at a time, until the process is told to stop.

    Stopping pauses no schedule: what falls due meanwhile is late when the server is back, and begins then.
    """
    from prefect import serve as serve_deployments

    from flows.automations import register_automations
    from flows.schedules import JOBS, scheduled_jobs

    deployments = deployments_of(home, configuration)
    served = {job.name for job, _ in scheduled_jobs(configuration)}
    _withdraw([_deployment_name(configuration, job.name) for job in JOBS if job.name not in served])
    for job, cron in scheduled_jobs(configuration):
        output().print(f"{job.name}: {cron} (London time)", markup=False)
    for deployment, (job, _) in zip(deployments, scheduled_jobs(configuration), strict=True):
        _schedule_missed(home, job, deployment.apply())  # serving it finds it there
    if deployments:
        try:
            register_automations(home, configuration)
        except ConfigurationError as error:
            output().print(f"Lost and late runs are not told: {error}", markup=False)
    output().print(f"Prefect's pages: {api_url.removesuffix('/api')}", markup=False)
    serve_deployments(*deployments, pause_on_shutdown=False, limit=1, print_starting_message=False)


def automations(json_output: Json = False) -> None:
    """Have the Prefect server tell, through the channels of notify, when a run was lost, failed or has not begun.

    send serve does it by itself; after prefect deploy, or with another notify, it is done by this command.
    """
    home = Home.from_environment()
    configuration = read_configuration(home.folder)
    api_url = os.environ.get("PREFECT_API_URL") or standing_server(home)
    if api_url is None:
        raise ServerUnavailable(
            "No Prefect server is at work on this home. Begin send serve, or name yours in PREFECT_API_URL."
        )
    check_answers(api_url)
    os.environ["PREFECT_API_URL"] = api_url
    from flows.automations import register_automations

    names = register_automations(home, configuration)
    if json_output:
        print_json({"automations": names, "channels": configuration.notify})
        return
    for name in names:
        output().print(name, markup=False, highlight=False)
    if not configuration.notify:
        output().print("send.yml names no channel under notify, so nobody is told by the server.", markup=False)


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


def _schedule_missed(home: Home, job: Job, deployment_id: UUID) -> None:
    """Has a run made for what fell due while the server was off, if the job has ever been done.

    The server makes runs for the next few times only: after longer than those none would be there to begin. A run that
    is there already is not made twice.
    """
    from prefect.client.orchestration import get_client

    from operations.jobs import was_ever_done
    from operations.store import OperationsStore

    store = OperationsStore(home.operations_url)
    is_known = was_ever_done(store, job.name)
    store.close()
    if not is_known:
        return
    now = datetime.now(UTC)
    window = {"start_time": (now - job.every).isoformat(), "end_time": now.isoformat(), "max_runs": RUNS_AT_ONCE}
    with get_client(sync_client=True) as client:
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json=window)


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
