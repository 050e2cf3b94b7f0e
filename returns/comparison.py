"""Two returns beside each other, wherever they come from: a signed-off version, a file or folder, the warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb

from connectors.configuration import read_configuration
from connectors.errors import SendError
from returns.differences import Difference, differences
from returns.kept import signed_version, version_folder
from returns.reading import read_return
from returns.specification import Specification, read_specification
from returns.standing import open_return
from returns.xml import read_xml
from warehouse.home import Home

STANDING = "standing"


def compared(home: Home, was: str, now: str, year: int) -> list[Difference]:
    """Every difference between two returns of ``year``, each a version's number, a path, or ``standing``.

    Raises ``SendError`` where one is not there or not a return.
    """
    specification = read_specification(year)
    with duckdb.connect() as connection:
        for schema, place in (("was", was), ("now", now)):
            _bring(home, place, specification, connection, schema)
        return list(differences(connection, "was", "now"))


def _bring(
    home: Home, place: str, specification: Specification, connection: duckdb.DuckDBPyConnection, schema: str
) -> None:
    """Makes the nine tables of a return in ``schema``."""
    path = Path(place)
    if place == STANDING:
        with open_return(home.warehouse, home.temporary) as standing:
            connection.execute(f"create schema {schema}")
            for module in specification.modules:
                rows = standing.execute(f"from sen2.{module.table}").to_arrow_table()
                connection.register("rows_standing", rows)
                connection.execute(f"create table {schema}.{module.table} as from rows_standing")
                connection.unregister("rows_standing")
    elif place.isdecimal():
        version = signed_version(home, specification.year, int(place))
        read_xml(version_folder(home, version) / version.file, specification, connection, schema)
    elif path.exists():
        # an XML of whichever year: last year's is compared with this year's
        read_return(path, specification, connection, schema, lea=read_configuration(home.folder).la_code)
    else:
        raise SendError(f"{place} is no version's number, file or folder, nor the word {STANDING}.")
