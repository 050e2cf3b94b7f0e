"""Everyone in the borough: households with siblings and twins, names, addresses and identifiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from synthetic.days import school_year
from synthetic.identifiers import (
    IntArray,
    Numbers,
    Texts,
    Upns,
    make_nhs_numbers,
    make_postcodes,
    make_ulns,
    make_upns,
)
from synthetic.names import BOYS, GIRLS, STREET_KINDS, STREETS, SURNAMES

ETHNICITIES = {
    "WBRI": 0.62,
    "WOTH": 0.09,
    "BAFR": 0.08,
    "MOTH": 0.025,
    "MWBC": 0.02,
    "MWBA": 0.015,
    "MWAS": 0.015,
    "AIND": 0.03,
    "APKN": 0.025,
    "ABAN": 0.015,
    "AOTH": 0.015,
    "BCRB": 0.012,
    "BOTH": 0.008,
    "CHNE": 0.005,
    "OOTH": 0.01,
    "WIRI": 0.004,
    "WIRT": 0.001,
    "WROM": 0.003,
    "REFU": 0.004,
    "NOBT": 0.003,
}
LANGUAGES = {"ENG": 0.83, "POL": 0.03, "RUM": 0.03, "BEN": 0.02, "URD": 0.02, "YOR": 0.02, "LIT": 0.02, "ARA": 0.03}
HOMES_ON_A_POSTCODE = 12


@dataclass
class People:
    """Everyone, one position a person: days of birth as ordinals, the rest as text (empty where none).

    ``household`` numbers the address; siblings and twins share it.
    """

    birth: IntArray
    is_girl: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    household: IntArray
    surname: Texts
    forename: Texts
    middle: Texts
    ethnicity: Texts
    language: Texts
    postcode: Texts
    house: IntArray
    street: Texts
    uprn: Numbers
    upn: Upns
    uln: Numbers
    nhs_number: Numbers
    has_twin: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    def __len__(self) -> int:
        return len(self.birth)

    def addresses(self, count: int) -> list[str]:
        """House number and street of the first ``count``."""
        homes = zip(self.house[:count].tolist(), self.street[:count].tolist(), strict=True)
        return [f"{house} {street}" for house, street in homes]


def make_twins(
    generator: np.random.Generator, births: IntArray, group: IntArray, share: float = 0.012
) -> tuple[IntArray, IntArray]:
    """Births in which some are twins, and each person's twin (a position; -1 for none).

    Twins are of one ``group`` (whose members may be swapped for each other) and take the birth of the first.
    """
    births = births.copy()
    twin = np.full(len(births), -1, dtype=np.int64)
    order = np.lexsort((births, group))
    pairs = np.arange(0, len(order) - 1, 2)
    chosen = pairs[generator.random(len(pairs)) < share]
    one, other = order[chosen], order[chosen + 1]
    fits = (group[one] == group[other]) & (births[other] - births[one] < 60) & (group[one] >= 0)
    one, other = one[fits], other[fits]
    births[other] = births[one]
    twin[one], twin[other] = other, one
    return births, twin


def _households(generator: np.random.Generator, births: IntArray, twin: IntArray) -> IntArray:
    """A household for each: one to three children, siblings drawn from the young, the middle and the old."""
    count = len(births)
    household = np.full(count, -1, dtype=np.int64)
    leads = np.flatnonzero((twin < 0) | (np.arange(count) < twin))
    by_age = leads[np.argsort(births[leads], kind="stable")]
    thirds = [generator.permutation(part) for part in np.array_split(by_age, 3)]
    household[thirds[0]] = np.arange(len(thirds[0]))
    for part, chance in ((thirds[1], 0.55), (thirds[2], 0.45)):
        joins = generator.random(len(part)) < chance
        homes = generator.permutation(max(len(thirds[0]), 1))[: int(joins.sum())]
        joins[np.flatnonzero(joins)[len(homes) :]] = False
        household[part[joins]] = homes
        first = int(household.max()) + 1
        household[part[~joins]] = first + np.arange(int((~joins).sum()))
    twins = np.flatnonzero(household < 0)
    household[twins] = household[twin[twins]]
    return household


def _forenames(generator: np.random.Generator, is_girl: IntArray, household: IntArray) -> Texts:
    """Forenames that no two of one household share."""
    count = len(household)
    order = np.argsort(household, kind="stable")
    sorted_homes = household[order]
    is_first = np.r_[True, sorted_homes[1:] != sorted_homes[:-1]] if count else np.zeros(0, dtype=bool)
    starts = np.maximum.accumulate(np.where(is_first, np.arange(count), 0)) if count else np.zeros(0, dtype=np.int64)
    place = np.zeros(count, dtype=np.int64)
    place[order] = np.arange(count) - starts
    base = generator.integers(0, 10**6, size=int(household.max()) + 1 if count else 0)[household]
    girls, boys = np.array(GIRLS, dtype=object), np.array(BOYS, dtype=object)
    at = base + place * 7
    names: Texts = np.where(is_girl, girls[at % len(girls)], boys[at % len(boys)])
    return names


def make_people(
    generator: np.random.Generator,
    births: IntArray,
    twin: IntArray,
    is_girl: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    *,
    la_code: str,
    area: str,
) -> People:
    """Everyone of those births. No two share surname, forename, birth and postcode; no identifier is given twice."""
    count = len(births)
    household = _households(generator, births, twin)
    homes = int(household.max()) + 1 if count else 0
    surnames = np.array(SURNAMES, dtype=object)
    ranks = (generator.random(homes) ** 1.25 * len(surnames)).astype(np.int64)
    family = surnames[generator.permutation(len(surnames))][ranks]
    is_double = generator.random(homes) < 0.06
    second = surnames[generator.integers(0, len(surnames), size=homes)]
    family[is_double] += "-" + second[is_double]
    surname = family[household]
    # Some half-siblings carry another name.
    own = generator.random(count) < 0.05
    own &= twin < 0
    surname = np.where(own, surnames[generator.integers(0, len(surnames), size=count)], surname)

    postcodes = np.array(make_postcodes(generator, area, homes // HOMES_ON_A_POSTCODE + 1), dtype=object)
    home_postcode = generator.permutation(np.arange(homes) // HOMES_ON_A_POSTCODE)
    streets = np.array([f"{street} {kind}" for street in STREETS for kind in STREET_KINDS], dtype=object)
    street = streets[generator.integers(0, len(streets), size=len(postcodes))][home_postcode]
    house = generator.integers(1, 240, size=homes)

    forename = _forenames(generator, is_girl.astype(np.int64), household)
    _tell_apart(births, surname, forename, home_postcode[household], is_girl)
    every = np.where(is_girl, np.array(GIRLS, dtype=object)[generator.integers(0, len(GIRLS), size=count)], "")
    boys = np.array(BOYS, dtype=object)[generator.integers(0, len(BOYS), size=count)]
    middle = np.where(generator.random(count) < 0.35, np.where(is_girl, every, boys), "")
    ethnic = np.array(list(ETHNICITIES), dtype=object)
    shares = np.array(list(ETHNICITIES.values()))
    languages = np.array(list(LANGUAGES), dtype=object)
    language_shares = np.array(list(LANGUAGES.values()))
    of_home = generator.choice(len(ethnic), size=homes, p=shares / shares.sum())
    spoken = generator.choice(len(languages), size=homes, p=language_shares / language_shares.sum())
    serials = generator.permutation(count)
    return People(
        birth=births,
        is_girl=is_girl,
        household=household,
        surname=surname,
        forename=forename,
        middle=middle,
        ethnicity=ethnic[of_home][household],
        language=languages[spoken][household],
        postcode=postcodes[home_postcode][household],
        house=house[household],
        street=street[household],
        uprn=Numbers(100_900_000_000 + household),
        upn=make_upns(la_code, serials, school_year(births) + 5),
        uln=make_ulns(generator, count),
        nhs_number=make_nhs_numbers(generator, count),
        has_twin=twin >= 0,
    )


def _tell_apart(
    births: IntArray,
    surname: Texts,
    forename: Texts,
    postcode: IntArray,
    is_girl: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> None:
    """Changes the forename of whoever shares name, birth and postcode with someone before."""
    family = pa.array(surname, pa.string()).dictionary_encode().indices.to_numpy()
    at = np.arange(len(births))
    while True:
        given = pa.array(forename, pa.string()).dictionary_encode().indices.to_numpy()
        order = np.lexsort((at, given, family, postcode, births))
        same = np.ones(max(len(order) - 1, 0), dtype=bool)
        for values in (given, family, postcode, births):
            same &= values[order[1:]] == values[order[:-1]]
        again = order[1:][same]
        if not len(again):
            return
        for position in again.tolist():
            names = GIRLS if is_girl[position] else BOYS
            forename[position] = names[(names.index(forename[position]) + 1 + position % 7) % len(names)]
