"""Accounts, passwords, sessions and the access log, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher

from operations import passwords
from operations.access_log import AccessLog
from operations.accounts import (
    ADMINISTRATOR,
    ATTEMPTS_PER_ADDRESS,
    ATTEMPTS_PER_NAME,
    INVITATION_DAYS,
    STEWARD,
    VIEWER,
    WINDOW,
    Account,
    AccountRefused,
    Accounts,
    SignInRefused,
    TooManyAttempts,
)
from operations.passwords import PasswordRefused, check_password
from operations.sessions import ABSOLUTE, HALF, IDLE, Sessions
from operations.store import OperationsStore

PASSWORD = "four lanterns over a quiet harbour"
HERE = "127.0.0.1"


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 2, 9)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def accounts(store: OperationsStore, hands: Hands) -> Accounts:
    return Accounts(store, ("thurrock", "883"), hands)


@pytest.fixture
def sessions(store: OperationsStore, accounts: Accounts, hands: Hands) -> Sessions:
    return Sessions(store, accounts, hands)


def signed_in(sessions: Sessions, account: Account) -> str:
    """The secret of a whole session, as whoever has given their second factor holds it."""
    half = sessions.find_half(sessions.begin(account))
    assert half is not None
    return sessions.complete(half)


@pytest.mark.parametrize(
    "password",
    [
        "eleven char",
        "password1234",
        "thurrockcouncil",
        "aaaaaaaaaaaaaaa",
        "abcdefghijklmn",
        "my name is hill and more",
        "x" * 129,
    ],
)
def test_a_password_that_is_short_common_or_ones_name_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused):
        check_password(password, "margaret.hill", ("thurrock", "council"))


@pytest.mark.parametrize("password", [PASSWORD, "ÿ løvetann på en grå brygge", "kX9 mmQz71Lp!"])
def test_a_long_password_needs_no_digit_no_sign_and_no_ascii(password: str) -> None:
    check_password(password, "margaret.hill", ("thurrock", "council"))


def test_who_gives_the_right_password_signs_in(accounts: Accounts) -> None:
    made = accounts.add(" Margaret.Hill ", STEWARD, "health_steward", password=PASSWORD)
    assert accounts.sign_in("margaret.hill", PASSWORD, HERE).account_id == made.account_id
    assert made.organisation == "health"


def test_one_password_however_its_letters_are_composed(accounts: Accounts) -> None:
    accounts.add("zoe", VIEWER, password="Zoë-less café by the sea")
    accounts.sign_in("zoe", "Zoe\u0308-less cafe\u0301 by the sea", HERE)


@pytest.mark.parametrize(("name", "password"), [("margaret.hill", "wrong"), ("nobody", PASSWORD), ("invited", "")])
def test_it_is_not_said_what_was_wrong(accounts: Accounts, name: str, password: str) -> None:
    accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    accounts.add("invited", VIEWER)
    with pytest.raises(SignInRefused, match=r"^Name and password do not belong together, or the account is closed\.$"):
        accounts.sign_in(name, password, HERE)


def test_a_closed_account_cannot_sign_in_and_its_sessions_end(accounts: Accounts, sessions: Sessions) -> None:
    account = accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    secret = signed_in(sessions, account)
    accounts.change(account.account_id, role=VIEWER, owner=None, is_active=False)
    assert sessions.find(secret) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in("margaret.hill", PASSWORD, HERE)


def test_after_many_wrong_passwords_even_the_right_one_has_to_wait(accounts: Accounts, hands: Hands) -> None:
    accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    for number in range(ATTEMPTS_PER_NAME):
        with pytest.raises(SignInRefused):
            accounts.sign_in("margaret.hill", "wrong", f"10.0.0.{number}")
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("margaret.hill", PASSWORD, HERE)
    hands.at += WINDOW + timedelta(seconds=1)
    accounts.sign_in("margaret.hill", PASSWORD, HERE)


def test_an_address_that_tries_many_names_has_to_wait(store: OperationsStore, hands: Hands) -> None:
    accounts = Accounts(store, (), hands)
    for number in range(ATTEMPTS_PER_ADDRESS):
        accounts.count_attempt(f"name{number}", "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("another", PASSWORD, "10.0.0.1")


def test_attempts_at_once_do_not_slip_past_the_limit(accounts: Accounts) -> None:
    def attempt(_number: int) -> bool:
        try:
            accounts.count_attempt("margaret.hill", HERE)
        except TooManyAttempts:
            return False
        return True

    with ThreadPoolExecutor(12) as crowd:
        assert sum(crowd.map(attempt, range(2 * ATTEMPTS_PER_NAME))) == ATTEMPTS_PER_NAME


def test_two_accounts_of_one_name_are_not_made(accounts: Accounts) -> None:
    accounts.add("margaret.hill", VIEWER)
    with pytest.raises(AccountRefused, match="already"):
        accounts.add("MARGARET.HILL", VIEWER)


@pytest.mark.parametrize(
    ("role", "owner"), [("king", None), (STEWARD, None), (STEWARD, "nobody"), (VIEWER, "sen_team")]
)
def test_role_and_owner_must_fit(accounts: Accounts, role: str, owner: str | None) -> None:
    with pytest.raises(AccountRefused):
        accounts.add("margaret.hill", role, owner)


def test_the_last_administrator_stays(accounts: Accounts) -> None:
    first = accounts.add("first", ADMINISTRATOR, password=PASSWORD)
    with pytest.raises(AccountRefused, match="last administrator"):
        accounts.change(first.account_id, role=ADMINISTRATOR, owner=None, is_active=False)
    accounts.add("second", ADMINISTRATOR, password=PASSWORD)
    accounts.change(first.account_id, role=VIEWER, owner=None, is_active=True)


def test_an_invitation_sets_a_password_once_and_for_three_days(accounts: Accounts, hands: Hands) -> None:
    account = accounts.add("margaret.hill", VIEWER)
    late = accounts.invite(account.account_id)
    hands.at += timedelta(days=INVITATION_DAYS)
    with pytest.raises(SignInRefused):
        accounts.accept(late, PASSWORD)
    secret = accounts.invite(account.account_id)
    accounts.accept(secret, PASSWORD)
    accounts.sign_in("margaret.hill", PASSWORD, HERE)
    with pytest.raises(SignInRefused):
        accounts.accept(secret, "another three words entirely")


def test_a_new_password_ends_every_session(accounts: Accounts, sessions: Sessions) -> None:
    account = accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    secrets = [signed_in(sessions, account) for _ in range(2)]
    accounts.set_password(account.account_id, "another three words entirely")
    assert [sessions.find(secret) for secret in secrets] == [None, None]


def test_whom_a_provider_vouches_for_has_the_role_it_says_each_time(accounts: Accounts) -> None:
    first = accounts.sign_in_by_provider("https://id 1", "Hill@council.gov.uk", VIEWER, None)
    again = accounts.sign_in_by_provider("https://id 1", "hill@council.gov.uk", STEWARD, "sen_team")
    assert (again.account_id, again.role, again.owner) == (first.account_id, STEWARD, "sen_team")


def test_a_provider_does_not_take_over_a_local_account(accounts: Accounts) -> None:
    accounts.add("hill@council.gov.uk", ADMINISTRATOR, password=PASSWORD)
    with pytest.raises(AccountRefused):
        accounts.sign_in_by_provider("https://id 1", "hill@council.gov.uk", VIEWER, None)


def test_a_session_ends_unused_and_in_any_case(accounts: Accounts, sessions: Sessions, hands: Hands) -> None:
    account = accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    secret, start = signed_in(sessions, account), hands.at
    while hands.at - start < ABSOLUTE - IDLE:
        hands.at += IDLE - timedelta(minutes=1)
        assert sessions.find(secret) is not None
    hands.at = start + ABSOLUTE + timedelta(seconds=1)
    assert sessions.find(secret) is None
    unused = signed_in(sessions, account)
    hands.at += IDLE + timedelta(seconds=1)
    assert sessions.find(unused) is None


def test_a_password_alone_is_no_session_and_waits_ten_minutes_for_the_second_factor(
    accounts: Accounts, sessions: Sessions, hands: Hands
) -> None:
    account = accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    secret = sessions.begin(account)
    assert sessions.find(secret) is None
    assert sessions.find_half(secret) is not None
    hands.at += HALF + timedelta(seconds=1)
    assert sessions.find_half(secret) is None


def test_a_session_is_completed_once_and_under_another_secret(accounts: Accounts, sessions: Sessions) -> None:
    account = accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    secret = sessions.begin(account)
    half = sessions.find_half(secret)
    assert half is not None
    whole = sessions.complete(half)
    assert sessions.find(whole) is not None
    assert (sessions.find(secret), sessions.find_half(secret), sessions.find_half(whole)) == (None, None, None)
    with pytest.raises(SignInRefused):
        sessions.complete(half)


def test_whom_a_provider_vouches_for_is_signed_in_at_once(accounts: Accounts, sessions: Sessions) -> None:
    account = accounts.sign_in_by_provider("https://id 1", "hill@council.gov.uk", VIEWER, None)
    secret = sessions.begin(account)
    assert sessions.find(secret) is not None


def test_the_store_does_not_hold_what_a_browser_holds(
    accounts: Accounts, sessions: Sessions, store: OperationsStore
) -> None:
    account = accounts.add("margaret.hill", VIEWER, password=PASSWORD)
    held = (signed_in(sessions, account), accounts.invite(account.account_id), PASSWORD)
    with store.reading() as connection:
        kept = [
            str(row) for table in ("account", "session") for row in connection.exec_driver_sql(f"select * from {table}")
        ]
    assert kept
    assert not [secret for secret in held for row in kept if secret in row]


def test_why_a_child_is_looked_at_is_said_once_a_session(accounts: Accounts, sessions: Sessions) -> None:
    account = accounts.add("margaret.hill", STEWARD, "sen_team", password=PASSWORD)
    session = sessions.find(signed_in(sessions, account))
    assert session is not None
    sessions.give_reason(session, "child-1", "a parent called")
    sessions.give_reason(session, "child-1", "another reason")
    assert sessions.reason(session, "child-1") == "a parent called"
    other = sessions.find(signed_in(sessions, account))
    assert other is not None
    assert sessions.reason(other, "child-1") is None


def test_the_log_tells_who_saw_which_child_and_why(store: OperationsStore, hands: Hands) -> None:
    log = AccessLog(store, hands)
    log.note("hill", "viewed", address=HERE, child_ids=["a"], about="finding 1", reason="working on finding 1")
    log.note("hill", "exported", address=HERE, child_ids=["a", "b"], about="findings")
    log.note("hill", "signed_out", address=HERE)
    assert [(e.event, e.child_id, e.reason) for e in log.entries(child_id="a", limit=9)] == [
        ("exported", "a", None),
        ("viewed", "a", "working on finding 1"),
    ]
    assert log.count(account_name="hill") == 4
    assert [entry.event for entry in log.every_entry()] == ["viewed", "exported", "exported", "signed_out"]


def test_passwords_are_kept_as_argon2id_with_the_memory_that_rfc_9106_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert passwords.hashed(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
