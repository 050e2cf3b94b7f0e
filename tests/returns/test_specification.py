"""The specification of the return by year: where each line was seen, what differs, and what a bad file is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from returns import specification as subject
from returns.specification import Specification, read_specification, unverified, years


def tags(year: int, module: str) -> list[str]:
    return [item.tag for item in read_specification(year).module(module).items]


def test_the_years_that_can_be_read() -> None:
    assert years() == [2023, 2024, 2025, 2026, 2027]


@pytest.mark.parametrize("year", years())
def test_every_entry_says_where_it_was_seen(year: int) -> None:
    specification = read_specification(year)
    entries = [*specification.statements, *specification.modules]
    entries += [item for module in specification.modules for item in module.items]
    entries += [item.codes for module in specification.modules for item in module.items if item.codes]
    assert all(entry.source.strip() for entry in entries)
    assert {entry.verified for entry in entries} == {True, False}


def test_what_is_recalled_or_inferred_is_listed_with_its_reason() -> None:
    doubts = {(doubt.place, doubt.what): doubt.why for doubt in unverified(read_specification(2027))}
    assert doubts["Person/Ethnicity", "its codes"].startswith("recalled")
    assert "codes were not found" in doubts["NamedPlan/PlanWBP", "the item"]
    assert "not found" in doubts["the return", "What DfE changed for 2027"]
    assert ("Requests/RequestOutcome", "its codes") not in doubts
    assert ("the return", "What DfE changed for 2027") not in {
        (doubt.place, doubt.what) for doubt in unverified(read_specification(2025))
    }


def test_what_differs_between_the_years() -> None:
    assert "GenderCurrent" in tags(2023, "person") and "Sex" not in tags(2023, "person")
    assert "Sex" in tags(2024, "person") and "GenderCurrent" not in tags(2024, "person")
    assert {"Res", "WBP"} <= set(tags(2023, "active_plans")) and "Res" not in tags(2023, "placement_detail")
    assert {"Res", "WBP"} <= set(tags(2024, "placement_detail")) and "Res" not in tags(2024, "active_plans")
    added = {"ReviewDraft", "PhaseTransferDueDate", "PhaseTransferFinalDate"}
    assert added <= set(tags(2025, "active_plans")) and not added & set(tags(2024, "active_plans"))
    assert "RequestSource" not in tags(2024, "requests")
    assert "DSCO" in tags(2025, "header") and "DSCO" not in tags(2024, "header")


def test_a_residential_code_means_another_thing_before_2025() -> None:
    def band(year: int) -> str:
        (codes,) = [item.codes for item in read_specification(year).module("named_plan").items if item.tag == "PlanRes"]
        assert codes is not None
        return codes.values["A"]

    assert (band(2024), band(2025)) == ("38 to 51 weeks a year", "up to 38 weeks a year")


def test_request_source_is_mandatory_from_2026() -> None:
    wanted = {
        year: next(i.mandatory for i in read_specification(year).module("requests").items if i.tag == "RequestSource")
        for year in (2025, 2026, 2027)
    }
    assert wanted == {2025: "O", 2026: "M", 2027: "M"}


def test_an_item_not_asked_for_is_still_a_column() -> None:
    requests = read_specification(2024).module("requests")
    assert "request_source" in [item.column for item in requests.columns]


@pytest.fixture
def specified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the specification to spoil."""
    folder = tmp_path / "specification"
    shutil.copytree(subject.FOLDER, folder)
    monkeypatch.setattr(subject, "FOLDER", folder)
    return folder


def read_afresh(year: int) -> Specification:
    return read_specification.__wrapped__(year)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (
            "tag: Surname, column: surname, type: text",
            "tag: Surname, column: surname, type: words",
            "sen2_2027.yml, ",
        ),
        ("year: 2027", "year: 2027\nextends: 2026", "extends 2026, which is not a later year"),
        ("modules:", "modules: [", "is not YAML"),
        ("mandatory: M, label: Forename", "label: Forename", "mandatory: Field required"),
    ],
)
def test_a_wrong_line_is_named(right: str, wrong: str, told: str, specified: Path) -> None:
    file = specified / "sen2_2027.yml"
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        read_afresh(2027)
    assert told in str(refusal.value)


def test_a_change_needs_its_source(specified: Path) -> None:
    (specified / "sen2_2026.yml").write_text(
        "year: 2026\nextends: 2027\nchanges:\n  - {module: person, tag: Sex, absent: true}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"the change of person\.Sex needs"):
        read_afresh(2026)


def test_a_corrected_line_reaches_the_earlier_years(specified: Path) -> None:
    file = specified / "sen2_2027.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("tag: WBP,", "tag: Wbp,"), encoding="utf-8")
    assert "Wbp" in [item.tag for item in read_afresh(2025).module("placement_detail").items]


def test_a_year_without_a_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"no sen2_2019\.yml: the return is specified for 2023, .*2027"):
        read_specification(2019)
