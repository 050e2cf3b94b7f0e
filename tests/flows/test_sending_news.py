"""An owner with a channel is told the news of each run once, later where the channel could not be reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from checks.findings import FINDING_COLUMNS
from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError
from flows.logs import RunLog
from flows.news import send_news
from flows.notices import OF_A_NIGHT, tell
from operations.notices import Notice, standing_notices
from operations.store import OperationsStore
from tests.flows.conftest import Channel, keep
from tests.operations.nights import Nights, Result, finding
from warehouse.home import Home

CONFIGURATION = 'la_code: "883"\nla_name: Invented borough\n'
HEALTH = {"owner": "health_steward", "rule_id": "r2", "extract": "health_advice"}


@dataclass
class Told(Nights):
    """Nights at whose end stewards are told, as a run tells them."""

    home: Home | None = None

    def end(self, checked: bool = True) -> list[Notice]:
        """Sends what is new, and what is owed; gives the notices that stand."""
        assert self.home is not None
        configuration, log = read_configuration(self.home.folder), RunLog(self.home, self.run_id)
        found = send_news(configuration, self.store, self.run_id if checked else None, log)
        at = datetime(2026, 7, self.number, 18)
        tell(self.home, configuration, self.store, found, OF_A_NIGHT, at, log, self.run_id)
        return [standing.notice for standing in standing_notices(self.store)]

    def name(self, **channels: str) -> None:
        assert self.home is not None
        self.home.configuration.write_text(CONFIGURATION + f"stewards: {json.dumps(channels)}\n")


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Told]:
    home = Home(tmp_path)
    home.create()
    store = OperationsStore(home.operations_url)
    with duckdb.connect() as connection:
        connection.execute("create schema checks")
        connection.execute(f"create table checks.finding ({', '.join(f'{n} {t}' for n, t in FINDING_COLUMNS.items())})")
        yield Told(store, connection, home=home)
    store.close()


def test_each_owner_gets_their_own_news_and_no_value_record_or_file(nights: Told, channel: Channel) -> None:
    nights.name(sen_team="notice-address/send-team")
    results = (Result("r1"), Result("r2"))
    nights.run(finding("a", value="Abara", record_id="A812"), finding("h", **HEALTH), results=results)
    assert nights.end() == []
    (told,) = channel
    assert told["title"] == "SEND Invented borough: 1 newly failing, 0 newly fixed"
    assert "children: CH1" in told["message"] and "Enter the reason." in told["message"]
    assert not [hidden for hidden in ("Abara", "A812", "plan.csv", "r2") if hidden in told["message"]]


def test_a_run_that_changed_nothing_or_checked_nothing_tells_nobody(nights: Told, channel: Channel) -> None:
    nights.name(sen_team="notice-address/send-team")
    nights.run(finding("a"))
    nights.end()
    nights.run(finding("a"))
    nights.end()
    nights.end(checked=False)
    assert len(channel) == 1


def test_news_not_sent_is_told_keeps_nobody_waiting_and_is_sent_with_the_next(nights: Told, channel: Channel) -> None:
    nights.name(health_steward="notice-address/nobody", sen_team="notice-address/send-team")
    results = (Result("r1"), Result("r2"))
    nights.run(finding("a"), finding("h", **HEALTH), results=results)
    (notice,) = nights.end()
    assert (notice.kind, notice.subject, len(channel)) == ("news_not_sent", "health_steward", 1)
    assert "could not be sent to health_steward through notice-address/nobody" in notice.text
    nights.run(finding("a"), results=results)
    (notice,) = nights.end()
    assert notice.text.startswith("The news of 2 runs")
    keep("nobody", channel.address)
    assert nights.end(checked=False) == []
    told = channel[-1]
    assert told["title"] == "SEND Invented borough: 1 newly failing, 1 newly fixed"
    assert told["message"].index("in run run-1") < told["message"].index("in run run-2")
    nights.end(checked=False)
    assert len(channel) == 2


def test_an_owner_whose_channel_is_taken_away_is_owed_nothing(nights: Told, channel: Channel) -> None:
    nights.name(sen_team="notice-address/nobody")
    nights.run(finding("a"))
    assert len(nights.end()) == 1
    nights.name()
    assert nights.end(checked=False) == []


@pytest.mark.parametrize(
    ("channels", "why"),
    [({"sen_taem": "notice-address/send-team"}, "owns no records"), ({"sen_team": "a@council.gov.uk"}, "is no block")],
)
def test_a_mistyped_owner_or_channel_is_refused(nights: Told, channels: dict[str, str], why: str) -> None:
    nights.name(**channels)
    with pytest.raises(ConfigurationError, match=why):
        nights.end()
