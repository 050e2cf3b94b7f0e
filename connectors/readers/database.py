"""Reads tables and views of a database through SQLAlchemy: any dialect whose driver is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, MetaData, Select, create_engine, inspect, select
from sqlalchemy import Table as DatabaseTable
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

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
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
        raise ConfigurationError(
            f"{extract}: the address in {source.url_env} is not one SQLAlchemy understands, or its driver is not "
            "installed. It looks like postgresql+psycopg://user:password@server/database"
        ) from None
    try:
        if engine.dialect.name in ("postgresql", "mysql", "mariadb"):
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.connect() as connection:
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
    return next((name for name in names if name == wanted), None) or next(
        (name for name in names if name.casefold() == wanted.casefold()), None
    )


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
    order = [*table.key, *(column for column in shape.headings if column not in table.key)]
    statement = select(*(reflected.c[heading] for heading in shape.headings.values())).order_by(
        *(reflected.c[shape.headings[column]] for column in order)
    )
    if where is not None:
        statement = statement.where(where(reflected))
    return Delivered((shape,), _batches(connection, shape, statement))


def _batches(connection: Connection, shape: TableShape, statement: Select[Any]) -> Iterator[tuple[str, pa.RecordBatch]]:
    options = {"stream_results": True, "yield_per": BATCH_ROWS}
    first = 1
    with connection.execute(statement, execution_options=options) as result:
        for rows in result.partitions():
            columns = [_texts(column) for column in zip(*rows, strict=True)]
            yield shape.table, text_batch(shape, columns, range(first, first + len(rows)))
            first += len(rows)


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [value if value is None or isinstance(value, str) else _text(value) for value in values]


def _text(value: Any) -> str:
    """A value as the text the contract's types are read from."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value)
