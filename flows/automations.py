"""What only Prefect's server can see, told by Prefect's automations: a run that was killed, went silent or never began.

The run itself tells whatever it comes to. Where its process is gone, or nobody has begun it, the server sends through
the blocks that ``notify`` names; it knows the block type ``notice-address`` by the entry point in ``pyproject.toml``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.actions import ActionTypesOrUnknown, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from connectors.configuration import Configuration
from connectors.errors import ConfigurationError
from flows.notices import anchor
from flows.schedules import TOLD_FAILURE
from warehouse.home import Home

HEARTBEAT_SECONDS = 60
SILENT_AFTER = timedelta(minutes=20)
"""How long a run may give no sign of life, of one a minute, before it counts as crashed.

Of a run that its schedule made less than five minutes before it began, Prefect holds every change of state back for a
quarter of an hour: each waits for the one before, and for the first, the run's making, no event is sent. Signs of life
do not wait, so with less than that a run that has ended would count as silent.
"""
OUR_TAG = "send"
PAGE = 200
"""How many deployments Prefect gives at a time."""
ENDED = ("Completed", "Held", "Passed over", "Failed", TOLD_FAILURE, "TimedOut", "Cancelled", "Crashed")
BEGUN = ("Pending", "Running", "AwaitingConcurrencySlot", "Cancelling", *ENDED)


def register_automations(
    home: Home,
    configuration: Configuration,
    late_after: timedelta | None = None,
    silent_after: timedelta = SILENT_AFTER,
) -> list[str]:
    """Has the Prefect server watch the deployments of this home; gives the names of the automations.

    Those that stand as they should are left alone, changed ones are brought up to date, and without a channel under
    ``notify`` those that would tell are taken away. Raises ``ConfigurationError`` where the home has no deployment or
    Prefect does not know a channel.
    """
    late_after = late_after or timedelta(minutes=configuration.late_after_minutes)
    with get_client(sync_client=True) as client:
        watched = deployments_of_home(client, home)
        if not watched:
            raise ConfigurationError(
                f"Prefect has no deployment of {home.folder}. Make them first: send serve, or prefect deploy --all"
            )
        channels = [_block_id(client, name) for name in configuration.notify]
        wanted = _automations(configuration, watched, channels, late_after, silent_after)
        for core in wanted:
            _register(client, core)
        kept = {core.name for core in wanted}
        for title in TITLES:
            for leftover in client.read_automations_by_name(_name(configuration, title)):
                if leftover.name not in kept:
                    client.delete_automation(leftover.id)
    return sorted(kept)


def deployments_of_home(client: SyncPrefectClient, home: Home) -> list[UUID]:
    """The deployments whose runs work on this home, whoever made them."""
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[OUR_TAG]))
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(deployment_filter=ours, limit=PAGE, offset=len(found)):
        found += page
    return sorted(
        deployment.id
        for deployment in found
        if Path(str(deployment.parameters.get("home", ""))).resolve() == home.folder.resolve()
    )


SILENT, INTERRUPTED, FAILED, LATE = TITLES = (
    "a run gives no sign of life",
    "a run was interrupted",
    "a run failed",
    "a run has not begun",
)


def _automations(
    configuration: Configuration,
    watched: Sequence[UUID],
    channels: Sequence[UUID],
    late_after: timedelta,
    silent_after: timedelta,
) -> list[AutomationCore]:
    """The automations as they should stand. They send no state's message on: a run has told itself what it could."""

    def tell(subject: str, text: str, kind: str) -> list[ActionTypesOrUnknown]:
        body = f"{text} What was published stands. What to do: {anchor(kind)}"
        subject = f"SEND {configuration.la_name}: {subject}"
        return [SendNotification(block_document_id=channel, subject=_plain(subject), body=body) for channel in channels]

    silent = AutomationCore(
        name=_name(configuration, SILENT),
        description="Marks a run as crashed whose machine or worker has gone, so that it is told and its place freed.",
        trigger=_trigger(
            watched, expect=("heartbeat", *ENDED), after=("heartbeat",), within=silent_after, is_absence=True
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                force=False,
                message=f"Its process gave no sign of life for {_minutes(silent_after)}.",
            )
        ],
    )
    run = "The run {{ flow_run.name }} of {{ deployment.name }}"
    telling = [
        (
            INTERRUPTED,
            _trigger(watched, expect=("Crashed",)),
            tell("a run was interrupted", f"{run} was cut off: its process or its machine stopped.", "run_interrupted"),
        ),
        (
            FAILED,
            _trigger(watched, expect=("Failed", "TimedOut")),
            tell("a run failed", f"{run} failed, and could not tell why by itself.", "run_failed"),
        ),
        (
            LATE,
            _trigger(watched, expect=BEGUN, after=("Late",), within=late_after, is_absence=True),
            tell(
                "a run has not begun",
                f"{run} was due more than {_minutes(late_after)} ago and has not begun.",
                "run_late",
            ),
        ),
    ]
    return [
        silent,
        *(
            AutomationCore(name=_name(configuration, title), trigger=trigger, actions=actions)
            for title, trigger, actions in telling
            if actions
        ),
    ]


def _trigger(
    watched: Sequence[UUID],
    expect: Collection[str],
    after: Collection[str] = (),
    within: timedelta = timedelta(0),
    is_absence: bool = False,
) -> EventTrigger:
    """A trigger for each run of the deployments: on what is expected, or where it does not come in time."""
    return EventTrigger(
        posture=Posture.Proactive if is_absence else Posture.Reactive,
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related={
            "prefect.resource.role": "deployment",
            "prefect.resource.id": [f"prefect.deployment.{deployment}" for deployment in watched],
        },
        for_each={"prefect.resource.id"},
        after={f"prefect.flow-run.{name}" for name in after},
        expect={f"prefect.flow-run.{name}" for name in expect},
        threshold=1,
        within=within,
    )


def _register(client: SyncPrefectClient, core: AutomationCore) -> None:
    """Makes the automation, or brings it up to date. One that a person has switched off stays off.

    One that stands as it should is not touched: the server forgets, with an update, what it has been waiting for.
    """
    standing = client.read_automations_by_name(core.name)
    if not standing:
        client.create_automation(core)
        return
    first, *doubles = standing
    for double in doubles:
        client.delete_automation(double.id)
    if _content(first) != _content(core):
        client.update_automation(first.id, core.model_copy(update={"enabled": first.enabled}))


def _content(automation: AutomationCore) -> tuple[object, ...]:
    return automation.description, automation.trigger, automation.actions


def _block_id(client: SyncPrefectClient, name: str) -> UUID:
    kind, _, block = name.partition("/")
    try:
        return client.read_block_document_by_name(name=block, block_type_slug=kind).id
    except ObjectNotFound:
        raise ConfigurationError(
            f"notify names {name}, and Prefect knows no such block. Make it: send notices add NAME --address-env VAR"
        ) from None


def _name(configuration: Configuration, title: str) -> str:
    return f"SEND {configuration.la_code}: {title}"


def _minutes(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"


def _plain(text: str) -> str:
    """The text without what Prefect would take for a template: a council's name is no code."""
    return text.replace("{", "(").replace("}", ")")
