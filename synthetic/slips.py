"""Slips of those who write down who a child is: what keeps one child's records in different services apart.

Each slip is of one child in one source, in all its rows there: a pet name, a letter wrong, names swapped, a second
surname, a date with day and month changed round, an old address, a brother's NHS number. The case system and the
school census, by which the LA knows its children, keep the true names. The truth of every record is as before.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from synthetic.faults import Extracts
from synthetic.names import SURNAMES
from synthetic.people import People
from synthetic.records import Record
from synthetic.sheets import NOBODY, Sheet

PET_NAMES = {
    "Abigail": "Abi",
    "Alexander": "Alex",
    "Benjamin": "Ben",
    "Bethany": "Beth",
    "Charlotte": "Lottie",
    "Christopher": "Chris",
    "Daniel": "Danny",
    "Edward": "Ted",
    "Eleanor": "Ellie",
    "Elizabeth": "Libby",
    "Frederick": "Freddie",
    "Isabella": "Bella",
    "Jacob": "Jake",
    "James": "Jim",
    "Jessica": "Jess",
    "Joseph": "Joe",
    "Joshua": "Josh",
    "Katarzyna": "Kasia",
    "Matilda": "Tilly",
    "Matthew": "Matt",
    "Michael": "Mikey",
    "Mohammed": "Mohamed",
    "Muhammad": "Mohammad",
    "Nathaniel": "Nat",
    "Nicholas": "Nick",
    "Oliver": "Olly",
    "Olivia": "Liv",
    "Patrick": "Paddy",
    "Penelope": "Penny",
    "Rebecca": "Becky",
    "Robert": "Bob",
    "Samuel": "Sam",
    "Theodore": "Teddy",
    "Thomas": "Tom",
    "William": "Bill",
    "Zachary": "Zak",
    "Yusuf": "Yousef",
    "Hussain": "Hussein",
    "Aisha": "Ayesha",
    "Layla": "Leila",
}
NOT_KNOWN = ("Unknown", "Baby", "Not known")
DIGITS = "0123456789"


@dataclass
class Written:
    """How a source writes one child down, to begin with as it is."""

    forename: str
    surname: str
    birth: date
    postcode: str
    nhs_number: str

    @property
    def whole_name(self) -> str:
        """Forename and surname, as in a log."""
        return f"{self.forename} {self.surname}"


class Siblings:
    """Who lives in the same household."""

    def __init__(self, people: People) -> None:
        self._home = people.household
        self._order = np.argsort(people.household, kind="stable")
        self._sorted = people.household[self._order]

    def of(self, person: int) -> list[int]:
        """The others of the person's household, in the order of ``People``."""
        first, last = np.searchsorted(self._sorted, [self._home[person], self._home[person] + 1])
        return [other for other in self._order[first:last].tolist() if other != person]


@dataclass(frozen=True)
class Neighbours:
    """Whom a slip may take something from: the child's siblings, and anyone's former address."""

    siblings: Siblings
    people: People


Slip = Callable[[np.random.Generator, Written, int, Neighbours], None]


def _pet_name(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.forename = PET_NAMES.get(written.forename, written.forename)


def _misspelt(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    which = "surname" if chance.random() < 0.5 else "forename"
    name = getattr(written, which)
    if len(name) < 4:
        return
    at = int(chance.integers(1, len(name) - 1))
    changed = (
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        name[:at] + name[at + 1 :],
        name[: at + 1] + name[at:],
    )
    setattr(written, which, changed[int(chance.integers(3))])


def _swapped(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.forename, written.surname = written.surname, written.forename


def _second_surname(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    if "-" in written.surname:
        written.surname = written.surname.split("-")[int(chance.integers(2))]
    else:
        written.surname = f"{written.surname}-{SURNAMES[int(chance.integers(len(SURNAMES)))]}"


def _other_surname(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.surname = SURNAMES[int(chance.integers(len(SURNAMES)))]


def _initial(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.forename = written.forename[:1]


def _plain_letters(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    def plain(name: str) -> str:
        parted = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L").replace("ı", "i"))
        return "".join(letter for letter in parted if not unicodedata.combining(letter)).replace("'", "")

    written.forename, written.surname = plain(written.forename), plain(written.surname).upper()


def _day_and_month(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    if written.birth.day <= 12:
        written.birth = written.birth.replace(month=written.birth.day, day=written.birth.month)


def _one_digit(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    tens, ones = divmod(written.birth.day, 10)
    day = 10 * tens + (ones + int(chance.integers(1, 9))) % 10
    if 1 <= day <= 28:
        written.birth = written.birth.replace(day=day)


def _old_address(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.postcode = str(near.people.postcode[int(chance.integers(len(near.people)))])


def _no_number(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.nhs_number = ""


def _siblings_number(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    siblings = near.siblings.of(person)
    if siblings and written.nhs_number:
        written.nhs_number = str(near.people.nhs_number[siblings[int(chance.integers(len(siblings)))]])


def _no_name(chance: np.random.Generator, written: Written, person: int, near: Neighbours) -> None:
    written.forename = NOT_KNOWN[int(chance.integers(len(NOT_KNOWN)))]


SLIPS: tuple[tuple[Slip, float], ...] = (
    (_pet_name, 0.16),
    (_misspelt, 0.18),
    (_swapped, 0.05),
    (_second_surname, 0.08),
    (_other_surname, 0.03),
    (_initial, 0.04),
    (_plain_letters, 0.12),
    (_day_and_month, 0.07),
    (_one_digit, 0.05),
    (_old_address, 0.14),
    (_no_number, 0.05),
    (_siblings_number, 0.02),
    (_no_name, 0.01),
)
"""Each slip and its share of all."""

SOURCES: dict[str, dict[str, str]] = {
    "therapy_waits": {},
    "early_notifications": {},
    "continuing_care": {},
    "health_advice": {"whole_name": "child_name"},
    "ssd": {
        "forename": "pers_forename",
        "surname": "pers_surname",
        "birth_date": "pers_dob",
        "nhs_number": "pers_common_child_id",
    },
    "youth_justice": {},
    "nccis": {},
    "ehe_cme": {},
}
"""The sources that slip, with their own names of the columns where they differ from ours."""
COLUMNS = ("forename", "surname", "birth_date", "postcode", "nhs_number")


def plant_slips(generator: np.random.Generator, extracts: Extracts, sheets: Sequence[Sheet], rate: float) -> int:
    """Lets each source slip on that share of its children, none that a planted fault touches; gives how many did."""
    near = Neighbours(Siblings(extracts.people), extracts.people)
    slipped = 0
    for source, names in SOURCES.items():
        rows: dict[int, list[tuple[Sheet, int]]] = defaultdict(list)
        referrals: dict[int, list[Record]] = defaultdict(list)
        for sheet in sheets:
            if sheet.extract == source:
                for row, person in enumerate(sheet.person.tolist()):
                    rows[person].append((sheet, row))
        if source == extracts.referrals.extract:
            for record in extracts.referrals.records:
                referrals[record.person].append(record)
        for person in sorted((rows.keys() | referrals.keys()) - extracts.used - {NOBODY}):
            if generator.random() >= rate:
                continue
            before = _true(extracts.people, person)
            after = _true(extracts.people, person)
            slip = SLIPS[int(generator.choice(len(SLIPS), p=[share for _, share in SLIPS]))][0]
            slip(generator, after, person, near)
            if after == before:
                continue
            slipped += 1
            for column, new in _changes(before, after):
                for record in referrals[person]:
                    if column in COLUMNS and record[column]:
                        record[column] = f"{new:%d/%m/%Y}" if isinstance(new, date) else new
                theirs = names.get(column, column)
                for sheet, row in rows[person]:
                    _write_cell(sheet, row, theirs, new)
    return slipped


def _true(people: People, person: int) -> Written:
    return Written(
        str(people.forename[person]),
        str(people.surname[person]),
        date.fromordinal(int(people.birth[person])),
        str(people.postcode[person]),
        str(people.nhs_number[person]),
    )


def _changes(before: Written, after: Written) -> Iterable[tuple[str, date | str]]:
    changed: dict[str, tuple[date | str, date | str]] = {
        "forename": (before.forename, after.forename),
        "surname": (before.surname, after.surname),
        "birth_date": (before.birth, after.birth),
        "postcode": (before.postcode, after.postcode),
        "nhs_number": (before.nhs_number, after.nhs_number),
        "whole_name": (before.whole_name, after.whole_name),
    }
    return [(column, new) for column, (old, new) in changed.items() if old != new]


def _write_cell(sheet: Sheet, row: int, column: str, new: date | str) -> None:
    """Writes what the source has in a cell that holds something and bears no fault."""
    if column in sheet.columns and (row, column) not in sheet.corrections and sheet.text(row, column):
        sheet.corrections[row, column] = new.strftime(sheet.day_format) if isinstance(new, date) else new
