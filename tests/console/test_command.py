"""``send console`` on the command line: accounts made, listed and mended, and the pages served."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.configuration import Configuration
from connectors.errors import ConfigurationError, SendError
from console.context import Console
from flows.command_line import app
from operations.access_log import AccessLog
from operations.accounts import Accounts
from operations.sealing import KEY_BYTES, KEY_VARIABLE
from operations.store import OperationsStore
from tests.console.authenticator import AUTHENTICATOR, SEAL, set_up_app
from tests.console.conftest import PASSWORD
from warehouse.home import Home

HERE = "127.0.0.1"
CONFIGURATION = 'la_code: "883"\nla_name: Thameside\nsources: {}\n'


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    monkeypatch.setenv("SEND_HOME", str(home.folder))
    return home


def send_console(*arguments: str, typed: str = "") -> Result:
    """What ``send console`` says; raises the error that it ends with."""
    result = CliRunner().invoke(app, ["console", *arguments], input=typed)
    if isinstance(result.exception, SendError):
        raise result.exception
    return result


def accounts_of(home: Home) -> Accounts:
    return Accounts(OperationsStore(home.operations_url), ())


def test_the_first_administrator_is_made_here_and_may_sign_in(empty_home: Home) -> None:
    told = send_console("add-account", "admin", "--role", "administrator", typed=f"{PASSWORD}\n")
    assert told.stdout == "admin may sign in as administrator.\n"
    assert accounts_of(empty_home).sign_in("admin", PASSWORD, HERE).name == "admin"


def test_a_password_is_never_told_nor_kept_as_typed(empty_home: Home) -> None:
    told = send_console("add-account", "admin", "--role", "administrator", typed=f"{PASSWORD}\n")
    assert PASSWORD not in told.output
    assert PASSWORD.encode() not in (empty_home.folder / "operations.db").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "password", "why"),
    [
        (("admin", "--role", "administrator"), "", "12 characters"),
        (("admin", "--role", "administrator"), "password1234", "among those that are tried first"),
        (("admin", "--role", "king"), PASSWORD, "There is no such role"),
        (("a.steward", "--role", "steward"), PASSWORD, "A steward belongs to an owner of findings"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_the_reason(
    arguments: tuple[str, ...], password: str, why: str, empty_home: Home
) -> None:
    with pytest.raises(SendError, match=f"(?i){why}"):
        send_console("add-account", *arguments, typed=f"{password}\n")
    assert accounts_of(empty_home).all() == []


def test_accounts_are_listed_without_what_proves_them(empty_home: Home) -> None:
    send_console("add-account", "b.steward", "--role", "steward", "--owner", "sen_team", typed=f"{PASSWORD}\n")
    (listed,) = json.loads(send_console("accounts", "--json").stdout)
    assert (listed["name"], listed["role"], listed["owner"]) == ("b.steward", "steward", "sen_team")
    assert listed["has_password"] is True
    assert "argon2" not in json.dumps(listed)
    assert "b.steward" in send_console("accounts").stdout


def test_another_password_takes_the_place_of_the_old_one(empty_home: Home) -> None:
    send_console("add-account", "admin", "--role", "administrator", typed=f"{PASSWORD}\n")
    send_console("set-password", "admin", typed="seven kites above the salt marsh\n")
    with pytest.raises(SendError):
        accounts_of(empty_home).sign_in("admin", PASSWORD, HERE)
    assert accounts_of(empty_home).sign_in("admin", "seven kites above the salt marsh", HERE).name == "admin"


def test_the_password_of_nobody_is_not_set(empty_home: Home) -> None:
    with pytest.raises(SendError, match="no account nobody"):
        send_console("set-password", "nobody", typed=f"{PASSWORD}\n")


@pytest.fixture
def with_an_app(empty_home: Home) -> Accounts:
    """Accounts of which a.steward has an authenticator app set up."""
    send_console("add-account", "a.steward", "--role", "steward", "--owner", "sen_team", typed=f"{PASSWORD}\n")
    store = OperationsStore(empty_home.operations_url)
    configuration = Configuration(la_code="883", la_name="Thameside", home=empty_home.folder)
    console = Console(empty_home, configuration, store, SEAL, is_secure=False, clock=AUTHENTICATOR.now)
    (account,) = console.accounts.all()
    set_up_app(console, account)
    return console.accounts


RESET = ("reset-factor", "a.steward", "--by", "B. Manager", "--because", "Lost the phone; seen in person.")


def test_a_lost_app_is_reset_and_the_log_says_by_whom_and_why(empty_home: Home, with_an_app: Accounts) -> None:
    assert send_console(*RESET).stdout == (
        "a.steward sets up an authenticator app at the next sign-in, after the password.\n"
    )
    (account,) = with_an_app.all()
    assert account.factor_since is None
    (entry,) = AccessLog(OperationsStore(empty_home.operations_url)).entries(limit=9)
    assert (entry.account_name, entry.event, entry.about) == ("B. Manager", "factor_reset", "a.steward")
    assert entry.reason == "Lost the phone; seen in person."


def test_an_app_that_is_not_set_up_is_not_reset(with_an_app: Accounts) -> None:
    send_console(*RESET)
    with pytest.raises(SendError, match="There is nothing to reset"):
        send_console(*RESET)
    with pytest.raises(SendError, match="no account nobody"):
        send_console("reset-factor", "nobody", *RESET[2:])


@pytest.mark.parametrize("blank", ["--by", "--because"])
def test_a_reset_says_who_and_why(blank: str, with_an_app: Accounts) -> None:
    place = RESET.index(blank) + 1
    with pytest.raises(SendError, match="Nothing was changed"):
        send_console(*RESET[:place], " ", *RESET[place + 1 :])
    (account,) = with_an_app.all()
    assert account.factor_since is not None


def test_the_accounts_say_who_has_an_app(with_an_app: Accounts) -> None:
    (listed,) = json.loads(send_console("accounts", "--json").stdout)
    (account,) = with_an_app.all()
    assert listed["factor_since"] == str(account.factor_since)


def test_a_certificate_without_its_key_is_wrong_usage(empty_home: Home, tmp_path: Path) -> None:
    result = send_console("--certificate", str(tmp_path / "certificate.pem"))
    assert result.exit_code != 0
    assert "Give both" in result.output


def test_without_a_key_for_second_factors_no_page_is_served(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    empty_home.configuration.write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ConfigurationError, match=f"{KEY_VARIABLE} is not set"):
        send_console("--port", "0")


def test_the_pages_are_served_until_stopped(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    empty_home.configuration.write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setenv(KEY_VARIABLE, "ab" * KEY_BYTES)
    send_console("add-account", "admin", "--role", "administrator", typed=f"{PASSWORD}\n")
    command = [sys.executable, "-m", "flows.command_line", "console", "--port", "0"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    try:
        assert run.stdout is not None
        told = run.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", told)
        assert found, told
        with urllib.request.urlopen(f"{found[0]}/sign-in", timeout=20) as page:
            assert "Thameside" in page.read().decode()
        run.send_signal(signal.SIGINT)
        assert "Traceback" not in run.communicate(timeout=30)[0]
    finally:
        run.kill()
