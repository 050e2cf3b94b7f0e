"""The invented borough's schools and colleges, those elsewhere that its children attend, and the register of both."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np

from connectors.contract import read_contract
from synthetic.identifiers import make_postcodes
from synthetic.names import BOYS, GIRLS, PLACES, SAINTS, STREETS, SURNAMES

# Code: name, group code, group name, as in the register (DfE, Get Information About Schools; OGL v3).
TYPES = {
    "01": ("Community school", "4", "Local authority maintained schools"),
    "02": ("Voluntary aided school", "4", "Local authority maintained schools"),
    "03": ("Voluntary controlled school", "4", "Local authority maintained schools"),
    "05": ("Foundation school", "4", "Local authority maintained schools"),
    "07": ("Community special school", "5", "Special schools"),
    "08": ("Non-maintained special school", "5", "Special schools"),
    "10": ("Other independent special school", "3", "Independent schools"),
    "11": ("Other independent school", "3", "Independent schools"),
    "14": ("Pupil referral unit", "4", "Local authority maintained schools"),
    "15": ("Local authority nursery school", "4", "Local authority maintained schools"),
    "18": ("Further education", "1", "Colleges"),
    "28": ("Academy sponsor led", "10", "Academies"),
    "32": ("Special post 16 institution", "9", "Other types"),
    "34": ("Academy converter", "10", "Academies"),
    "35": ("Free schools", "11", "Free Schools"),
    "36": ("Free schools special", "11", "Free Schools"),
    "38": ("Free schools alternative provision", "11", "Free Schools"),
    "42": ("Academy alternative provision converter", "10", "Academies"),
    "44": ("Academy special converter", "10", "Academies"),
}
MAINTAINED = ("01", "02", "03", "05")
ACADEMY = ("28", "34")
FREE = ("35",)

PHASES = {
    "nursery": ("1", "Nursery", 2, 5),
    "primary": ("2", "Primary", 3, 11),
    "secondary": ("4", "Secondary", 11, 18),
    "special": ("0", "Not applicable", 4, 19),
    "ap": ("0", "Not applicable", 5, 16),
    "independent": ("0", "Not applicable", 3, 18),
    "independent_special": ("0", "Not applicable", 5, 19),
    "fe": ("6", "16 plus", 16, 99),
    "special_post_16": ("6", "16 plus", 16, 25),
}
FIRST_NUMBERS = {
    "nursery": 1000,
    "ap": 1100,
    "primary": 2000,
    "secondary": 4000,
    "independent": 6000,
    "independent_special": 6500,
    "special": 7000,
    "fe": 8000,
    "special_post_16": 8500,
}
MORE_PRIMARIES = 1000
STATE_FUNDED = frozenset({"nursery", "primary", "secondary", "special", "ap"})

OTHER_LAS = {
    "881": "Essex",
    "886": "Kent",
    "311": "Havering",
    "919": "Hertfordshire",
    "823": "Central Bedfordshire",
    "873": "Cambridgeshire",
    "926": "Norfolk",
    "850": "Hampshire",
}
REGISTER_DAY = "%d/%m/%Y"


@dataclass(frozen=True)
class Establishment:
    """One establishment of the register. ``successor`` is the URN that took over when it closed."""

    urn: str
    ukprn: str
    la_code: str
    la_name: str
    number: str
    name: str
    type_code: str
    phase: str
    opened: date
    weight: float
    postcode: str
    is_local: bool
    has_sixth_form: bool = False
    closed: date | None = None
    successor: str | None = None
    predecessor: str | None = None
    resourced: str = ""

    @property
    def laestab(self) -> str:
        """LA code and establishment number, as a census writes it."""
        return self.la_code + self.number

    @property
    def is_in_census(self) -> bool:
        """Whether the borough's school census holds its pupils."""
        return self.is_local and self.phase in STATE_FUNDED

    @property
    def low_age(self) -> int:
        """The lowest age it takes."""
        return PHASES[self.phase][2]

    @property
    def high_age(self) -> int:
        """The highest age it takes."""
        return 16 if self.phase == "secondary" and not self.has_sixth_form else PHASES[self.phase][3]


@dataclass
class Schools:
    """Every establishment. ``all`` keeps an establishment at its position for good."""

    all: list[Establishment]
    _found: dict[tuple[str, bool, tuple[str, ...] | None], list[int]] = field(default_factory=dict)

    def of(self, phase: str, *, local: bool, types: tuple[str, ...] | None = None) -> list[int]:
        """Positions of the open establishments of a phase and, if any are, of those types; all of the phase if not."""
        key = (phase, local, types)
        if key not in self._found:
            of_phase = [i for i, e in enumerate(self.all) if e.phase == phase and e.is_local == local and not e.closed]
            of_types = [i for i in of_phase if types is None or self.all[i].type_code in types]
            self._found[key] = of_types or of_phase
        return self._found[key]

    def weights(self, positions: list[int]) -> list[float]:
        """The share each establishment takes of those who go to one of them; they add up to 1."""
        total = sum(self.all[i].weight for i in positions)
        return [self.all[i].weight / total for i in positions]

    @property
    def closed(self) -> list[Establishment]:
        """Those that closed."""
        return [e for e in self.all if e.closed]

    def predecessor_of(self, position: int) -> int | None:
        """The position of the establishment it took over from."""
        urn = self.all[position].predecessor
        return None if urn is None else next(i for i, e in enumerate(self.all) if e.urn == urn)


@dataclass(frozen=True)
class Inspection:
    """An establishment's latest inspection, as the register tells it."""

    day: date
    grade: str


@dataclass
class _Maker:
    """Makes establishments one by one, giving each its own number, name and postcode."""

    generator: np.random.Generator
    la_code: str
    la_name: str
    as_at: date
    postcodes: list[str]
    made: list[Establishment] = field(default_factory=list)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def add(self, phase: str, types: tuple[str, ...], *, weight: float = 1.0, local: bool = True) -> Establishment:
        la_code, la_name = self.la_code, self.la_name
        if not local:
            codes = [code for code in OTHER_LAS if code != self.la_code]
            la_code = codes[int(self.generator.integers(len(codes)))]
            la_name = OTHER_LAS[la_code]
        type_code = types[int(self.generator.integers(len(types)))]
        establishment = Establishment(
            urn=f"{900_001 + len(self.made)}",
            ukprn=f"{10_900_001 + len(self.made)}",
            la_code=la_code,
            la_name=la_name,
            number=self._number(la_code, phase),
            name=self._name(phase, type_code),
            type_code=type_code,
            phase=phase,
            opened=date(int(self.generator.integers(1950, 1990)), 9, 1),
            weight=weight * float(self.generator.uniform(0.5, 1.5)),
            postcode=self.postcodes[len(self.made)],
            is_local=local,
            has_sixth_form=phase == "secondary" and bool(self.generator.random() < 0.6),
            resourced=self._resourced(phase),
        )
        self.made.append(establishment)
        return establishment

    def _resourced(self, phase: str) -> str:
        if phase not in ("primary", "secondary"):
            return ""
        return str(self.generator.choice(["", "Resourced provision", "SEN unit"], p=[0.7, 0.2, 0.1]))

    def _number(self, la_code: str, phase: str) -> str:
        first = FIRST_NUMBERS[phase]
        taken = self.numbers.get((la_code, phase), 0)
        self.numbers[la_code, phase] = taken + 1
        # A county has more primary schools than there are numbers below those of secondary schools.
        is_past = phase == "primary" and first + taken >= FIRST_NUMBERS["secondary"]
        return f"{first + taken + MORE_PRIMARIES * is_past:04d}"

    def _name(self, phase: str, type_code: str) -> str:
        kind = {
            "nursery": "Nursery School",
            "primary": "Primary School",
            "secondary": "School",
            "special": "School",
            "ap": "Centre",
            "independent": "Preparatory School",
            "independent_special": "House School",
            "fe": "College",
            "special_post_16": "Independence College",
        }[phase]
        if type_code == "02":
            kind = f"Catholic {kind}"
        elif type_code in ("03", "28", "34"):
            kind = kind.replace("School", "Academy") if type_code != "03" else f"Church of England {kind}"
        while True:
            place = str(self.generator.choice(PLACES))
            if type_code in ("02", "03"):
                place = f"St {self.generator.choice(SAINTS)}'s"
            elif len(self.names) > len(PLACES) * 3:
                place = f"{place} {self.generator.choice(STREETS)}"
            name = f"{place} {kind}"
            if name not in self.names:
                self.names.add(name)
                return name
            if type_code in ("02", "03") or self.generator.random() < 0.3:
                name = f"{place} {kind}, {self.generator.choice(PLACES)} {self.generator.choice(STREETS)}"
                if name not in self.names:
                    self.names.add(name)
                    return name

    def close(self, establishment: Establishment, closed: date) -> None:
        """An academy's predecessor: the maintained school that closed the day before it opened."""
        predecessor = replace(
            establishment,
            urn=f"{900_001 + len(self.made)}",
            ukprn=f"{10_900_001 + len(self.made)}",
            number=self._number(establishment.la_code, establishment.phase),
            name=establishment.name.replace("Academy", "School"),
            type_code="01",
            closed=closed,
            successor=establishment.urn,
        )
        position = self.made.index(establishment)
        opened = date.fromordinal(closed.toordinal() + 1)
        self.made[position] = replace(establishment, opened=opened, predecessor=predecessor.urn)
        self.made.append(predecessor)


def make_schools(
    generator: np.random.Generator, *, la_code: str, la_name: str, area: str, children: int, as_at: date
) -> Schools:
    """The establishments of a borough of so many children, with about 60 elsewhere (fewer for a small borough)."""

    def number(per_establishment: float) -> int:
        return max(1, round(children / per_establishment))

    maker = _Maker(generator, la_code, la_name, as_at, make_postcodes(generator, area, 2_000 + children // 200))

    def add_mainstream(phase: str, count: int) -> None:
        for i in range(count):
            share = (i + 0.5) / count
            types: tuple[str, ...] = ("34", "28") if share < 0.62 else ("01", "05") if share < 0.8 else ("02", "03")
            types = FREE if share > 0.93 else types
            maker.add(phase, types)

    add_mainstream("primary", number(715))
    add_mainstream("secondary", number(2_800))
    near: tuple[tuple[int, str, tuple[str, ...]], ...] = (
        (number(11_250), "special", ("44", "36")),
        (number(45_000), "special", ("07",)),
        (number(45_000), "ap", ("14",)),
        (number(45_000), "ap", ("42", "38")),
        (number(22_500), "nursery", ("15",)),
        (number(5_000), "independent", ("11",)),
        (number(9_000), "independent_special", ("10",)),
        (number(22_500), "fe", ("18",)),
        (number(45_000), "special_post_16", ("32",)),
    )
    for count, phase, types in near:
        for _ in range(count):
            maker.add(phase, types)
    away = min(3.0, max(0.34, children / 45_000))
    elsewhere: tuple[tuple[int, str, tuple[str, ...]], ...] = (
        (9, "primary", ("34", "01", "02")),
        (10, "secondary", ("34", "28", "01")),
        (8, "special", ("44", "07", "36")),
        (2, "ap", ("14", "42")),
        (3, "independent", ("11",)),
        (13, "independent_special", ("10",)),
        (4, "special", ("08",)),
        (5, "fe", ("18",)),
        (3, "special_post_16", ("32",)),
    )
    for count, phase, types in elsewhere:
        for _ in range(max(1, round(count * away))):
            maker.add(phase, types, local=False)
    _close_predecessors(maker)
    return Schools(maker.made)


def _close_predecessors(maker: _Maker) -> None:
    """One academy in eight took over from a maintained school in the last seven years; at least one did."""
    academies = [e for e in maker.made if e.type_code in ACADEMY and e.phase in ("primary", "secondary")]
    count = max(1, round(len(academies) / 8))
    year = maker.as_at.year if maker.as_at >= date(maker.as_at.year, 9, 1) else maker.as_at.year - 1
    for i, position in enumerate(sorted(maker.generator.permutation(len(academies))[:count].tolist())):
        maker.close(academies[position], date(year - 1 - i % 7, 8, 31))


def write_register(
    folder: Path,
    schools: Schools,
    pupils: dict[str, tuple[int, int]],
    wards: dict[str, tuple[str, str]],
    generator: np.random.Generator,
    as_at: date,
) -> dict[str, Inspection]:
    """Writes ``edubasealldata.csv`` and ``links.csv`` as the register publishes them (Windows-1252, dd/mm/yyyy).

    ``pupils`` gives boys and girls on roll by LAESTAB, where the census counts them, ``wards`` code and name of each by
    postcode. Gives the latest inspection of each establishment that is open, by URN.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contract = read_contract("gias")
    headings = [column.heading or name for name, column in contract.tables["establishment"].columns.items()]
    with (folder / "edubasealldata.csv").open("w", encoding="cp1252", newline="", errors="replace") as handle:
        writer = csv.DictWriter(handle, headings, restval="", lineterminator="\r\n")
        writer.writeheader()
        rows = [_register_row(e, pupils.get(e.laestab), wards[e.postcode], generator, as_at) for e in schools.all]
        writer.writerows(rows)
    link_headings = [column.heading or name for name, column in contract.tables["link"].columns.items()]
    by_urn = {e.urn: e for e in schools.all}
    with (folder / "links.csv").open("w", encoding="cp1252", newline="", errors="replace") as handle:
        writer = csv.DictWriter(handle, link_headings, restval="", lineterminator="\r\n")
        writer.writeheader()
        for e in schools.closed:
            successor = by_urn[str(e.successor)]
            day = successor.opened.strftime(REGISTER_DAY)
            for one, other, kind in ((e, successor, "Successor"), (successor, e, "Predecessor")):
                writer.writerow(
                    {
                        "URN": one.urn,
                        "LinkURN": other.urn,
                        "LinkName": other.name,
                        "LinkType": kind,
                        "LinkEstablishedDate": day,
                    }
                )
    return {
        row["URN"]: Inspection(
            datetime.strptime(row["OfstedLastInsp"], REGISTER_DAY).date(), row["OfstedRating (name)"]
        )
        for row in rows
        if not row["CloseDate"]
    }


def _register_row(
    e: Establishment, pupils: tuple[int, int] | None, ward: tuple[str, str], generator: np.random.Generator, as_at: date
) -> dict[str, str]:
    type_name, group, group_name = TYPES[e.type_code]
    phase_code, phase_name, low, _ = PHASES[e.phase]
    boys, girls = pupils or (int(generator.integers(20, 400)), int(generator.integers(20, 400)))
    fsm = int((boys + girls) * generator.uniform(0.08, 0.45))
    inspected = date.fromordinal(as_at.toordinal() - int(generator.integers(60, 1500)))
    row = {
        "URN": e.urn,
        "LA (code)": e.la_code,
        "LA (name)": e.la_name,
        "EstablishmentNumber": e.number,
        "EstablishmentName": e.name,
        "TypeOfEstablishment (code)": str(int(e.type_code)),
        "TypeOfEstablishment (name)": type_name,
        "EstablishmentTypeGroup (code)": group,
        "EstablishmentTypeGroup (name)": group_name,
        "EstablishmentStatus (code)": "2" if e.closed else "1",
        "EstablishmentStatus (name)": "Closed" if e.closed else "Open",
        "ReasonEstablishmentOpened (code)": "10" if e.predecessor else "0",
        "ReasonEstablishmentOpened (name)": "Academy Converter" if e.predecessor else "Not applicable",
        "OpenDate": e.opened.strftime(REGISTER_DAY),
        "ReasonEstablishmentClosed (code)": "10" if e.closed else "0",
        "ReasonEstablishmentClosed (name)": "Academy Converter" if e.closed else "Not applicable",
        "CloseDate": e.closed.strftime(REGISTER_DAY) if e.closed else "",
        "PhaseOfEducation (code)": phase_code,
        "PhaseOfEducation (name)": phase_name,
        "StatutoryLowAge": str(low),
        "StatutoryHighAge": str(e.high_age),
        "Boarders (code)": "1",
        "Boarders (name)": "No boarders",
        "NurseryProvision (name)": "Has Nursery Classes" if e.phase in ("nursery", "primary") else "Not applicable",
        "OfficialSixthForm (code)": "1" if e.has_sixth_form else "2",
        "OfficialSixthForm (name)": "Has a sixth form" if e.has_sixth_form else "Does not have a sixth form",
        "Gender (code)": "3",
        "Gender (name)": "Mixed",
        "ReligiousCharacter (name)": {"02": "Roman Catholic", "03": "Church of England"}.get(e.type_code, "None"),
        "AdmissionsPolicy (name)": "Not applicable",
        "SchoolCapacity": str(round((boys + girls) * 1.06) + 5),
        "SpecialClasses (name)": "Has Special Classes" if e.resourced else "No Special Classes",
        "NumberOfPupils": str(boys + girls),
        "NumberOfBoys": str(boys),
        "NumberOfGirls": str(girls),
        "PercentageFSM": f"{100 * fsm / (boys + girls):.1f}" if boys + girls else "0.0",
        "UKPRN": e.ukprn,
        "FurtherEducationType (name)": "General Further Education College" if e.phase == "fe" else "Not applicable",
        "OfstedLastInsp": inspected.strftime(REGISTER_DAY),
        "LastChangedDate": inspected.strftime(REGISTER_DAY),
        "Street": f"{generator.integers(1, 200)} {generator.choice(STREETS)} Road",
        "Town": str(generator.choice(PLACES)),
        "Postcode": e.postcode,
        "SchoolWebsite": f"https://{e.urn}.example.org",
        "TelephoneNum": f"01632 960{int(generator.integers(0, 1000)):03d}",
        "HeadFirstName": str(generator.choice([n for n in (*GIRLS[:40], *BOYS[:40]) if n.isascii()])),
        "HeadLastName": str(generator.choice([n for n in SURNAMES[:80] if n.isascii()])),
        "HeadPreferredJobTitle": "Principal" if e.phase in ("fe", "special_post_16") else "Headteacher",
        "SENPRU (name)": "PRU Does have Provision for SEN" if e.phase == "ap" else "Not applicable",
        "Section41Approved (name)": "Approved" if e.phase == "independent_special" else "Not applicable",
        "TypeOfResourcedProvision (name)": e.resourced or "Not applicable",
        "OfstedRating (name)": str(
            generator.choice(["Outstanding", "Good", "Requires improvement", "Inadequate"], p=[0.2, 0.65, 0.12, 0.03])
        ),
        "AdministrativeWard (code)": ward[0],
        "AdministrativeWard (name)": ward[1],
        "Country (name)": "England",
        "GSSLACode (name)": "",
        "PreviousLA (code)": "999",
        "FSM": str(fsm),
    }
    if e.resourced == "Resourced provision":
        row |= {"ResourcedProvisionOnRoll": "12", "ResourcedProvisionCapacity": "16"}
    elif e.resourced == "SEN unit":
        row |= {"SenUnitOnRoll": "9", "SenUnitCapacity": "12"}
    return row
