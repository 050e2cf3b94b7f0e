"""The second factor and its recovery codes, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from connectors.errors import ConfigurationError
from operations import passwords
from operations.accounts import ATTEMPTS_PER_NAME, STEWARD, WINDOW, Account, AccountRefused, Accounts, TooManyAttempts
from operations.factors import STEP_SECONDS, FactorRefused, SecondFactors, app_code, reset_factor
from operations.sealing import KEY_BYTES, KEY_VARIABLE, Seal, SealBroken
from operations.sessions import Session, Sessions
from operations.store import OperationsStore

HERE, KEY = "127.0.0.1", bytes(KEY_BYTES)
STEP = timedelta(seconds=STEP_SECONDS)


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 2, 9)

    def __call__(self) -> datetime:
        return self.at

    def code_of(self, secret: str, steps: int = 0) -> str:
        """What an app with the secret shows now, or some steps later."""
        return app_code(secret, int(self.at.replace(tzinfo=UTC).timestamp()) // STEP_SECONDS + steps)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def accounts(store: OperationsStore, hands: Hands) -> Accounts:
    return Accounts(store, (), hands)


@pytest.fixture
def sessions(store: OperationsStore, accounts: Accounts, hands: Hands) -> Sessions:
    return Sessions(store, accounts, hands)


@pytest.fixture
def factors(store: OperationsStore, accounts: Accounts, hands: Hands) -> SecondFactors:
    return SecondFactors(store, accounts, Seal(KEY), hands)


@pytest.fixture
def account(accounts: Accounts) -> Account:
    return accounts.add("margaret.hill", STEWARD, "sen_team")


def half_of(sessions: Sessions, account: Account) -> Session:
    half = sessions.find_half(sessions.begin(account))
    assert half is not None
    return half


@pytest.fixture
def enrolled(factors: SecondFactors, sessions: Sessions, account: Account, hands: Hands) -> str:
    """The secret of the account's app, set up a minute ago."""
    half = half_of(sessions, account)
    secret = factors.offer(half)
    factors.enrol(half, hands.code_of(secret), HERE)
    hands.at += 2 * STEP
    return secret


def kept(store: OperationsStore) -> str:
    """All that the store holds of second factors and sessions."""
    with store.reading() as connection:
        return str(
            [
                tuple(row)
                for table in ("second_factor", "recovery_code", "session", "sign_in_attempt")
                for row in connection.exec_driver_sql(f"select * from {table}")
            ]
        )


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
)
def test_the_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    """Appendix B's SHA-1 vectors, their last six digits; its secret is 12345678901234567890."""
    assert app_code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at // STEP_SECONDS) == code


def test_an_app_is_set_up_once_it_shows_the_right_code(
    factors: SecondFactors, accounts: Accounts, sessions: Sessions, account: Account, hands: Hands
) -> None:
    half = half_of(sessions, account)
    secret = factors.offer(half)
    with pytest.raises(FactorRefused):
        factors.enrol(half, "000000" if hands.code_of(secret) != "000000" else "000001", HERE)
    codes = factors.enrol(half, hands.code_of(secret), HERE)
    assert len({*codes}) == factors.codes_left(account) == 10
    found = accounts.get(account.account_id)
    assert found is not None
    assert found.factor_since == hands.at


def test_the_code_that_set_the_app_up_signs_nobody_in(
    factors: SecondFactors, account: Account, enrolled: str, hands: Hands
) -> None:
    hands.at -= 2 * STEP
    with pytest.raises(FactorRefused):
        factors.prove(account, hands.code_of(enrolled), HERE)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_phone_may_be_half_a_minute_wrong(
    steps: int, factors: SecondFactors, account: Account, enrolled: str, hands: Hands
) -> None:
    code = hands.code_of(enrolled, steps)
    assert factors.prove(account, f" {code[:3]} {code[3:]} ", HERE) == "app"


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_a_code_of_another_minute_is_refused(
    steps: int, factors: SecondFactors, account: Account, enrolled: str, hands: Hands
) -> None:
    with pytest.raises(FactorRefused):
        factors.prove(account, hands.code_of(enrolled, steps), HERE)


def test_no_code_is_taken_twice_nor_one_from_before_it(
    factors: SecondFactors, account: Account, enrolled: str, hands: Hands
) -> None:
    before, code = hands.code_of(enrolled, -1), hands.code_of(enrolled)
    factors.prove(account, code, HERE)
    for used in (code, before):
        with pytest.raises(FactorRefused):
            factors.prove(account, used, HERE)
    hands.at += STEP
    factors.prove(account, hands.code_of(enrolled), HERE)


def test_of_many_who_send_one_code_at_once_one_has_it(
    factors: SecondFactors, account: Account, enrolled: str, hands: Hands
) -> None:
    code = hands.code_of(enrolled)

    def attempt(_number: int) -> bool:
        try:
            factors.prove(account, code, HERE)
        except FactorRefused:
            return False
        return True

    with ThreadPoolExecutor(6) as crowd:
        assert sum(crowd.map(attempt, range(6))) == 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "000000\x00", "' or 1=1", "-" * 40])
def test_what_is_no_code_is_refused(code: str, factors: SecondFactors, account: Account, enrolled: str) -> None:
    with pytest.raises(FactorRefused):
        factors.prove(account, code, HERE)


def test_a_recovery_code_is_taken_once_however_it_is_typed(
    factors: SecondFactors, sessions: Sessions, account: Account, hands: Hands
) -> None:
    half = half_of(sessions, account)
    first, *_, last = factors.enrol(half, hands.code_of(factors.offer(half)), HERE)
    assert factors.prove(account, first, HERE) == "recovery_code"
    assert factors.prove(account, last.lower().replace("-", " "), HERE) == "recovery_code"
    for used in (first, last):
        with pytest.raises(FactorRefused):
            factors.prove(account, used, HERE)
    assert factors.codes_left(account) == 8


def test_new_recovery_codes_take_the_place_of_the_old(factors: SecondFactors, account: Account, enrolled: str) -> None:
    (old, *_), (new, *_) = factors.make_codes(account), factors.make_codes(account)
    with pytest.raises(FactorRefused):
        factors.prove(account, old, HERE)
    factors.prove(account, new, HERE)


def test_nobody_has_recovery_codes_without_an_app(factors: SecondFactors, account: Account) -> None:
    with pytest.raises(FactorRefused):
        factors.make_codes(account)


def test_after_many_wrong_codes_even_the_right_one_has_to_wait(
    factors: SecondFactors, accounts: Accounts, account: Account, enrolled: str, hands: Hands
) -> None:
    for number in range(ATTEMPTS_PER_NAME):
        with pytest.raises(FactorRefused):
            factors.prove(account, "not a code", f"10.0.0.{number}")
    for waiting in (lambda: factors.prove(account, hands.code_of(enrolled), HERE), lambda: sign_in(accounts)):
        with pytest.raises(TooManyAttempts):
            waiting()
    hands.at += WINDOW + timedelta(seconds=1)
    factors.prove(account, hands.code_of(enrolled), HERE)


def sign_in(accounts: Accounts) -> Account:
    return accounts.sign_in("margaret.hill", "four lanterns over a quiet harbour", HERE)


def test_the_right_password_gives_no_further_attempts_at_the_code(
    factors: SecondFactors, accounts: Accounts, account: Account, enrolled: str
) -> None:
    accounts.set_password(account.account_id, "four lanterns over a quiet harbour")

    def attempts() -> int:
        for number in range(50):
            try:
                sign_in(accounts)
                factors.prove(account, "not a code", HERE)
            except TooManyAttempts:
                return number
            except FactorRefused:
                continue
        return 50

    assert attempts() == ATTEMPTS_PER_NAME // 2


def test_each_session_is_offered_a_secret_of_its_own(
    factors: SecondFactors, sessions: Sessions, account: Account, hands: Hands
) -> None:
    thiefs, holders = half_of(sessions, account), half_of(sessions, account)
    seen = factors.offer(thiefs)
    secret = factors.offer(holders)
    assert (factors.offered(holders), factors.offered(thiefs)) == (secret, seen)
    factors.enrol(holders, hands.code_of(secret), HERE)
    with pytest.raises(FactorRefused, match="set up for this account meanwhile"):
        factors.enrol(thiefs, hands.code_of(seen), HERE)
    hands.at += STEP
    factors.prove(account, hands.code_of(secret), HERE)


def test_another_app_takes_the_place_of_the_first_and_ends_other_sessions(
    factors: SecondFactors, sessions: Sessions, account: Account, enrolled: str, hands: Hands
) -> None:
    (recovery, *_) = factors.make_codes(account)
    here, elsewhere = (sessions.complete(half_of(sessions, account)) for _ in range(2))
    session = sessions.find(here)
    assert session is not None
    other = factors.offer(session)
    factors.enrol(session, hands.code_of(other), HERE)
    assert sessions.find(here) is not None
    assert sessions.find(elsewhere) is None
    hands.at += STEP
    for gone in (hands.code_of(enrolled), recovery):
        with pytest.raises(FactorRefused):
            factors.prove(account, gone, HERE)
    factors.prove(account, hands.code_of(other), HERE)


def test_a_reset_takes_the_app_and_its_codes_and_ends_sessions(
    factors: SecondFactors,
    accounts: Accounts,
    sessions: Sessions,
    account: Account,
    enrolled: str,
    hands: Hands,
    store: OperationsStore,
) -> None:
    (recovery, *_) = factors.make_codes(account)
    session = sessions.complete(half_of(sessions, account))
    reset_factor(store, account)
    assert sessions.find(session) is None
    for gone in (hands.code_of(enrolled), recovery):
        with pytest.raises(FactorRefused):
            factors.prove(account, gone, HERE)
    found = accounts.get(account.account_id)
    assert found is not None
    assert found.factor_since is None
    with pytest.raises(AccountRefused, match="nothing to reset"):
        reset_factor(store, account)


def test_the_store_holds_neither_secret_nor_recovery_code(
    factors: SecondFactors, sessions: Sessions, account: Account, store: OperationsStore, hands: Hands
) -> None:
    half = half_of(sessions, account)
    secret = factors.offer(half)
    assert secret not in kept(store)
    codes = factors.enrol(half, hands.code_of(secret), HERE)
    held = kept(store)
    assert len(held) > 1_000
    assert not [text for text in (secret, *codes, *(c.replace("-", "") for c in codes)) if text in held]


def test_a_secret_moved_to_another_account_or_under_another_key_does_not_open(
    factors: SecondFactors, accounts: Accounts, account: Account, enrolled: str, hands: Hands, store: OperationsStore
) -> None:
    other = accounts.add("thief", STEWARD, "sen_team")
    with factors._store.writing() as connection:
        connection.exec_driver_sql(f"update second_factor set account_id = {other.account_id}")
    with pytest.raises(SealBroken):
        factors.prove(other, hands.code_of(enrolled), HERE)
    with factors._store.writing() as connection:
        connection.exec_driver_sql(f"update second_factor set account_id = {account.account_id}")
    factors.prove(account, hands.code_of(enrolled), HERE)
    under_another_key = SecondFactors(store, accounts, Seal(b"k" * KEY_BYTES), hands)
    with pytest.raises(SealBroken, match="reset-factor"):
        under_another_key.prove(account, hands.code_of(enrolled, 1), HERE)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "ab" * KEY_BYTES)
    sealed = Seal.from_environment().seal("a secret", "somebody")
    assert Seal(b"\xab" * KEY_BYTES).open(sealed, "somebody") == "a secret"


@pytest.mark.parametrize(
    ("key", "what"),
    [("", "is not set"), *((key, "hexadecimal") for key in ("a password", "ab" * 31, "zz" * 32, "ab" * 33))],
)
def test_without_a_key_it_is_told_how_to_make_one(key: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(ConfigurationError, match=f"{KEY_VARIABLE} .*{what}.*token_hex"):
        Seal.from_environment()
