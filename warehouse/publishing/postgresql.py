"""Publishes a product into PostgreSQL: one transaction, in which readers see the old version or the new, never a mix.

The tables are loaded by ADBC into a fresh schema that nobody else may read. What people read are views in the
product's own schema (``send_lists``), which one statement turns to the fresh tables. So views that the council has
built upon them stay, a role needs no right on any table, and the core is not in this database at all.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from connectors.configuration import DestinationConfiguration
from connectors.errors import SendError
from connectors.typing_rules import identifier, literal
from warehouse.dictionary import DescribedTable, describe_table
from warehouse.publication import Publication

PUBLICATION_VIEW, DICTIONARY_VIEW = "publication", "dictionary"
ROWS_AT_A_TIME = 50_000
SWAP_WAIT_MILLISECONDS = 400
"""How long a swap waits for readers before it makes way for them: less than PostgreSQL waits to see a deadlock."""
SWAP_SECONDS = 120
ADVISORY_LOCK = 7_303


class DestinationFailed(SendError):
    """A product could not be published at a destination; what was published there before stands."""


@dataclass(frozen=True)
class Delivered:
    """What became of a product at a destination: rows by table, whether it was new there, and what a person must do."""

    rows: dict[str, int]
    is_new: bool
    to_do: tuple[str, ...] = ()


def publish_product(
    url: str, destination: DestinationConfiguration, publication: Publication, folder: Path, run_id: str
) -> Delivered:
    """Publishes the version in ``folder`` at the PostgreSQL of ``url``; does nothing where it stands there already.

    Raises ``DestinationFailed``, whose message holds neither the address nor any value.
    """
    try:
        import adbc_driver_postgresql.dbapi as driver
    except ImportError:
        raise DestinationFailed(
            "PostgreSQL's driver is not installed. Install it: pip install send-warehouse[postgresql]"
        ) from None
    try:
        with driver.connect(_as_libpq(url)) as connection, connection.cursor() as cursor:
            return _Product(cursor, connection, destination, publication, folder, run_id).publish()
    except driver.Error as error:
        raise DestinationFailed(
            f"{publication.product} could not be published in PostgreSQL ({_told(error)}). "
            "What was published there before stands. Check the address, the rights of its user, and the server."
        ) from None


def _as_libpq(url: str) -> str:
    """The address as PostgreSQL's own library reads it, without the driver that SQLAlchemy wants named."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}"


def _told(error: Exception) -> str:
    """What kind of error it was. The text itself may quote a value, or the address with its password."""
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}, SQLSTATE {state}" if state else type(error).__name__


class _Product:
    """One publication, in one transaction of the cursor's connection."""

    def __init__(
        self,
        cursor: Any,
        connection: Any,
        destination: DestinationConfiguration,
        publication: Publication,
        folder: Path,
        run_id: str,
    ) -> None:
        self.cursor = cursor
        self.connection = connection
        self.destination = destination
        self.publication = publication
        self.folder = folder
        self.run_id = run_id
        self.schema = f"{destination.schema_prefix}_{publication.product}"
        self.fresh = f"{self.schema}__{secrets.token_hex(4)}"
        self.described: list[DescribedTable] = []

    def publish(self) -> Delivered:
        self._ask(f"select pg_advisory_xact_lock({ADVISORY_LOCK}, hashtext({literal(self.schema)}))")
        if self._stands():
            self.connection.rollback()
            return Delivered(self.publication.rows, is_new=False)
        self._do(f"create schema {identifier(self.fresh)}")
        rows = self._load()
        to_do = self._swap_in()
        self.connection.commit()
        return Delivered(rows, is_new=True, to_do=to_do)

    def _do(self, statement: str) -> None:
        self.cursor.execute(statement)

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(query)
        return [tuple(row) for row in self.cursor.fetchall()]

    def _stands(self) -> bool:
        """Whether this very version is what is published there."""
        view = literal(f"{self.schema}.{PUBLICATION_VIEW}")
        if self._ask(f"select to_regclass({view}) is null")[0][0]:
            return False
        place = f"{identifier(self.schema)}.{PUBLICATION_VIEW}"
        found = self._ask(f"select product, cast(as_at as text), content, run_id from {place}")
        mine = (self.publication.product, self.publication.as_at, self.publication.content, self.run_id)
        return found == [mine]

    def _load(self) -> dict[str, int]:
        """Loads the product's tables, its one-row ``publication`` and its ``dictionary`` into the fresh schema."""
        rows = {}
        with duckdb.connect(config={"threads": "2", "memory_limit": "500MB"}) as reading:
            for table in sorted(self.publication.rows):
                source = f"read_parquet({literal(str(self.folder / f'{table}.parquet'))})"
                columns = [(row[0], row[1]) for row in reading.execute(f"describe from {source}").fetchall()]
                self.described.append(describe_table(table, columns))
                chosen = ", ".join(_for_postgresql(name, sql_type) for name, sql_type in columns)
                rows[table] = self._ingest(reading, table, f"select {chosen} from {source}")
            self._describe_publication(reading)
        return rows

    def _ingest(self, reading: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
        batches = reading.sql(query).to_arrow_reader(ROWS_AT_A_TIME)
        count: int = self.cursor.adbc_ingest(table, batches, mode="create", db_schema_name=self.fresh)
        return count

    def _describe_publication(self, reading: duckdb.DuckDBPyConnection) -> None:
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        reading.execute(
            "create or replace temp table publication as select ?::varchar as product, ?::date as as_at, "
            "?::timestamp as known_at, ?::varchar as content, ?::varchar as run_id, ?::timestamp as published_at",
            [
                *(self.publication.product, self.publication.as_at, self.publication.known_at),
                *(self.publication.content, self.run_id, now),
            ],
        )
        self._ingest(reading, PUBLICATION_VIEW, "from publication")
        reading.execute(
            "create or replace temp table dictionary (table_name varchar, column_name varchar, data_type varchar, "
            "description varchar, unit varchar, source varchar, is_personal_data boolean)"
        )
        reading.executemany(
            "insert into dictionary values (?, ?, ?, ?, ?, ?, ?)",
            [
                (table.name, c.name, c.data_type, c.description, c.unit, c.source, c.is_personal)
                for table in self.described
                for c in table.columns
            ],
        )
        self._ingest(reading, DICTIONARY_VIEW, "from dictionary")

    @property
    def _is_personal(self) -> bool:
        return any(table.is_personal for table in self.described)

    def _swap_in(self) -> tuple[str, ...]:
        """Turns the product's views to the fresh tables; what stood before goes. Gives what a person must do."""
        self._do(f"create schema if not exists {identifier(self.schema)}")
        self._do(f"revoke all on schema {identifier(self.schema)}, {identifier(self.fresh)} from public")
        views = self._views()
        statements = [*self._turned(views), *self._commented(views), *self._without_what_stood()]
        grants, to_do = self._grants(views)
        self._turn([*statements, *grants])
        return to_do

    def _views(self) -> dict[str, list[tuple[str, str]]]:
        """The views to be, with their columns and types, in order. What ADBC made a bare numeric keeps its scale."""
        scales = {
            (table.name, column.name): column.data_type.lower().replace("decimal", "numeric")
            for table in self.described
            for column in table.columns
            if column.data_type.startswith("DECIMAL")
        }
        return {
            view: [(column, scales.get((view, column), sql_type)) for column, sql_type in columns]
            for view, columns in self._columns_in(self.fresh).items()
        }

    def _columns_in(self, schema: str) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for relation, column, sql_type in self._ask(
            "select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) "
            "from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
            "inner join pg_attribute as a on a.attrelid = c.oid "
            f"where n.nspname = {literal(schema)} and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped "
            "order by c.relname, a.attnum"
        ):
            found.setdefault(relation, []).append((column, sql_type))
        return found

    def _turned(self, views: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
        """A view whose columns stay, or only gain some at the end, keeps what others have built upon it."""
        standing = {name: columns for name, columns in self._columns_in(self.schema).items() if self._is_ours(name)}
        statements = [
            f"drop view {self._view(name)}"
            for name, columns in standing.items()
            if name not in views or list(views[name][: len(columns)]) != columns
        ]
        statements += [
            f"create or replace view {self._view(name)} as "
            f"select {', '.join(f'cast({identifier(c)} as {sql_type}) as {identifier(c)}' for c, sql_type in columns)} "
            f"from {identifier(self.fresh)}.{identifier(name)}"
            for name, columns in views.items()
        ]
        return statements

    def _is_ours(self, name: str) -> bool:
        """Whether a view of the product's schema reads our tables; the council may have put its own beside it."""
        return bool(
            self._ask(
                "select 1 from pg_views where schemaname = "
                f"{literal(self.schema)} and viewname = {literal(name)} "
                f"and definition like {literal('%' + self.schema + '~_~_%')} escape '~'"
            )
        )

    def _view(self, name: str) -> str:
        return f"{identifier(self.schema)}.{identifier(name)}"

    def _commented(self, views: Iterable[str]) -> list[str]:
        statements = [f"comment on schema {identifier(self.schema)} is {literal(self._title())}"]
        for table in self.described:
            statements.append(f"comment on view {self._view(table.name)} is {literal(table.description)}")
            for column in table.columns:
                if column.description:
                    text = f"{column.description} ({column.unit})" if column.unit else column.description
                    place = f"{self._view(table.name)}.{identifier(column.name)}"
                    statements.append(f"comment on column {place} is {literal(text)}")
        return statements

    def _title(self) -> str:
        kind = "personal data" if self._is_personal else "no personal data"
        return f"SEND warehouse: {self.publication.product}, as at {self.publication.as_at} ({kind})"

    def _without_what_stood(self) -> list[str]:
        """Drops the schemas of earlier versions. Their tables are read through the views alone."""
        pattern = literal(self.schema.replace("_", "~_") + "~_~_%")
        schemas = self._ask(
            f"select nspname::text from pg_namespace where nspname like {pattern} escape '~' "
            f"and nspname <> {literal(self.fresh)} order by nspname"
        )
        statements = []
        for (schema,) in schemas:
            tables = self._columns_in(schema)
            statements += [f"drop table {identifier(schema)}.{identifier(table)}" for table in tables]
            statements.append(f"drop schema {identifier(schema)}")
        return statements

    def _grants(self, views: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
        """The statements that let the one right role read, and nobody else; and those left to an administrator."""
        role = self.destination.personal_role if self._is_personal else self.destination.aggregates_role
        other = self.destination.aggregates_role if self._is_personal else self.destination.personal_role
        there = {name for (name,) in self._ask("select rolname::text from pg_roles")}
        places = ", ".join(self._view(name) for name in views)
        grants = [
            f"grant usage on schema {identifier(self.schema)} to {identifier(role)}",
            f"grant select on {places} to {identifier(role)}",
        ]
        if self._is_personal and other in there:
            grants.append(f"revoke all on schema {identifier(self.schema)} from {identifier(other)}")
            grants.append(f"revoke all on {places} from {identifier(other)}")
        if role in there:
            return grants, ()
        create = f"create role {identifier(role)} nologin"
        if self._ask("select rolsuper or rolcreaterole from pg_roles where rolname = current_user")[0][0]:
            return [create, *grants], ()
        return [], tuple(f"{statement};" for statement in (create, *grants))

    def _turn(self, statements: Sequence[str]) -> None:
        """Runs the statements together, making way for readers: tried anew until they let go.

        A reader who holds the old version and asks for more of it must never wait for us while we wait for them.
        """
        body = ";\n".join(statements)
        tag = f"$swap_{secrets.token_hex(4)}$"
        block = (
            f"do {tag} begin set local lock_timeout = {SWAP_WAIT_MILLISECONDS};\n{body};\n"
            "perform set_config('send.swapped', 'yes', true);\n"
            "exception when lock_not_available or deadlock_detected then "
            f"perform set_config('send.swapped', 'no', true); end {tag}"
        )
        until = time.monotonic() + SWAP_SECONDS
        while True:
            self._do(block)
            if self._ask("select current_setting('send.swapped')")[0][0] == "yes":
                return
            if time.monotonic() > until:
                raise DestinationFailed(
                    f"{self.publication.product} could not be published in PostgreSQL: for {SWAP_SECONDS} seconds a "
                    "reader has held what is published. End that transaction, then: send publish"
                )
            time.sleep(SWAP_WAIT_MILLISECONDS / 1000)


def _for_postgresql(name: str, sql_type: str) -> str:
    """The SQL of a column as PostgreSQL can hold it: no NUL in a text, no number wider than its own."""
    column = identifier(name)
    if sql_type == "VARCHAR":
        return f"replace({column}, chr(0), '') as {column}"
    if sql_type in ("UBIGINT", "HUGEINT", "UHUGEINT"):
        return f"cast({column} as decimal(38, 0)) as {column}"
    return f"{column}"
