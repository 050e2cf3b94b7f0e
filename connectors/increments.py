"""Reads a database table by watermark: after a first whole reading, only the rows that changed since the last.

What is read again unchanged is left out, what was deleted at the source is noticed by its keys, and where the keys
tell that an increment would not give what a whole reading gives, the table is read whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import ColumnElement, Connection, FromClause, MetaData, exists, func, or_, select
from sqlalchemy import Table as DatabaseTable
from sqlalchemy.exc import DataError, NoSuchTableError, NotSupportedError, ProgrammingError

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract, Table
from connectors.damage import damage_of
from connectors.errors import FileRefused
from connectors.landing import Chain, chain_rows_sql, chains_of, deliveries_of, register_last
from connectors.manifest import FileEntry, Manifest, Watermark
from connectors.readers import Delivered, Hashed
from connectors.readers.database import read_table
from connectors.reading import Chained, TableReading, type_delivery
from connectors.removals import withheld_sql
from connectors.typing_rules import identifier, literal, record_id_sql

# A change becomes visible only when its transaction ends, stamped with when it began: so much is looked at again.
OVERLAP = timedelta(days=1)
# So many increments upon one whole reading; then the table is read whole, and its chain begins anew.
MOST_INCREMENTS = 60

Mark = datetime | date | int | Decimal | str


@dataclass(frozen=True)
class Increment:
    """What a reading by watermark came to, and its content's hash. ``entry`` stands where nothing has changed."""

    reading: TableReading
    sha256: str
    size: int
    entry: FileEntry | None = None


@dataclass(frozen=True)
class TableByWatermark:
    """One database table that is read by watermark, in one load.

    ``found`` is the table as the database calls it, ``file`` as the landing does; ``typing`` a connection from
    ``open_typing``.
    """

    connection: Connection
    typing: duckdb.DuckDBPyConnection
    source: SourceConfiguration
    contract: ExtractContract
    name: str
    found: str
    file: str
    home: Path
    folder: Path
    load_id: str
    known_at: datetime
    reading_version: str

    @property
    def table(self) -> Table:
        """The contract's table."""
        return self.contract.tables[self.name]

    def read(self, manifests: Sequence[Manifest]) -> Increment:
        """The rows that changed since the last of these manifests, or where need be all rows.

        Raises ``FileRefused``.
        """
        column = self._column()
        reached = self._highest(column)
        watermark = Watermark(of=self._place(column), reached=None if reached is None else _as_text(reached))
        chain = self._chain(manifests, watermark)
        since = None if chain is None or reached is None else self._since(chain, reached)
        if chain is not None and since is not None and (increment := self._changed(chain, since, watermark)):
            return increment
        return self._whole(watermark)

    def _column(self) -> ColumnElement[Any]:
        try:
            reflected = DatabaseTable(
                self.found, MetaData(), schema=self.source.database_schema, autoload_with=self.connection
            )
        except NoSuchTableError:
            raise FileRefused("The table vanished while it was being read.", table=self.name) from None
        return self._named(reflected)

    def _named(self, reflected: FromClause) -> ColumnElement[Any]:
        wanted = self.source.watermark[self.name]
        columns = {column.name: column for column in reflected.columns}
        spelt = {name.casefold(): column for name, column in columns.items()}
        found = columns.get(wanted, spelt.get(wanted.casefold()))
        if found is None:
            raise FileRefused(
                f"It has no column {wanted!r}, which send.yml names as its watermark. Correct the name, or remove the "
                "setting, and the table is read whole.",
                table=self.name,
            )
        return found

    def _highest(self, column: ColumnElement[Any]) -> Mark | None:
        """The highest value there is; of moments none far ahead, for one wrong year must not hide what follows."""
        statement = select(func.max(column))
        if (kind := _kind(column)) in (datetime, date):
            statement = statement.where(column <= _moment(self.known_at + OVERLAP, column))
        try:
            with self.connection.begin_nested() if self.connection.dialect.name == "postgresql" else nullcontext():
                highest: Any = self.connection.execute(statement).scalar_one()
        except (ProgrammingError, DataError, NotSupportedError) as error:
            raise FileRefused(f"{self._unusable()} ({type(error.orig).__name__}).", table=self.name) from None
        if highest is not None and (kind is None or not isinstance(highest, kind)):
            raise FileRefused(f"{self._unusable()}.", table=self.name)
        mark: Mark | None = highest
        return mark

    def _unusable(self) -> str:
        return (
            f"Its watermark {self.source.watermark[self.name]} cannot be used: name a column of moments, days, numbers "
            "or texts that rises with every change"
        )

    def _place(self, column: ColumnElement[Any]) -> str:
        """A hash of where the column is; another server or database is another table, whoever reads it."""
        url = self.connection.engine.url
        place = [url.get_backend_name(), url.host, url.port, url.database, self.source.database_schema]
        return hashlib.sha256("\n".join(str(part) for part in (*place, self.found, column)).encode()).hexdigest()[:16]

    def _chain(self, manifests: Sequence[Manifest], watermark: Watermark) -> Chain | None:
        """What was read of this table before, if an increment may follow it."""
        deliveries = deliveries_of(manifests, self.name)
        chain = next((c for c in chains_of(deliveries) if deliveries and c[-1] is deliveries[-1]), None)
        if chain is None or len(chain) > MOST_INCREMENTS:
            return None
        if any(damage_of(self.home, delivery.entry) for delivery in chain):
            return None  # what follows a link that is lost must hold all it held
        before = chain[-1].entry
        is_same = before.file == self.file and before.watermark and before.watermark.of == watermark.of
        is_read_alike = {delivery.entry.reading for delivery in chain} == {self.reading_version}
        return chain if is_same and is_read_alike else None

    def _since(self, chain: Chain, highest: Mark) -> Mark | None:
        """From which value on rows are fetched; None where the source has gone back behind what was reached."""
        before = chain[-1].entry.watermark
        if before is None or before.reached is None:
            return None
        try:
            reached: Any = _from_text(before.reached, highest)
            since: Mark = reached - OVERLAP if isinstance(reached, date) else reached
        except (ValueError, OverflowError):
            return None
        return None if reached > highest else since

    def _changed(self, chain: Chain, since: Mark, watermark: Watermark) -> Increment | None:
        """What changed since the chain's last; None where that would not give what a whole reading gives."""

        def changed(reflected: FromClause) -> ColumnElement[bool]:
            marked = self._named(reflected)
            return or_(marked >= since, marked.is_(None))

        def of_changed_keys(reflected: DatabaseTable) -> ColumnElement[bool]:
            other = reflected.alias("other")
            alike = (other.c[headings[name]] == reflected.c[headings[name]] for name in self.table.key)
            return or_(changed(reflected), exists().where(*alike, changed(other)))

        fetched, headings = self._fetched(changed)
        keys = self._keys(headings)
        try:
            self._register(chain, fetched, keys)
            if not self._agrees(keys):
                # Perhaps rows share a key and not all of them changed: then all rows of such a key.
                fetched, headings = self._fetched(of_changed_keys)
                self._register(chain, fetched, keys)
                if not self._agrees(keys):
                    return None
            return self._compared(chain, fetched, watermark)
        finally:
            for name in ("last", "stands", "held", "new_stands", "new_held", "source_key", "touched", "gone"):
                self.typing.execute(f"drop table if exists temp.{identifier(name)}")

    def _fetched(self, where: Callable[[DatabaseTable], ColumnElement[bool]]) -> tuple[TableReading, dict[str, str]]:
        """The rows that ``where`` chooses, typed, and how the source calls each column."""
        delivered = read_table(
            self.connection, self.source, self.contract.extract, self.name, self.table, self.found, where
        )
        (fetched,) = self._typed(delivered, self.contract, self.source, "fetched")
        return fetched, delivered.shapes[0].headings

    def _typed(
        self, delivered: Delivered, contract: ExtractContract, source: SourceConfiguration, folder: str
    ) -> list[TableReading]:
        return type_delivery(
            delivered,
            contract,
            source,
            self.typing,
            load_id=self.load_id,
            file=self.file,
            folder=self.folder / folder,
        )

    def _keys(self, headings: dict[str, str]) -> TableReading:
        """Every key at the source, typed as the rows are."""
        columns = {name: column for name, column in self.table.columns.items() if name in self.table.key}
        table = self.table.model_copy(update={"columns": columns})
        contract = self.contract.model_copy(update={"tables": {self.name: table}})
        called = {name: headings[name] for name in columns}
        source = self.source.model_copy(update={"columns": {self.name: called}})
        delivered = read_table(self.connection, source, self.contract.extract, self.name, table, self.found)
        (keys,) = self._typed(delivered, contract, source, "keys")
        return keys

    def _compared(self, chain: Chain, fetched: TableReading, watermark: Watermark) -> Increment:
        """What of the fetched is new, and which records have gone."""
        self._mark_touched()
        count = self._count
        standing = count(
            "select count(*) from stands anti join touched using (record_id) anti join gone using (record_id)"
        ) + count(
            "select count(*) from new_stands semi join touched using (record_id) anti join gone using (record_id)"
        )
        rows_gone = count("select count(*) from gone")
        before = chain[-1].entry
        changed = self.folder / "changed.parquet"
        loaded = self._keep("new_stands", fetched.parquet, changed)
        quarantine = self.folder / "changed.quarantine.parquet"
        quarantined = self._keep("new_held", fetched.quarantine, quarantine)
        if not (loaded or quarantined or rows_gone):
            reading = replace(
                fetched,
                rows_read=before.rows_read,
                rows_loaded=before.rows_loaded,
                rows_quarantined=before.rows_quarantined,
                parquet=None,
                quarantine=None,
                chained=Chained(watermark, before.base, rows_standing=before.rows_standing),
            )
            return Increment(reading, before.sha256, before.bytes, before)
        gone = self.folder / "gone.parquet"
        if rows_gone:
            self.typing.execute(
                f"copy (select record_id from gone order by record_id) to {literal(str(gone))} "
                "(format parquet, compression zstd)"
            )
        reading = replace(
            fetched,
            rows_read=loaded + quarantined,
            rows_loaded=loaded,
            rows_quarantined=quarantined,
            parquet=str(changed),
            quarantine=str(quarantine) if quarantined else None,
            chained=Chained(
                watermark,
                base=chain[0].entry.delivery,
                gone=str(gone) if rows_gone else None,
                rows_gone=rows_gone,
                rows_standing=standing,
            ),
        )
        # An increment means something only behind what it follows, so its hash holds that one's.
        made = hashlib.sha256(before.sha256.encode())
        size = 0
        for path in (changed, quarantine if quarantined else None, gone if rows_gone else None):
            if path is None:
                continue
            with path.open("rb") as handle:
                made.update(hashlib.file_digest(handle, "sha256").digest())
                size += handle.tell()
        return Increment(reading, made.hexdigest(), size)

    def _register(self, chain: Chain, fetched: TableReading, keys: TableReading) -> None:
        """Temporary tables of what stands and is held set apart, before and in what was fetched, and the keys."""
        con, table, key = self.typing, self.table, record_id_sql(self.table)
        types = {name: column.sql_type for name, column in table.columns.items()}
        held_types = {"record_id": "varchar", "reason": "varchar", "raw": "varchar"}
        register_last(con, self.home, chain, table, "last", is_temporary=True)
        stands = chain_rows_sql(con, self.home, chain, table, types | {"_issues": "varchar"}, "last")
        held = chain_rows_sql(con, self.home, chain, table, held_types, "last", is_quarantine=True)
        columns = ", ".join(identifier(name) for name in types)
        content = f"{key} as record_id, hash({columns}, cast(_issues as varchar)) as content"
        period = "".join(f", {identifier(name)}" for name in self.contract.period)
        con.execute(f"create or replace temp table stands as select {content}{period} from ({stands})")
        con.execute(f"create or replace temp table new_stands as select {content} from {_parquet(fetched.parquet)}")
        content = "record_id, hash(reason, raw) as content"
        con.execute(f"create or replace temp table held as select {content} from ({held})")
        made = f"select {content} from {_parquet(fetched.quarantine)}" if fetched.quarantine else "from held limit 0"
        con.execute(f"create or replace temp table new_held as {made}")
        con.execute(
            f"create or replace temp table source_key as select {key} as record_id, count(*) as times{period} "
            f"from {_parquet(keys.parquet)} group by all"
        )
        if condition := withheld_sql(self.home / "landing", self.contract.extract, self.name, "record_id"):
            for name in ("new_stands", "new_held", "source_key"):  # removed for good: as if the source had it no more
                con.execute(f"delete from {name} where {condition}")

    def _agrees(self, keys: TableReading) -> bool:
        """Whether the keys at the source are those that the chain has with this increment, each as many times.

        Else a row came or changed without its watermark rising, or several rows share a key of which some changed.
        """
        disagreeing = self._count(
            """
            with fetched as (
                select record_id, count(*) as times
                from (select record_id from new_stands union all select record_id from new_held)
                where record_id is not null group by record_id
            ),
            before as (
                select record_id, count(*) as times
                from (select record_id from stands union all select record_id from held)
                where record_id is not null group by record_id
            )
            select count(*) from source_key
            left join fetched using (record_id)
            left join before using (record_id)
            where source_key.times is distinct from coalesce(fetched.times, before.times)
            """
        )
        unnamed = self._count(
            """
            select count(*) from (
                select content from held where record_id is null
                union all (
                    select content from new_held where record_id is null
                    except all select content from held where record_id is null
                )
            )
            """
        )
        return disagreeing == 0 and unnamed == keys.rows_quarantined

    def _mark_touched(self) -> None:
        """Tables of the records that were fetched and differ from what stands, and of those deleted at the source."""
        self.typing.execute(
            """
            create or replace temp table touched as
            with fetched as (
                select record_id, list(content order by content) as contents
                from (
                    select record_id, content from new_stands
                    union all select record_id, content from new_held where record_id is not null
                )
                group by record_id
            ),
            before as (
                select record_id, list(content order by content) as contents
                from (
                    select record_id, content from stands
                    union all select record_id, content from held where record_id is not null
                )
                group by record_id
            )
            select record_id from fetched left join before using (record_id)
            where before.contents is null or before.contents <> fetched.contents
            """
        )
        # A period that the source no longer has is none that was deleted: what was delivered of it stands.
        periods = f"semi join source_key using ({', '.join(map(identifier, self.contract.period))})"
        stands = f"select record_id from stands {periods if self.contract.period else ''}"
        held = "" if self.contract.period else "union all select record_id from held"
        self.typing.execute(
            f"""
            create or replace temp table gone as
            select distinct record_id from ({stands} {held} union all select record_id from touched)
            anti join source_key using (record_id)
            where record_id is not null
            """
        )

    def _keep(self, compared: str, made: str | None, target: Path) -> int:
        """Writes the rows of the touched records to ``target``, and those set apart that name none and are new."""
        if made is None:
            return 0
        if compared == "new_stands":
            record_id, chosen = record_id_sql(self.table), "record_id in (from touched)"
            rows = f"select *, {record_id} as record_id from {_parquet(made)}"
            query = f"select * exclude (record_id) from ({rows}) where {chosen} order by _row"
        else:
            known = "select content from held where record_id is null"
            query = (
                f"select * from {_parquet(made)} where record_id in (from touched) "
                f"or (record_id is null and hash(reason, raw) not in ({known})) order by _row"
            )
        return self._count(f"copy ({query}) to {literal(str(target))} (format parquet, compression zstd)")

    def _whole(self, watermark: Watermark) -> Increment:
        delivered = read_table(self.connection, self.source, self.contract.extract, self.name, self.table, self.found)
        hashed = Hashed(delivered)
        (reading,) = self._typed(hashed.delivered, self.contract, self.source, "whole")
        return Increment(replace(reading, chained=Chained(watermark)), *hashed.digest())

    def _count(self, query: str) -> int:
        ((count,),) = self.typing.execute(query).fetchall()
        return int(count)


def _parquet(path: str | None) -> str:
    return f"read_parquet({literal(path or '')})"


def _kind(column: ColumnElement[Any]) -> type[Any] | None:
    """The Python type of the column's values, where it is one that rises; with None the column is refused as a mark."""
    try:
        kind = column.type.python_type
    except NotImplementedError:  # how SQLAlchemy says that Python has no type for it
        return None
    return next((k for k in (datetime, date, int, Decimal, str) if kind is k), None)


def _moment(moment: datetime, column: ColumnElement[Any]) -> datetime | date:
    if _kind(column) is date:
        return moment.date()
    return moment.replace(tzinfo=UTC) if getattr(column.type, "timezone", False) else moment


def _as_text(mark: Mark) -> str:
    return mark.isoformat() if isinstance(mark, date) else str(mark)


def _from_text(text: str, like: Mark) -> Mark:
    """The value written as ``text``, of the kind that ``like`` is. Raises ``ValueError``."""
    if isinstance(like, datetime):
        read = datetime.fromisoformat(text)
        if (read.tzinfo is None) != (like.tzinfo is None):
            raise ValueError
        return read
    if isinstance(like, date):
        return date.fromisoformat(text)
    if isinstance(like, Decimal):
        return Decimal(text)
    return int(text) if isinstance(like, int) else text
