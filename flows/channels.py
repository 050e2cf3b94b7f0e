"""The channels that notices go through besides the file: Prefect's notification blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.notifications import AppriseNotificationBlock

from connectors.errors import ConfigurationError


class NoticeAddress(AppriseNotificationBlock):
    """Any address that Apprise knows (``mailtos://…``, ``msteams://…``), kept in Prefect as a secret."""

    _block_type_name = "Notice address"
    _block_type_slug = "notice-address"


def notify(name: str, body: str, subject: str) -> None:
    """Sends through the block ``name`` (``slack-webhook/send-team``).

    Raises ``ConfigurationError`` where there is no such block, and the block's own error where nobody was reached.
    """
    try:
        block = Block.load(name)
    except ValueError:
        raise ConfigurationError(
            f"notify names {name}, and Prefect knows no such block. Make it: send notices add NAME --address-env VAR"
        ) from None
    if not isinstance(block, NotificationBlock):
        raise ConfigurationError(f"notify names {name}, which is no block that notifies.")
    with block.raise_on_failure():
        send: Callable[..., Any] = block.notify
        send(body, subject=subject)
