"""The published figures an invented borough is shaped after: DfE's "Education, health and care plans" release.

By default the figures of Thurrock (883) and England kept beside this module are used. Given the release's zip as DfE
publishes it, any of its 153 local authorities can be asked for. Figures marked ``x`` or ``z`` in the release are
taken from England.
"""

from __future__ import annotations

import csv
import functools
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import ConfigurationError

KEPT_FIGURES = Path(__file__).with_name("published_figures.csv")
ENGLAND = "England"

MAX_MEMBER_BYTES = 64 * 2**20
MAX_MEMBERS = 200

PLACEMENT_KINDS = (
    "mainstream_la_maintained",
    "mainstream_la_maintained_resourced_provision",
    "mainstream_la_maintained_senunit",
    "mainstream_academy",
    "mainstream_academy_resourced_provision",
    "mainstream_academy_senunit",
    "mainstream_free_school",
    "mainstream_free_school_resourced_provision",
    "mainstream_free_school_senunit",
    "mainstream_independent",
    "special_la_maintained",
    "special_academy_free",
    "special_independent",
    "special_non_maintained",
    "ap_pru_academy",
    "ap_pru_free_school",
    "ap_pru_la_maintained",
    "general_fe_tertiary_colleges",
    "specialist_post_16_institutions",
    "ukrlp_provider",
    "elective_home_education",
    "other_arrangements_la",
    "other_arrangements_parents",
    "online_provider",
    "w_settings",
    "other_schools",
    "other_placement_settings",
    "neet",
    "neet_ntci",
    "neet_other",
    "neet_other_csa",
    "nm_early_years",
)
NEEDS = ("asd", "hi", "mld", "msi", "oth", "pd", "pmld", "semh", "slcn", "sld", "spld", "vi")
OUTCOMES = ("decided_to_assess", "decided_not_to_assess", "decision_not_made", "withdrawn")
CEASE_REASONS = {
    "max_age": "1",
    "needs_met": "2",
    "he": "3",
    "employ": "4",
    "transfer": "5",
    "no_engage": "6",
    "moved_outside_eng": "7",
    "deceased": "8",
    "other": "9",
}

AgeCounts = dict[int, float]
KindCounts = dict[str, float]

# (file of the release, topic here, breakdown topic there, columns taken there)
_TAKEN: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("caseload", "plans", "All EHC plans", ("ehcplans",)),
    ("caseload", "placement", "All EHC plans", PLACEMENT_KINDS),
    ("caseload", "plans_by_age", "Child or young persons age", ("ehcplans",)),
    ("caseload", "placement_by_age", "Child or young persons age", PLACEMENT_KINDS),
    ("sen_needs_all_plans", "need", "All EHC plans", tuple(f"number_{need}" for need in NEEDS)),
    (
        "timeliness_20_week",
        "timeliness",
        "All EHC plans issued",
        ("plans_issued_den", "plans_issued_den_ex", "plans_issued_within_20_weeks", "plans_issued_gt_1_year"),
    ),
    (
        "requests",
        "requests",
        "All requests for EHC needs assessments",
        (
            "requests_received_in_year",
            *(f"requests_{outcome}" for outcome in OUTCOMES),
            "request_outcome_six_weeks",
            "request_outcome_over_6_weeks",
            "mediation_related_request",
            "tribunal_related_request",
        ),
    ),
    ("requests", "requests_by_age", "Child or young persons age", ("requests_received_in_year",)),
    (
        "assessments",
        "assessments",
        "All EHC needs assessments",
        (
            "assess_in_year",
            "assess_issued",
            "assess_not_issued",
            "assess_withdrawn",
            "outcome_decision_within_time",
            "outcome_decision_over_time",
        ),
    ),
    ("ceased_plans", "ceased", "All ceased EHC plans", (*CEASE_REASONS, "total_ceased")),
)
FILES = tuple(dict.fromkeys(file for file, *_ in _TAKEN))


@dataclass(frozen=True)
class KeptFigure:
    """One published number as ``published_figures.csv`` keeps it. ``value`` is None where it is suppressed."""

    la_code: str
    la_name: str
    topic: str
    breakdown: str
    measure: str
    value: float | None
    source: str


@dataclass(frozen=True)
class Figures:
    """What is published of one local authority, as far as an invented borough follows it. All are counts."""

    la_code: str
    la_name: str
    plans: float
    plans_by_age: AgeCounts
    placement: KindCounts
    placement_by_age: dict[int, KindCounts]
    need: KindCounts
    timeliness: KindCounts
    requests: KindCounts
    requests_by_age: AgeCounts
    assessments: KindCounts
    ceased: KindCounts


@dataclass(frozen=True)
class Release:
    """The figures of every local authority of a release, by code; England's are under ``England``."""

    figures: dict[str, tuple[KeptFigure, ...]]
    place: str

    @property
    def la_codes(self) -> tuple[str, ...]:
        """The three-digit codes of the local authorities it holds."""
        return tuple(sorted(code for code in self.figures if code != ENGLAND))

    def of(self, la_code: str) -> Figures:
        """The figures of one local authority, England's where its own are suppressed or all nought.

        Raises ``ConfigurationError`` where the release has no such local authority.
        """
        if la_code not in self.figures or la_code == ENGLAND:
            codes = self.la_codes
            known = ", ".join(codes) if len(codes) <= 5 else f"{codes[0]} to {codes[-1]}, {len(codes)} in all"
            raise ConfigurationError(
                f"There are no published figures for the local authority {la_code!r} in {self.place}. "
                f"It holds {known}. Give one of these three-digit codes, or give the zip of DfE's release "
                "'Education, health and care plans', which holds all 153."
            )
        own, england = _by_topic(self.figures[la_code]), _by_topic(self.figures[ENGLAND])

        def topic(name: str) -> KindCounts:
            return _measures(own.get(name, []), england.get(name, []))

        def ages(name: str) -> AgeCounts:
            return {
                age: sum(counts.values()) for age, counts in _ages(own.get(name, []), england.get(name, [])).items()
            }

        return Figures(
            la_code=la_code,
            la_name=self.figures[la_code][0].la_name,
            plans=sum(topic("plans").values()),
            plans_by_age=ages("plans_by_age"),
            placement=topic("placement"),
            placement_by_age=_ages(own.get("placement_by_age", []), england.get("placement_by_age", [])),
            need={need: count for need, count in _without_prefix(topic("need"), "number_").items()},
            timeliness=topic("timeliness"),
            requests=topic("requests"),
            requests_by_age=ages("requests_by_age"),
            assessments=topic("assessments"),
            ceased=topic("ceased"),
        )


def _without_prefix(counts: KindCounts, prefix: str) -> KindCounts:
    return {name.removeprefix(prefix): count for name, count in counts.items()}


def _by_topic(figures: tuple[KeptFigure, ...]) -> dict[str, list[KeptFigure]]:
    topics: dict[str, list[KeptFigure]] = {}
    for figure in figures:
        topics.setdefault(figure.topic, []).append(figure)
    return topics


def _measures(own: list[KeptFigure], england: list[KeptFigure]) -> KindCounts:
    if not any(figure.value for figure in own) or any(figure.value is None for figure in own):
        own = england
    return {figure.measure: figure.value or 0.0 for figure in own}


def _ages(own: list[KeptFigure], england: list[KeptFigure]) -> dict[int, KindCounts]:
    if not any(figure.value for figure in own) or any(figure.value is None for figure in own):
        own = england
    ages: dict[int, KindCounts] = {}
    for figure in own:
        ages.setdefault(_age(figure.breakdown), {})[figure.measure] = figure.value or 0.0
    return ages


def _age(breakdown: str) -> int:
    """The age that a breakdown such as ``age 7``, ``Aged 2 and under`` or ``under 3`` stands for."""
    number = int(re.sub(r"\D", "", breakdown))
    return number - 1 if breakdown.startswith("under") else number


def _counts(text: str) -> float | None:
    """A published count; None where it is marked x, z, c or low. Negative figures, a few of which slip in, are 0."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return None


def kept_release() -> Release:
    """The figures kept beside this module: Thurrock and England."""
    with KEPT_FIGURES.open(encoding="utf-8", newline="") as handle:
        figures = [
            KeptFigure(**{**row, "value": _counts(row["value"])})  # type: ignore[arg-type]
            for row in csv.DictReader(handle)
        ]
    return _release(figures, KEPT_FIGURES.name)


def read_release(path: Path) -> Release:
    """The figures of DfE's zip. Raises ``ConfigurationError`` where it is no such zip or not a safe one."""
    try:
        stat = path.stat()
    except OSError as error:
        raise ConfigurationError(
            f"The release {path.name} cannot be opened ({error.strerror}). Give the path of the zip of DfE's "
            "'Education, health and care plans'."
        ) from None
    return _read_release(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=2)
def _read_release(path: Path, modified: int, size: int) -> Release:
    try:
        with zipfile.ZipFile(path) as release:
            members = _members(release, path.name)
            figures = [figure for file in FILES for figure in _figures(release, members[file], file, path.name)]
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, csv.Error, OSError, RuntimeError):
        raise ConfigurationError(
            f"{path.name} is not a readable zip of CSV files. Download DfE's release again."
        ) from None
    return _release(figures, path.name)


def _members(release: zipfile.ZipFile, place: str) -> dict[str, zipfile.ZipInfo]:
    """The release's files by name. Nothing is unpacked to disk, and none may be larger than it could honestly be."""
    if len(release.infolist()) > MAX_MEMBERS:
        raise ConfigurationError(f"{place} holds more than {MAX_MEMBERS} files, so it is not DfE's release.")
    found = {}
    for member in release.infolist():
        name = member.filename.rpartition("/")[2]
        if name.removesuffix(".csv") in FILES and name.endswith(".csv"):
            if member.file_size > MAX_MEMBER_BYTES:
                raise ConfigurationError(f"{place}: {name} says it is larger than {MAX_MEMBER_BYTES >> 20} MB.")
            found[name.removesuffix(".csv")] = member
    if lacking := [f"{file}.csv" for file in FILES if file not in found]:
        raise ConfigurationError(
            f"{place} lacks {', '.join(lacking)}. Give the whole zip of DfE's 'Education, health and care plans'."
        )
    return found


def _figures(release: zipfile.ZipFile, member: zipfile.ZipInfo, file: str, place: str) -> Iterator[KeptFigure]:
    """The latest year's figures of one file of the release, for England and each local authority."""
    content = release.open(member).read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise ConfigurationError(f"{place}: {file}.csv is larger than {MAX_MEMBER_BYTES >> 20} MB.")
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    header = next(lines, [])
    topics = [(topic, there, columns) for f, topic, there, columns in _TAKEN if f == file]
    needed = {"time_period", "geographic_level", "old_la_code", "la_name", "breakdown_topic", "breakdown"}
    needed |= {column for _, _, columns in topics for column in columns}
    if lacking := sorted(needed - set(header)):
        raise ConfigurationError(f"{place}: {file}.csv lacks the columns {', '.join(lacking)}.")
    at = {name: position for position, name in enumerate(header)}
    period, level, code, la_name = (at[n] for n in ("time_period", "geographic_level", "old_la_code", "la_name"))
    breakdown_topic, breakdown = at["breakdown_topic"], at["breakdown"]
    wanted = {there for _, there, _ in topics}
    rows = [row for row in lines if len(row) == len(header) and row[breakdown_topic] in wanted]
    latest = max((row[period] for row in rows), default="")
    source = f"DfE, Education, health and care plans 2025, {file}.csv ({latest}); OGL v3"
    for row in rows:
        if row[period] != latest or row[level] not in ("National", "Local authority"):
            continue
        if row[level] == "Local authority" and not re.fullmatch(r"\d{3}", row[code]):
            continue
        is_england = row[level] == "National"
        for topic, there, columns in topics:
            if row[breakdown_topic] != there:
                continue
            if topic.endswith("_by_age") and not re.search(r"\d", row[breakdown]):
                continue
            for column in columns:
                yield KeptFigure(
                    la_code=ENGLAND if is_england else row[code],
                    la_name=ENGLAND if is_england else row[la_name],
                    topic=topic,
                    breakdown=row[breakdown],
                    measure=column,
                    value=_counts(row[at[column]]),
                    source=source,
                )


def _release(figures: list[KeptFigure], place: str) -> Release:
    by_code: dict[str, list[KeptFigure]] = {}
    for figure in figures:
        by_code.setdefault(figure.la_code, []).append(figure)
    if ENGLAND not in by_code:
        raise ConfigurationError(f"{place} holds no figures for England, so it is not DfE's release.")
    return Release({code: tuple(held) for code, held in by_code.items()}, place)


def figures_of(la_code: str, published: Path | None = None) -> Figures:
    """The published figures of a local authority, from DfE's zip where one is given. Raises ``ConfigurationError``."""
    return (read_release(published) if published else kept_release()).of(la_code)
