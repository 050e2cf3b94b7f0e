"""The tables of the operations store, for SQLite and PostgreSQL alike. Times are UTC without zone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY = String(20)


class Base(DeclarativeBase):
    """The store's tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON, str: Text}  # noqa: RUF012


class RunRecord(Base):
    """One run. ``outcome`` is running, done, held, failed, or interrupted where it never came to its end.

    ``stage`` is the one that began last: load, build, check or publish.
    """

    __tablename__ = "run"

    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    as_at: Mapped[date]
    known_at: Mapped[datetime]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str | None] = mapped_column(String(16))
    seconds: Mapped[dict[str, Any]]


class CheckResultRecord(Base):
    """How one rule ended in one run."""

    __tablename__ = "check_result"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"), primary_key=True)
    dataset: Mapped[str] = mapped_column(String(128), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str]
    severity: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    failed_rows: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float]


WORK = (
    *("state", "owner", "organisation", "extract", "severity", "first_seen_at", "reopened_at", "assignee"),
    *("waiver_proposed_by", "waiver_approved_by", "finding_key"),
)
"""What people choose findings by and count them by: one narrow index answers for all of it."""


class FindingRecord(Base):
    """One finding as it stands now; how it came there is in its events.

    ``state`` is new, open, assigned, explained, waived, fixed or reopened. ``version`` counts what was done to it, so
    that an act on what somebody else has changed meanwhile can be refused. A waiver that nobody has approved has no
    ``waiver_approved_by``: it is a proposal.
    """

    __tablename__ = "finding"
    __table_args__ = (
        Index("finding_by_state", *WORK),
        Index("finding_by_rule", "rule_id", "dataset"),
        Index("finding_by_child", "child_id"),
        Index("finding_by_time", "first_seen_at", "rule_id", "finding_key", "state", "owner"),
        Index("finding_by_assignee", "assignee"),
    )

    finding_key: Mapped[str] = mapped_column(KEY, primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(128))
    rule_name: Mapped[str]
    severity: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(64))
    organisation: Mapped[str] = mapped_column(String(64))
    dataset: Mapped[str] = mapped_column(String(128))
    extract: Mapped[str | None]
    record_id: Mapped[str | None]
    child_id: Mapped[str | None]
    item: Mapped[str | None]
    value: Mapped[str | None]
    source_file: Mapped[str | None]
    source_row: Mapped[int | None] = mapped_column(BigInteger)
    remedy: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    fixed_at: Mapped[datetime | None]
    last_run_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(server_default="1")
    reopened_at: Mapped[datetime | None]
    assignee: Mapped[str | None]
    waiver_until: Mapped[date | None]
    waiver_reason: Mapped[str | None]
    waiver_proposed_by: Mapped[str | None]
    waiver_approved_by: Mapped[str | None]


class FindingSeen(Base):
    """What the run being recorded has found, on its way into ``finding``; empty between runs."""

    __tablename__ = "finding_seen"

    finding_key: Mapped[str] = mapped_column(KEY, primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(128))
    rule_name: Mapped[str]
    severity: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(64))
    organisation: Mapped[str] = mapped_column(String(64))
    dataset: Mapped[str] = mapped_column(String(128))
    extract: Mapped[str | None]
    record_id: Mapped[str | None]
    child_id: Mapped[str | None]
    item: Mapped[str | None]
    value: Mapped[str | None]
    source_file: Mapped[str | None]
    source_row: Mapped[int | None] = mapped_column(BigInteger)
    remedy: Mapped[str]
    first_seen_at: Mapped[datetime]


class FindingEventRecord(Base):
    """A turn in a finding's history, by a run (``run_id``) or a person (``actor``). Only ever added to.

    ``event`` is new, fixed or reopened where a run did it, or one of the acts of ``operations.triage``. ``detail`` is
    what the act names (an assignee, a date), ``note`` its reason; ``open_since`` is when what is fixed had opened. What
    a run did says whose finding it was.
    """

    __tablename__ = "finding_event"
    __table_args__ = (
        Index("finding_event_by_run", "run_id", "event"),
        Index("finding_event_by_finding", "finding_key"),
        Index("finding_event_by_time", "at", "event", "owner", "organisation"),
    )

    event_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    finding_key: Mapped[str] = mapped_column(KEY, ForeignKey("finding.finding_key"))
    run_id: Mapped[str | None] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime]
    actor: Mapped[str | None]
    detail: Mapped[str | None]
    note: Mapped[str | None]
    open_since: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(64))
    organisation: Mapped[str | None] = mapped_column(String(64))


class PublicationRecord(Base):
    """A gate's decision carried out: a product was published (with its content's hash) or held (with the reasons)."""

    __tablename__ = "publication"
    __table_args__ = (Index("publication_by_product", "product", "publication_id"),)

    publication_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    product: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    content: Mapped[str | None] = mapped_column(String(64))
    reasons: Mapped[list[str]]
    at: Mapped[datetime]


class ExplanationRecord(Base):
    """Why a query of the return is right as it stands. Only ever added to: of one finding the last stands.

    ``return_year`` is the year of the return it was written for; a finding that comes again next year keeps it.
    """

    __tablename__ = "explanation"
    __table_args__ = (Index("explanation_by_finding", "finding_key", "explanation_id"),)

    explanation_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    finding_key: Mapped[str] = mapped_column(KEY)
    rule_id: Mapped[str] = mapped_column(String(128))
    return_year: Mapped[int]
    explanation: Mapped[str]
    author: Mapped[str]
    at: Mapped[datetime]


class IdentityAnswerRecord(Base):
    """What a steward said of two persons of the sources: one child (yes), two (no), or not to be told (unsure).

    ``act`` is review for an answered question, split for an undone link. The left person is the one whose kind and
    anchor come first. Only ever added to: of one pair the last word stands.
    """

    __tablename__ = "identity_answer"
    __table_args__ = (Index("identity_answer_by_time", "at", "answer_id"),)

    answer_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    left_kind: Mapped[str] = mapped_column(String(32))
    left_anchor: Mapped[str]
    right_kind: Mapped[str] = mapped_column(String(32))
    right_anchor: Mapped[str]
    verdict: Mapped[str] = mapped_column(String(8))
    act: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    reviewer: Mapped[str]
    match_weight: Mapped[float | None]
    at: Mapped[datetime]


class JobDone(Base):
    """A scheduled job that was done for its day, so that a late or duplicate run of it does nothing again."""

    __tablename__ = "job_done"

    job: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    done_at: Mapped[datetime]


class RunLoadRecord(Base):
    """What one run loaded of one extract. ``delivered_at`` is when the source's newest file was written."""

    __tablename__ = "run_load"

    run_id: Mapped[str] = mapped_column(String(64), ForeignKey("run.run_id"), primary_key=True)
    extract: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    files: Mapped[int]
    rows_read: Mapped[int] = mapped_column(BigInteger)
    rows_loaded: Mapped[int] = mapped_column(BigInteger)
    rows_quarantined: Mapped[int] = mapped_column(BigInteger)
    delivered_at: Mapped[datetime | None]


class NoticeRecord(Base):
    """A notice that stands: told once, and told again only when its ``cause`` is another, or when it clears.

    ``owed_to`` are the channels that could not be reached when it was told.
    """

    __tablename__ = "notice"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(128), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    cause: Mapped[str]
    since: Mapped[datetime]
    owed_to: Mapped[list[str]]


class CorrectionRecord(Base):
    """A steward's value for one cell of one landed record, laid over it while it stands.

    ``state`` is proposed, approved, refused or lifted. It is laid over the cell only while that holds ``landed_value``,
    what the source said when the value was proposed; both values are texts as DuckDB casts them, null for empty.
    ``until`` is the last day it stands.
    """

    __tablename__ = "correction"
    __table_args__ = (
        Index("correction_by_state", "state", "extract"),
        Index("correction_by_record", "extract", "table_name", "record_id", "column_name"),
    )

    correction_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    extract: Mapped[str] = mapped_column(String(64))
    table_name: Mapped[str] = mapped_column(String(64))
    record_id: Mapped[str]
    column_name: Mapped[str] = mapped_column(String(64))
    landed_value: Mapped[str | None]
    value: Mapped[str | None]
    reason: Mapped[str]
    until: Mapped[date]
    finding_key: Mapped[str | None] = mapped_column(KEY)
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lifted_because: Mapped[str | None]


class AccountRecord(Base):
    """Someone who may use the console.

    A local account has a ``password_hash`` (argon2id), or until its first password an invitation, of which only the
    hash is kept; one of an OpenID Connect provider has the provider's ``subject`` (issuer and sub) instead.
    """

    __tablename__ = "account"
    __table_args__ = tuple(
        Index(f"account_by_{name}", name, unique=True) for name in ("name", "subject", "invitation_hash")
    )

    account_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str | None] = mapped_column(String(64))
    is_active: Mapped[bool]
    password_hash: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(String(512))
    invitation_hash: Mapped[str | None] = mapped_column(String(64))
    invitation_ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_signed_in_at: Mapped[datetime | None]


class SecondFactorRecord(Base):
    """The authenticator app of a local account: its secret, sealed with a key that is not in the store.

    ``last_step`` is the 30 seconds, counted from 1970, of the last code that was taken: none is taken twice.
    """

    __tablename__ = "second_factor"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.account_id"), primary_key=True, autoincrement=False)
    sealed_secret: Mapped[str]
    last_step: Mapped[int] = mapped_column(BigInteger)
    enrolled_at: Mapped[datetime]


class RecoveryCodeRecord(Base):
    """A recovery code that has not been used, by its hash."""

    __tablename__ = "recovery_code"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.account_id"), primary_key=True, autoincrement=False)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class SessionRecord(Base):
    """Someone signed in: the hash of the random text that their browser holds, and when it was made and last used.

    While a local account's second factor has not been given the session is not whole and opens no page.
    ``offered_secret`` is that of an authenticator app that is being set up, sealed.
    """

    __tablename__ = "session"
    __table_args__ = (Index("session_by_account", "account_id"),)

    session_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.account_id"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    is_whole: Mapped[bool]
    offered_secret: Mapped[str | None]


class SessionReasonRecord(Base):
    """Why a session looks at a child's record, as its holder said once."""

    __tablename__ = "session_reason"

    session_hash: Mapped[str] = mapped_column(ForeignKey("session.session_hash", ondelete="CASCADE"), primary_key=True)
    child_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    reason: Mapped[str]


class SignInAttemptRecord(Base):
    """An attempt to sign in that has not succeeded; of the name typed only a hash, since a password may slip there."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("sign_in_attempt_by_name", "name_hash", "at"),
        Index("sign_in_attempt_by_address", "address", "at"),
    )

    attempt_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    name_hash: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class AccessEntryRecord(Base):
    """Who did what in the console, and which child's record they saw or took along, and why. Only ever added to.

    ``about`` is what it was besides the child: a finding, a list, an account.
    """

    __tablename__ = "access_entry"
    __table_args__ = (
        Index("access_entry_by_account", "account_name", "entry_id"),
        Index("access_entry_by_child", "child_id", "entry_id"),
    )

    entry_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime]
    account_name: Mapped[str] = mapped_column(String(128))
    event: Mapped[str] = mapped_column(String(32))
    child_id: Mapped[str | None]
    about: Mapped[str | None]
    reason: Mapped[str | None]
    address: Mapped[str | None] = mapped_column(String(64))


class CommentaryRecord(Base):
    """What a manager said of an indicator's figure of a month. Only ever added to: of a month the last stands.

    ``month`` is its first day.
    """

    __tablename__ = "commentary"
    __table_args__ = (Index("commentary_by_indicator", "indicator_id", "month"),)

    comment_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    indicator_id: Mapped[str] = mapped_column(String(128))
    month: Mapped[date]
    text: Mapped[str]
    author: Mapped[str]
    at: Mapped[datetime]


class AcceptedFallRecord(Base):
    """Somebody's word that an indicator's falls up to then are right. Only ever added to."""

    __tablename__ = "accepted_fall"

    acceptance_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    indicator_id: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str]
    author: Mapped[str]
    at: Mapped[datetime]


class DeliveryRecord(Base):
    """A published product on its way to a destination of others: ``outcome`` is delivered, standing or failed."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_by_destination", "destination", "product", "delivery_id"),)

    delivery_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    destination: Mapped[str] = mapped_column(String(64))
    product: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    run_id: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(String(64))
    as_at: Mapped[date]
    problem: Mapped[str | None]
    at: Mapped[datetime]


class DataProtectionActRecord(Base):
    """What was done under data protection law: ``act`` is subject_access, erasure or retention. Only ever added to.

    ``certificate`` says what was given or removed in figures; it holds no personal data but the child's number.
    """

    __tablename__ = "data_protection_act"
    __table_args__ = (Index("data_protection_act_by_child", "child_id", "act_id"),)

    act_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    act: Mapped[str] = mapped_column(String(16))
    child_id: Mapped[str | None]
    by: Mapped[str]
    because: Mapped[str]
    certificate: Mapped[dict[str, Any]]
    at: Mapped[datetime]
