"""Dirt of every kind: each row is accounted for, each piece leads where it must, and all else is as clean."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.configuration import Configuration, read_configuration
from connectors.contract import Table, all_contracts
from connectors.errors import ConfigurationError
from connectors.landing import register_landing
from connectors.load import LoadReport, load_extract
from connectors.typing_rules import identifier
from flows.configuring import write_demo_configuration
from synthetic.borough import make_borough
from synthetic.dirt import DIRT, clear_dirt, plant_dirt
from warehouse.home import Home

AS_AT = date(2026, 11, 2)
FIRST_NIGHT, SECOND_NIGHT = datetime(2026, 11, 2, 2), datetime(2026, 11, 3, 2)
CHILDREN = 700
Place = tuple[str, str, int]
Row = tuple[str, ...]


@dataclass
class Landed:
    """A borough made and landed; ``dirt`` are the lines of its truth."""

    home: Home
    reports: list[LoadReport]
    known: dict[tuple[str, str], dict[Place, Row]] = field(default_factory=dict)

    @cached_property
    def configuration(self) -> Configuration:
        return read_configuration(self.home.folder)

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        register_landing(connection, self.configuration, SECOND_NIGHT)
        return connection

    @cached_property
    def dirt(self) -> list[dict[str, str]]:
        return read_dirt(self.home.folder / "borough")

    @cached_property
    def originals(self) -> dict[tuple[str, str], str]:
        """For a file that holds again what another does, that other: the landing names whichever came first."""
        return {
            (piece["extract"], piece["file"]): piece["expected"]
            for piece in self.dirt
            if piece["kind"] in ("file_twice", "file_of_yesterday")
        }

    def load(self, moment: datetime, sequence: int) -> list[LoadReport]:
        return [
            load_extract(self.configuration, extract, f"{sequence + number:06d}-{extract}", "a run", moment)
            for number, extract in enumerate(self.configuration.sources)
        ]

    def file(self, extract: str, file: str) -> str:
        name, _, sheet = file.partition("#")
        name = (
            self.originals.get((extract, name), name)
            if (self.home.folder / "borough/truth/dirt.csv").exists()
            else name
        )
        return f"{name}#{sheet}" if sheet else name

    def rows(self, extract: str, table: str) -> dict[Place, Row]:
        """The rows of a table, by extract, file and row."""
        if (extract, table) not in self.known:
            self.known[extract, table] = self._rows(extract, table)
        return self.known[extract, table]

    def _rows(self, extract: str, table: str) -> dict[Place, Row]:
        columns = next(c for c in all_contracts() if c.extract == extract).tables[table].columns
        values = ", ".join(f"cast({identifier(column)} as varchar)" for column in columns)
        found = self.connection.execute(
            f"select _file, _row, [{values}] from landing.{identifier(f'{extract}__{table}')}"
        ).fetchall()
        return {
            (extract, self.file(extract, file), row * 1000 + n): tuple(held)
            for n, (file, row, held) in enumerate_same(found)
        }

    def told(self, sql: str) -> Counter[tuple[str, ...]]:
        found: Counter[tuple[str, ...]] = Counter()
        for extract, file, *rest in self.connection.execute(sql).fetchall():
            found[extract, self.file(extract, file), *(str(value or "") for value in rest)] += 1
        return found


def enumerate_same(found: list[tuple[str, int, list[str]]]) -> Iterator[tuple[int, tuple[str, int, list[str]]]]:
    """Numbers the rows of one record of a message, which bear the same file and row."""
    seen: Counter[tuple[str, int]] = Counter()
    for file, row, held in found:
        yield seen[file, row], (file, row, held)
        seen[file, row] += 1


def landed(home: Home) -> Landed:
    write_demo_configuration(home, "883", AS_AT)
    made = Landed(home, [])
    made.reports = made.load(FIRST_NIGHT, 1)
    return made


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    home = Home(tmp_path_factory.mktemp("clean"))
    home.create()
    make_borough(home.folder / "borough", children=CHILDREN, as_at=AS_AT, faults="none", seed=5)
    return landed(home)


def plant_one_kind_an_extract(clean: Path, folder: Path, first: int) -> None:
    """Copies a borough with dirt of one kind in a fifth of each extract's rows or files, another kind in each.

    The kinds are taken in order from the ``first`` on, passing over those that an extract alone cannot have.
    """
    extracts = sorted(path.name for path in (clean / "extracts").iterdir())
    waiting = deque(DIRT)
    waiting.rotate(-first)
    told: list[dict[str, str]] = []
    records: list[pa.Table] = []
    (folder / "extracts").mkdir(parents=True)
    for extract in extracts:
        for _ in range(len(waiting)):
            alone = folder.parent / f"{extract}-{waiting[0]}"
            shutil.copytree(clean / "extracts" / extract, alone / "extracts" / extract)
            shutil.copytree(clean / "truth", alone / "truth")
            planted = plant_dirt(alone, kinds={waiting[0]: 0.2}, seed=first, as_at=AS_AT)
            waiting.rotate(-1)
            if planted:
                told += read_dirt(alone)
                of_extract = pq.read_table(alone / "truth" / "records.parquet", filters=[("extract", "=", extract)])
                records.append(of_extract)
                shutil.move(alone / "extracts" / extract, folder / "extracts" / extract)
                break
        else:  # what is packed, as DfE gives its figures, no kind can spoil
            shutil.copytree(clean / "extracts" / extract, folder / "extracts" / extract)
    shutil.copytree(clean / "truth", folder / "truth")
    pq.write_table(pa.concat_tables(records), folder / "truth" / "records.parquet")
    with (folder / "truth" / "dirt.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(told[0]))
        writer.writeheader()
        writer.writerows(told)


def read_dirt(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth" / "dirt.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module", params=["5 %", "20 %", "kinds from 0", "kinds from 20", "kinds from 40"])
def dirty(request: pytest.FixtureRequest, clean: Landed, tmp_path_factory: pytest.TempPathFactory) -> Landed:
    home = Home(tmp_path_factory.mktemp("dirty"))
    home.create()
    if request.param.endswith("%"):
        shutil.copytree(clean.home.folder / "borough", home.folder / "borough")
        plant_dirt(home.folder / "borough", rate=int(request.param[:-1]) / 100, seed=5, as_at=AS_AT)
    else:
        first = int(request.param.split()[-1])
        plant_one_kind_an_extract(clean.home.folder / "borough", home.folder / "borough", first)
    return landed(home)


def test_a_clean_borough_lands_whole(clean: Landed) -> None:
    assert [report.refused for report in clean.reports if report.refused] == []
    assert sum(report.rows_quarantined for report in clean.reports) == 0
    assert clean.connection.execute("from landing.issue").fetchall() == []


def test_every_kind_is_planted(dirty: Landed) -> None:
    planted = {piece["kind"] for piece in dirty.dirt}
    assert planted == set(DIRT) or len(planted) >= 15


def test_only_the_kinds_that_are_named_are_planted_each_at_its_share(tmp_path: Path) -> None:
    kinds = {"day_that_is_none": 0.2, "semicolons": 0.1, "nhs_number_check_digit_wrong": 0.1}
    made = make_borough(tmp_path, children=60, as_at=AS_AT, faults="none", kinds=kinds)
    found = Counter(piece["kind"] for piece in read_dirt(tmp_path))
    assert set(found) == {"day_that_is_none", "semicolons"}
    rows = sum(made.rows.values()) + made.referrals + sum(made.pupils.values())
    assert 0.08 * rows < found["day_that_is_none"] < 0.25 * rows
    assert 4 <= found["semicolons"] <= 8
    with (tmp_path / "truth" / "faults.csv").open(encoding="utf-8", newline="") as handle:
        assert {fault["rule_id"] for fault in csv.DictReader(handle)} == {"nhs_number_check_digit_wrong"}


@pytest.mark.parametrize("kinds", [{"no such kind": 0.1}, {"utf_16": 0.3}, {"utf_16": 0.0}])
def test_a_kind_that_cannot_be_planted_is_said(kinds: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no such kind|utf_16"):
        make_borough(tmp_path, children=60, as_at=AS_AT, kinds=kinds)


def test_every_row_read_is_loaded_or_set_apart(dirty: Landed) -> None:
    files = dirty.connection.execute(
        "select rows_read, rows_loaded, rows_quarantined from landing.load_file where status <> 'refused'"
    ).fetchall()
    assert files and all(read == held + apart for read, held, apart in files)


def test_total_rows_and_repeated_headers_are_counted_apart(dirty: Landed) -> None:
    furniture = Counter(piece["extract"] for piece in dirty.dirt if piece["problem"] == "not_a_record")
    assert {report.extract: report.rows_furniture for report in dirty.reports if report.rows_furniture} == furniture


def test_each_file_that_is_none_of_ours_is_refused_and_no_other(dirty: Landed) -> None:
    wanted = sorted((piece["extract"], piece["file"]) for piece in dirty.dirt if piece["leads_to"] == "refused")
    assert sorted((report.extract, file) for report in dirty.reports for file, _ in report.refused) == wanted


def test_each_row_that_cannot_stand_is_set_apart_and_no_other(dirty: Landed) -> None:
    wanted = Counter(
        (piece["extract"], piece["file"], piece["table"], piece["row"], piece["problem"])
        for piece in dirty.dirt
        if piece["leads_to"] == "quarantined"
    )
    assert dirty.told('select extract, file, "table", row, problem from landing.quarantine') == wanted


def test_each_value_that_cannot_be_read_is_told_and_no_other(dirty: Landed) -> None:
    wanted = Counter(
        (piece["extract"], piece["file"], piece["table"], piece["row"], piece["column"], piece["problem"])
        for piece in dirty.dirt
        if piece["leads_to"] == "issue"
    )
    found = dirty.told('select extract, _file, "table", _row, column_name, problem from landing.issue')
    assert found == wanted


def test_what_cannot_be_known_to_be_wrong_lands_as_it_is_written(dirty: Landed) -> None:
    for piece in dirty.dirt:
        if piece["leads_to"] != "value":
            continue
        columns = next(c for c in all_contracts() if c.extract == piece["extract"]).tables[piece["table"]].columns
        place = (piece["extract"], piece["file"], int(piece["row"]) * 1000)
        row = dirty.rows(piece["extract"], piece["table"])[place]
        assert row[list(columns).index(piece["column"])] == piece["expected"], piece


def with_column(table: Table, held: Row, changed: tuple[str, str | None] | None) -> tuple[str | None, ...]:
    """The row with another value in a column that was changed in the whole file."""
    if changed is None:
        return held
    return tuple(changed[1] if name == changed[0] else value for name, value in zip(table.columns, held, strict=True))


def test_all_else_lands_as_in_the_clean_borough(clean: Landed, dirty: Landed) -> None:
    touched, spoiled, cut = set(), set(), {}
    columns: dict[tuple[str, str, str], tuple[str, str | None]] = {}
    for piece in dirty.dirt:
        if piece["row"] and piece["leads_to"] != "same":
            touched.add((piece["extract"], piece["table"], piece["file"], int(piece["row"])))
            if piece["leads_to"] != "twice" and piece["clean_row"]:
                spoiled.add((piece["extract"], piece["table"], piece["file"], int(piece["clean_row"])))
        if piece["leads_to"] == "column":
            columns[piece["extract"], piece["table"], piece["file"]] = piece["column"], piece["expected"] or None
        if piece["kind"] == "file_cut_short":
            cut[piece["extract"], piece["file"]] = int(piece["clean_row"])
    for contract in all_contracts():
        for table in contract.tables:
            wanted = Counter(
                with_column(contract.tables[table], held, columns.get((extract, table, file)))
                for (extract, file, row), held in clean.rows(contract.extract, table).items()
                if (extract, table, file, row // 1000) not in spoiled
                and row // 1000 < cut.get((extract, file), row // 1000 + 1)
            )
            found = Counter(
                held
                for (extract, file, row), held in dirty.rows(contract.extract, table).items()
                if (extract, table, file, row // 1000) not in touched
            )
            assert found == wanted, f"{contract.extract}.{table}"


def test_the_same_dirt_the_next_night_is_nothing_new(dirty: Landed) -> None:
    assert [report.extract for report in dirty.load(SECOND_NIGHT, 101) if report.is_anything_new] == []


def test_records_and_their_people_are_told_at_the_rows_where_they_stand(dirty: Landed) -> None:
    truth = dirty.home.folder / "borough" / "truth" / "records.parquet"
    lost = dirty.connection.execute(
        f"""
        select count(*) from landing.ehc_case__child as child
        left join '{truth}' as told
            on told.extract = 'ehc_case' and told."table" = 'child' and told.row = child._row
            and told.record_id = child.case_id
        where told.person_id is null
        """
    ).fetchone()
    twice = sum(piece["table"] == "child" and piece["leads_to"] in ("twice", "value") for piece in dirty.dirt)
    assert lost is not None and lost[0] <= twice


def test_a_borough_is_made_again_over_a_dirty_one(tmp_path: Path) -> None:
    make_borough(tmp_path, children=60, as_at=AS_AT, dirt=0.2)
    make_borough(tmp_path, children=60, as_at=AS_AT)
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    make_borough(tmp_path / "other", children=60, as_at=AS_AT)
    other = tmp_path / "other"
    assert again == {path.relative_to(other): path.read_bytes() for path in other.rglob("*") if path.is_file()}
    clear_dirt(tmp_path)
