"""Reads tables and views of a database through SQLAlchemy: any dialect whose driver is installed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Numeric,
    Select,
    String,
    Text,
    cast,
    create_engine,
    inspect,
    select,
)
from sqlalchemy import Table as DatabaseTable
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    NoSuchModuleError,
    NoSuchTableError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)

from connectors.configuration import SourceConfiguration
from connectors.contract import Table
from connectors.errors import ConfigurationError, FileRefused, SourceUnavailable
from connectors.headings import match_header
from connectors.readers import BATCH_ROWS, Delivered, TableShape, text_batch


@contextmanager
def connected(extract: str, source: SourceConfiguration) -> Iterator[Connection]:
    """A reading connection to the source, on which every table is seen as of one moment where the dialect can.

    Raises ``ConfigurationError`` for a missing or unusable address and ``SourceUnavailable`` where the database
    cannot be reached or breaks off. No message has the address: it holds a password.
    """
    address = os.environ.get(source.url_env or "")
    if not address:
        raise ConfigurationError(
            f"{extract}: the environment variable {source.url_env} is not set. It holds the database's address."
        )
    try:
        engine = create_engine(address, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError, TypeError):
        raise ConfigurationError(
            f"{extract}: the address in {source.url_env} is not one SQLAlchemy understands, or its driver is not "
            "installed. It looks like postgresql+psycopg://user:password@server/database"
        ) from None
    try:
        if engine.dialect.name in ("postgresql", "mysql", "mariadb"):
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                # A moment kept with its zone is shown in the session's: midnight here must not become the day before.
                connection.exec_driver_sql("set time zone 'Europe/London'")
            yield connection
    except DBAPIError as error:
        raise SourceUnavailable(
            f"{extract}: the database named in {source.url_env} could not be reached, or broke off "
            f"({type(error.orig).__name__}). Nothing was landed. Check that it is up and that the account may read."
        ) from None
    except SQLAlchemyError as error:
        raise SourceUnavailable(
            f"{extract}: the database named in {source.url_env} could not be read ({type(error).__name__})."
        ) from None
    finally:
        engine.dispose()


def find_table(connection: Connection, source: SourceConfiguration, table: str) -> str | None:
    """The name of the database table or view that holds ``table``, as the database spells it; None if there is none."""
    wanted = source.tables.get(table, table)
    inspector = inspect(connection)
    names = [
        *inspector.get_table_names(schema=source.database_schema),
        *inspector.get_view_names(schema=source.database_schema),
    ]
    if wanted in names or inspector.has_table(wanted, schema=source.database_schema):
        # Materialised views and foreign tables are not among the names, but are found by theirs.
        return wanted
    return next((name for name in names if name.casefold() == wanted.casefold()), None)


def read_table(
    connection: Connection,
    source: SourceConfiguration,
    extract: str,
    table_name: str,
    table: Table,
    found: str,
    where: Callable[[DatabaseTable], ColumnElement[bool]] | None = None,
) -> Delivered:
    """The rows of one database table in the order of the contract's key, so that a row's number is steady.

    ``where`` narrows them. Raises ``FileRefused`` where columns are missing.
    """
    try:
        reflected = DatabaseTable(found, MetaData(), schema=source.database_schema, autoload_with=connection)
    except NoSuchTableError:
        raise FileRefused("The table vanished while it was being read.", table=table_name) from None
    names = [column.name for column in reflected.columns]
    match = match_header(table_name, table, 0, names, source.columns.get(table_name, {}))
    if match.lacking:
        raise FileRefused(
            f"It lacks {', '.join(match.lacking)} of {extract}.{table_name}. Say in send.yml under columns how yours "
            "are called, or add them to the view.",
            table=table_name,
            missing=match.lacking,
            extra=match.extra,
        )
    shape = TableShape(
        table_name,
        headings={column: names[position] for column, position in match.positions.items()},
        missing=tuple(column for column in table.columns if column not in match.positions),
        extra=match.extra,
    )
    chosen = {column: _readable(connection, reflected.c[heading]) for column, heading in shape.headings.items()}
    order = [*table.key, *(column for column in shape.headings if column not in table.key)]
    statement = select(*chosen.values()).order_by(*(chosen[column] for column in order))
    if where is not None:
        statement = statement.where(where(reflected))
    return Delivered((shape,), _batches(connection, shape, statement))


def _readable(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as it is asked for. PostgreSQL has days that Python has not, and types without an order: as text."""
    if connection.dialect.name == "postgresql" and not isinstance(column.type, Numeric | Integer | Boolean | String):
        return cast(column, Text)
    return column


def _batches(connection: Connection, shape: TableShape, statement: Select[Any]) -> Iterator[tuple[str, pa.RecordBatch]]:
    options = {"stream_results": True, "yield_per": BATCH_ROWS}
    first = 1
    try:
        # Where a statement that fails would end the transaction, and so the one moment all tables are seen as of.
        with (
            connection.begin_nested() if connection.dialect.name == "postgresql" else nullcontext(),
            connection.execute(statement, execution_options=options) as result,
        ):
            for rows in result.partitions():
                columns = [_texts(column) for column in zip(*rows, strict=True)]
                yield shape.table, text_batch(shape, columns, range(first, first + len(rows)))
                first += len(rows)
    except (ProgrammingError, DataError, NotSupportedError) as error:
        raise FileRefused(
            f"The database does not give it ({type(error.orig).__name__}). Check that the account may read it, and "
            "that a select of all its rows works.",
            table=shape.table,
        ) from None


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [value if value is None or isinstance(value, str) else _text(value) for value in values]


def _text(value: Any) -> str:
    """A value as the text the contract's types are read from."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value)
