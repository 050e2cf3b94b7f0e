"""Removes records of children from every place that holds them, and certifies it without naming anyone.

Nothing is removed halfway: the landing's files are written anew beside the old, the removal's record is the moment
from which the new ones count, and what a killed removal left lying is swept by the next. The warehouse goes as a
whole, for it is rebuilt from the landing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from connectors.manifest import known_manifests, write_whole
from connectors.removals import (
    Removal,
    RewrittenFile,
    key_of,
    record_hash_sql,
    removals,
    removals_folder,
)
from connectors.typing_rules import literal, record_id_sql
from operations.acts import Act, PersonalDetail, corrections_of, forget_children, forget_fixed_findings, record_act
from operations.store import OperationsStore
from protection.records import LandedTable, find_records, landed_tables, set_apart_sql
from protection.retention import Policy, years_before
from warehouse.home import Home
from warehouse.publication import forget_in_publications

ERASED = "erased"
CIN_EXTRACTS = ("cin_census", "short_breaks", "ssd", "ssda903")
"""The extracts that share social care's number of a child."""
KEPT_WHERE = (
    "The council's source systems and the extract files they delivered: there the council removes them itself; what "
    "is delivered again does not land again.",
    "Backups of this home, until they are overwritten by the council's own rotation.",
    "Files taken out of the warehouse by users (workbooks, CSV, subject access exports).",
    "The linkage model: frequencies of names that many children bear, and no one child's.",
)


@dataclass
class TableRemoval:
    """What goes of one landed table: rows landed, rows set apart, in how many files."""

    extract: str
    table: str
    rows_landed: int = 0
    rows_set_apart: int = 0
    files: int = 0


@dataclass
class Certificate:
    """What was removed, by what rule, by whom and why, in figures. It holds no personal data.

    An erasure's ``child_id`` is a number that leads nowhere any more.
    """

    act: str
    by: str
    because: str
    at: str
    as_at: str
    child_id: str | None
    children: int
    rules: list[dict[str, Any]]
    tables: list[TableRemoval] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    records_withheld: int = 0
    identities_forgotten: int = 0
    operations: dict[str, int] = field(default_factory=dict)
    publications: list[str] = field(default_factory=list)
    returns_removed: list[str] = field(default_factory=list)
    returns_kept: list[str] = field(default_factory=list)
    kept_elsewhere: list[str] = field(default_factory=lambda: list(KEPT_WHERE))
    is_applied: bool = False

    @property
    def rows(self) -> int:
        """How many landed rows went, those set apart too."""
        return sum(table.rows_landed + table.rows_set_apart for table in self.tables)

    def as_text(self) -> str:
        """The certificate for a person to file."""
        done = "were removed" if self.is_applied else "would be removed (nothing has been: this is a dry run)"
        lines = [
            f"CERTIFICATE OF {'ERASURE' if self.act == 'erasure' else 'RETENTION'}",
            "",
            f"On {self.at} UTC, as at {self.as_at}, {self.rows:,} rows of {self.children:,} children {done}.",
            f"{f'By {self.by}. ' if self.by else ''}Because: {self.because}",
            *([f"Child: {self.child_id}"] if self.child_id else []),
            "",
            "Rules",
            *(f"- {rule['what']}: {rule['rule']}. {rule['basis']}" for rule in self.rules),
            "",
            "Landed tables (rows landed, rows set apart, files)",
            *(
                f"- {t.extract}.{t.table}: {t.rows_landed:,}, {t.rows_set_apart:,}, {t.files:,}"
                for t in self.tables
                if t.rows_landed or t.rows_set_apart
            ),
            "",
            "Files rewritten (before and after, SHA-256)",
            *(f"- {f['before']} {f['before_sha256']}\n  {f['after']} {f['after_sha256']}" for f in self.files),
            "",
            f"Records that may not land again: {self.records_withheld:,}",
            f"Identities forgotten: {self.identities_forgotten:,}",
            *(f"Operations store, {what}: {count:,}" for what, count in self.operations.items()),
            *(f"Publication: {what}" for what in self.publications),
            *(f"Return removed: {what}" for what in self.returns_removed),
            *(f"Return kept (a statutory return as it was made): {what}" for what in self.returns_kept),
            "",
            "Not reached by this removal",
            *(f"- {where}" for where in self.kept_elsewhere),
        ]
        return "\n".join(lines) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class Remover:
    """Removes what ``due_record`` and ``due`` of the open warehouse name, from every place.

    ``is_wholly_gone`` children lose their identity too. Hold the home's lock, and call ``look`` before ``apply``.
    """

    def __init__(
        self,
        home: Home,
        connection: duckdb.DuckDBPyConnection,
        store: OperationsStore,
        certificate: Certificate,
        policy: Policy | None = None,
    ) -> None:
        self.home = home
        self.connection = connection
        self.store = store
        self.certificate = certificate
        self.policy = policy
        self.as_at = date.fromisoformat(certificate.as_at)
        self.tables = landed_tables(home)
        self._rows: dict[Path, int] = {}
        self._aged = self._quarantine_past_its_age()

    def look(self) -> None:
        """Counts what would go, by table, and notes it in the certificate."""
        self._find_set_apart()
        for table in self.tables:
            removal = TableRemoval(table.extract, table.name)
            landed = self._counts(self._doomed_rows(table)) if table.files else {}
            apart = self._counts(self._doomed_set_apart(table)) if table.quarantine else {}
            self._rows |= landed | apart
            removal.rows_landed, removal.rows_set_apart = sum(landed.values()), sum(apart.values())
            removal.files = len(landed) + len(apart)
            if removal.files:
                self.certificate.tables.append(removal)
        ((children,),) = self.connection.execute("select count(distinct child_id) from due").fetchall()
        self.certificate.children = children
        self.certificate.returns_removed = [path.name for path in self._returns_past_their_age()]
        kept = [path.name for path in self._return_years() if path.name not in self.certificate.returns_removed]
        self.certificate.returns_kept = kept if children else []

    def apply(self) -> None:
        """Removes it, from the landing first. What then fails is finished by applying again."""
        self._sweep()
        children, wholly, anchors = self._affected()
        corrections = [row["correction_id"] for row in corrections_of(self.store, self.connection, "due_record")]
        self._remove_from_landing()
        self.certificate.identities_forgotten = self._forget_identities(wholly, anchors)
        detail = PersonalDetail(
            children=children, wholly=wholly, anchors=anchors, extracts=self._extracts(), corrections=corrections
        )
        self.certificate.operations = forget_children(self.store, detail)
        if self.policy is not None:
            years = self.policy.others.fixed_findings.years
            before = datetime.combine(years_before(self.as_at, years), datetime.min.time())
            self.certificate.operations["old fixed findings without their detail"] = forget_fixed_findings(
                self.store, before
            )
        self.certificate.publications = forget_in_publications(self.home, children)
        for path in self._returns_past_their_age():
            shutil.rmtree(path)
        self.certificate.is_applied = True

    def finish(self) -> Path:
        """Takes the warehouse away, to be rebuilt, and keeps the certificate. Call once the warehouse is closed."""
        for path in (self.home.warehouse, self.home.scored_pairs, self.home.warehouse.parent / "built.json"):
            path.unlink(missing_ok=True)
        self.home.clear_leftovers()
        return keep_certificate(self.home, self.store, self.certificate)

    def _counts(self, query: str) -> dict[Path, int]:
        found = self.connection.execute(f"select _path, count(*) from ({query}) group by _path").fetchall()
        return {Path(path): count for path, count in found}

    def _is_doomed(self, table: LandedTable, record_id: str) -> str:
        return (
            f"{record_id} in (select record_id from due_record where extract = {literal(table.extract)} "
            f"and table_name = {literal(table.name)})"
        )

    def _doomed_rows(self, table: LandedTable) -> str:
        return f"select * from {table.rows} as rows where {self._is_doomed(table, record_id_sql(table.table, 'rows.'))}"

    def _find_set_apart(self) -> None:
        """Makes ``due_set_apart (path, load_id, file, row)``: rows set apart that are of children whose records go."""
        self.connection.execute(
            "create or replace temp table due_set_apart (path varchar, load_id varchar, file varchar, row bigint)"
        )
        for table in self.tables:
            if table.quarantine:
                self.connection.execute(
                    "insert into due_set_apart select _path, _load_id, _file, _row "
                    f"from ({set_apart_sql(table)}) as rows "
                    f"semi join due on rows.child_id = due.child_id and due.extract = {literal(table.extract)}"
                )

    def _doomed_set_apart(self, table: LandedTable) -> str:
        """The SQL of the rows set apart that go: of children whose records go, or too old to be mended."""
        aged = ", ".join(literal(str(path)) for path in table.quarantine if path in self._aged) or "''"
        return (
            f"select * from {table.rows_set_apart} as rows where rows._path in ({aged}) "
            "or exists (select 1 from due_set_apart as held where held.path = rows._path "
            "and held.load_id = rows._load_id and held.file = rows._file and held.row = rows._row) "
            f"or {self._is_doomed(table, 'rows.record_id')}"
        )

    def _quarantine_past_its_age(self) -> frozenset[Path]:
        """The files of rows set apart that landed before the policy's years, and never since."""
        if self.policy is None:
            return frozenset()
        before = years_before(self.as_at, self.policy.others.rows_set_apart.years)
        last: dict[str, date] = {}
        for manifest in known_manifests(self.home.landing):
            for entry in manifest.files:
                if entry.quarantine and entry.has_landed:
                    last[entry.quarantine] = manifest.landed_at.date()
        return frozenset(self.home.folder / path for path, landed in last.items() if landed < before)

    def _return_years(self) -> list[Path]:
        return sorted((self.home.folder / "returns").glob("[0-9][0-9][0-9][0-9]"))

    def _returns_past_their_age(self) -> list[Path]:
        if self.policy is None:
            return []
        years = self.policy.others.returns.years
        return [path for path in self._return_years() if int(path.name) + years < self.as_at.year]

    def _extracts(self) -> dict[str, list[str]]:
        """By child, the extracts whose records go."""
        found = self.connection.execute("select child_id, list(distinct extract) from due group by child_id").fetchall()
        return {child_id: sorted(extracts) for child_id, extracts in found}

    def _affected(self) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """The children any of whose records go, those of whom nothing stays, and the anchors that go."""
        children = self._column("select distinct child_id from due order by child_id")
        wholly = self._column(
            "select child_id from due group by child_id "
            "having not exists (select 1 from child_record as held where held.child_id = due.child_id "
            "and held.extract not in (select other.extract from due as other where other.child_id = held.child_id))"
        )
        united = ", ".join(literal(extract) for extract in CIN_EXTRACTS)
        anchors = self.connection.execute(
            f"""
            select anchor.anchor_kind, anchor.anchor
            from identity.identity__anchor as anchor
            inner join identity.identity__person as person
                on anchor.anchor_kind = person.anchor_kind and anchor.anchor = person.anchor
            where anchor.child_id in (select unnest(?::varchar[]))
                or (
                    exists (
                        select 1 from due
                        where due.child_id = anchor.child_id and due.extract = person.source_extract
                    )
                    and (
                        anchor.anchor_kind <> 'cin' or not exists (
                            select 1 from child_record as held
                            where held.child_id = anchor.child_id and held.extract in ({united})
                                and not exists (
                                    select 1 from due
                                    where due.child_id = held.child_id and due.extract = held.extract
                                )
                        )
                    )
                )
            """,
            [wholly],
        ).fetchall()
        return children, wholly, [(kind, anchor) for kind, anchor in anchors]

    def _column(self, query: str) -> list[str]:
        return [row[0] for row in self.connection.execute(query).fetchall()]

    def _sweep(self) -> None:
        """Removes landed files that no manifest names any more: a killed load's or a killed removal's."""
        named: set[Path] = set()
        for manifest in known_manifests(self.home.landing):
            for entry in manifest.files:
                named |= {self.home.folder / name for name in (entry.parquet, entry.quarantine, entry.gone) if name}
        for folder in (self.home.landing, self.home.folder / "quarantine"):
            for path in folder.glob("*/*/*.parquet"):
                if path not in named:
                    path.unlink()

    def _remove_from_landing(self) -> None:
        """Writes the files anew without the rows, commits the removal, and only then deletes the old ones."""
        number = max((removal.number for removal in removals(self.home.landing)), default=0) + 1
        files: list[RewrittenFile] = []
        for table in self.tables:
            for kind, paths, condition in self._parts(table):
                for path in paths:
                    files.append(self._rewritten(table, kind, path, condition, number))
        withheld = self._withhold(number)
        self.certificate.records_withheld = withheld
        self.certificate.files = [file.model_dump(mode="json") for file in files]
        if not files and not withheld:
            return
        removal = Removal(
            number=number,
            act=self.certificate.act,
            by=self.certificate.by,
            because=self.certificate.because,
            at=datetime.fromisoformat(self.certificate.at),
            files=tuple(files),
            records_withheld=withheld,
        )
        target = removals_folder(self.home.landing) / f"{number:06d}.json"
        write_whole(target, (json.dumps(removal.model_dump(mode="json"), indent=1) + "\n").encode())
        for file in files:
            (self.home.folder / file.before).unlink()

    def _parts(self, table: LandedTable) -> Iterator[tuple[str, list[Path], str]]:
        """The files of a table that hold rows that go: their kind, and the SQL of the rows to keep in each."""
        landed = [path for path in table.files if path in self._rows]
        keep = f"not coalesce({self._is_doomed(table, record_id_sql(table.table, 'rows.'))}, false)"
        yield "parquet", landed, f"from rows where {keep}"
        apart = [path for path in table.quarantine if path in self._rows]
        doomed = f"({self._doomed_set_apart(table)})" if apart else ""
        yield "quarantine", apart, f"from rows anti join {doomed} as gone using (_load_id, _file, _row)"
        gone = [path for path in self._files_of_gone(table) if self._counts_gone(table, path)]
        yield "gone", gone, f"from rows where not coalesce({self._is_doomed(table, 'rows.record_id')}, false)"

    def _files_of_gone(self, table: LandedTable) -> list[Path]:
        found = {
            self.home.folder / entry.gone: None
            for manifest in known_manifests(self.home.landing, extract=table.extract)
            for entry in manifest.files
            if entry.gone and entry.table == table.name
        }
        return list(found)

    def _counts_gone(self, table: LandedTable, path: Path) -> int:
        doomed = self._is_doomed(table, "rows.record_id")
        query = f"select count(*) from read_parquet({literal(str(path))}) as rows where {doomed}"
        ((count,),) = self.connection.execute(query).fetchall()
        return int(count)

    def _rewritten(self, table: LandedTable, kind: str, path: Path, keep: str, number: int) -> RewrittenFile:
        """Writes one file anew, beside the old."""
        stem = path.stem.partition("-r0")[0]
        after = path.with_name(f"{stem}-r{number:06d}.parquet")
        source = f"read_parquet({literal(str(path))})"
        ((before,),) = self.connection.execute(f"select count(*) from {source}").fetchall()
        ((left,),) = self.connection.execute(
            f"copy (with rows as (from {source}) select rows.* {keep}) to {literal(str(after))} "
            "(format parquet, compression zstd)"
        ).fetchall()
        return RewrittenFile(
            extract=table.extract,
            table=table.name,
            kind=kind,
            before=path.relative_to(self.home.folder).as_posix(),
            before_bytes=path.stat().st_size,
            before_sha256=_sha256(path),
            after=after.relative_to(self.home.folder).as_posix(),
            after_bytes=after.stat().st_size,
            after_sha256=_sha256(after),
            rows_before=before,
            rows_removed=before - left,
        )

    def _withhold(self, number: int) -> int:
        """Remembers the removed records by a keyed hash, so that none lands again; gives how many."""
        key = key_of(self.home.landing)
        pairs = self.connection.execute("select distinct extract, table_name from due_record order by all").fetchall()
        if not pairs:
            return 0
        hashed = " union all ".join(
            f"select distinct extract, table_name, {record_hash_sql(key, extract, table, 'record_id')} as record_hash "
            f"from due_record where extract = {literal(extract)} and table_name = {literal(table)} "
            "and record_id is not null"
            for extract, table in pairs
        )
        target = removals_folder(self.home.landing) / f"withheld-{number:06d}.parquet"
        partial = target.with_suffix(".partial")
        ((count,),) = self.connection.execute(
            f"copy ({hashed} order by all) to {literal(str(partial))} (format parquet, compression zstd)"
        ).fetchall()
        partial.replace(target)
        return int(count)

    def _forget_identities(self, wholly: Sequence[str], anchors: Sequence[tuple[str, str]]) -> int:
        """Takes the anchors out of the register of ids. The number itself stays used: it is never given again."""
        if not anchors and not wholly:
            return 0
        self.connection.execute("create or replace temp table forgotten (anchor_kind varchar, anchor varchar)")
        if anchors:
            self.connection.executemany("insert into forgotten values (?, ?)", anchors)
        self.connection.execute("create or replace temp table forgotten_child (child_id varchar)")
        self.connection.execute("insert into forgotten_child select unnest(?::varchar[])", [list(wholly)])
        goes = (
            f"(anchor_kind <> '{ERASED}' and (child_id in (from forgotten_child) "
            "or exists (select 1 from forgotten where forgotten.anchor_kind = register.anchor_kind "
            "and forgotten.anchor = register.anchor)))"
        )
        count = 0
        for path in sorted(self.home.identity.glob("*.parquet")):
            register = f"read_parquet({literal(str(path))}) as register"
            ((found,),) = self.connection.execute(f"select count(*) from {register} where {goes}").fetchall()
            if not found:
                continue
            partial = path.with_suffix(".partial")
            self.connection.execute(
                f"copy (select * replace (case when {goes} then '{ERASED}' else anchor_kind end as anchor_kind, "
                f"case when {goes} then child_id else anchor end as anchor) from {register}) "
                f"to {literal(str(partial))} (format parquet)"
            )
            partial.replace(path)
            count += found
        return count


def keep_certificate(home: Home, store: OperationsStore, certificate: Certificate) -> Path:
    """Keeps the certificate as JSON and text in ``certificates/`` of the home and in the operations store."""
    stamp = datetime.fromisoformat(certificate.at).strftime("%Y%m%dT%H%M%S")
    path = home.folder / "certificates" / f"{stamp}-{certificate.act}.json"
    write_whole(path, (json.dumps(asdict(certificate), indent=2) + "\n").encode())
    write_whole(path.with_suffix(".txt"), certificate.as_text().encode())
    act = Act(certificate.act, certificate.child_id, certificate.by, certificate.because, asdict(certificate))
    record_act(store, act)
    return path


def now() -> str:
    """The moment a certificate is of (UTC)."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()


def find_all_of(connection: duckdb.DuckDBPyConnection, child_id: str, tables: Sequence[LandedTable]) -> None:
    """Makes ``due`` and ``due_record`` of everything of one child: its erasure."""
    find_records(connection, [child_id], tables)
    connection.execute("create or replace temp table due as select distinct child_id, extract from child_record")
    connection.execute(
        "create or replace temp table due_record as "
        "select distinct extract, table_name, record_id, child_id from child_record"
    )
