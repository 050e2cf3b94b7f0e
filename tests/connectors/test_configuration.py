"""``send.yml`` is read strictly: a misspelt setting is an error and never a silent default."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError

HEAD = 'la_code: "883"\nla_name: Invented borough\n'


def written(home: Path, sources: str, head: str = HEAD) -> Path:
    (home / "send.yml").write_text(head + sources)
    return home


def test_a_source_is_read_with_its_mappings(tmp_path: Path) -> None:
    home = written(
        tmp_path,
        """sources:
  ehc_case:
    kind: csv
    path: extracts/ehc_case
    columns: {child: {case_id: Case Ref}}
    codes: {child: {sex: {Male: M, 2: F, yes: M}}}
""",
    )
    source = read_configuration(home).sources["ehc_case"]
    assert source.columns["child"]["case_id"] == "Case Ref"
    assert source.codes["child"]["sex"] == {"Male": "M", "2": "F", "true": "M"}


def test_codes_written_as_numbers_or_yes_are_text(tmp_path: Path) -> None:
    home = written(
        tmp_path, "sources: {ehc_case: {kind: csv, path: x, codes: {request: {source: {7: 1}, outcome: {y: Y}}}}}"
    )
    assert read_configuration(home).sources["ehc_case"].codes["request"]["source"] == {"7": "1"}


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ("surces: {}", "surces is not a setting"),
        ("sources: {ehc_cases: {kind: csv, path: x}}", "no extract 'ehc_cases'"),
        ("sources: {ehc_case: {kind: csv, path: x, colums: {}}}", "colums is not a setting"),
        ("sources: {ehc_case: {kind: csv, path: x, columns: {kid: {a: b}}}}", "table 'kid'"),
        ("sources: {ehc_case: {kind: csv, path: x, columns: {child: {dob: b}}}}", "no column 'dob'"),
        ("sources: {ehc_case: {kind: csv, path: x, codes: {child: {gender: {a: b}}}}}", "no column 'gender'"),
        ("sources: {ehc_case: {kind: csv}}", "needs path"),
        ("sources: {ehc_case: {kind: xml, path: x}}", "comes as csv or excel or database"),
        ("sources: {ehc_case: {kind: database, url_env: 'postgresql://u:p@h/d'}}", "name of an environment variable"),
        ("sources: {ehc_case: {kind: csv, path: ../other}}", "leads out of the home"),
        ("sources: {ehc_case: {kind: csv, path: x, encoding: utf-99}}", "no such encoding"),
        ("sources: {ehc_case: {kind: csv, path: x, watermark: {child: changed}}}", "neither url_env nor schema nor"),
        ("sources: {ehc_case: {kind: database, url_env: A, watermark: {kid: changed}}}", "table 'kid'"),
        ("sources: [", "cannot be read"),
        ("dashboard: {areas: {E05009324: ''}}", "areas"),
        ("dashboard: {areas: {E05009324: =1+1}}", "areas"),
        ("dashboard: {areas: {E05 009324: Chadwell St Mary}}", "areas"),
        ("dashboard: {area: {E05009324: Chadwell St Mary}}", "area is not a setting"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, sources: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_configuration(written(tmp_path, sources))


def test_areas_are_named_by_their_codes(tmp_path: Path) -> None:
    home = written(tmp_path, "dashboard: {areas: {E05009324: Chadwell St Mary, E05009325: 1st Ward}}")
    named = {"E05009324": "Chadwell St Mary", "E05009325": "1st Ward"}
    assert read_configuration(home).dashboard.areas == named


def test_an_la_code_has_three_digits(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="three digits"):
        read_configuration(written(tmp_path, "", head="la_code: Thurrock\nla_name: Thurrock\n"))


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="send init"):
        read_configuration(tmp_path)


def test_the_files_of_a_source_come_from_a_folder_a_pattern_or_one_name(tmp_path: Path) -> None:
    for name in ("a/child.csv", "a/deep/request.CSV", "a/.hidden.csv", "a/plan.csv.partial", "a/notes.txt", "b.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    def found(path: str) -> list[str]:
        home = written(tmp_path, f"sources: {{ehc_case: {{kind: csv, path: '{path}'}}}}")
        return [str(file.relative_to(home)) for file in read_configuration(home).source_files("ehc_case")]

    assert found("a") == ["a/child.csv", "a/deep/request.CSV"]
    assert found("*.csv") == ["b.csv"]
    assert found("b.csv") == ["b.csv"]
    assert found("absent") == []
