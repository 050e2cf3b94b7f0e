"""Identifiers that are valid in form and belong to no one: UPN, ULN, NHS number, postcode.

NHS numbers come from the range 999 000 0000 to 999 999 9999, which is set aside for tests; for more people than it
has, from 990 000 0000 on, where none is given out either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
ShortArray = npt.NDArray[np.int32]
AnyInts = npt.NDArray[np.signedinteger[Any]]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Numbers:
    """Identifiers that are numbers, held as such, for millions of texts are heavy; taken from it they are texts."""

    held: IntArray

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: AnyInts | slice) -> Texts: ...

    def __getitem__(self, at: int | AnyInts | slice) -> str | Texts:
        found = self.held[at]
        return self.texts(found) if isinstance(found, np.ndarray) else str(self.texts(np.array([found]))[0])

    def __len__(self) -> int:
        return len(self.held)

    def tolist(self) -> list[str]:
        """All of them."""
        return list(self[:].tolist())

    def texts(self, numbers: IntArray) -> Texts:
        """The numbers as they are written."""
        return numbers.astype(str).astype(object)


class Upns(Numbers):
    """UPNs, held as the number after the check letter."""

    def texts(self, numbers: IntArray) -> Texts:
        """The check letter, then twelve digits."""
        digits = _digits(numbers, 12)
        letters = (digits @ np.arange(2, 14)) % 23
        texts = [UPN_LETTERS[letter] + text for letter, text in zip(letters.tolist(), _joined(digits), strict=True)]
        return np.array(texts, dtype=object)


UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
LETTERS_OF_POSTCODES = "ABDEFGHJLNPQRSTUWXYZ"

NHS_NUMBERS_OF_TESTS, MAX_NHS_NUMBERS = 900_000, 9_000_000
MAX_UPNS = 8_000_000


def _digits(numbers: IntArray, width: int) -> IntArray:
    """The decimal digits of each number, one a column, leading noughts included."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers) % 10


def _joined(digits: IntArray) -> list[str]:
    powers = 10 ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)
    width = digits.shape[1]
    return [f"{number:0{width}d}" for number in (digits @ powers).tolist()]


def upn_check_letter(twelve: str) -> str:
    """The check letter that stands before the other twelve characters, all digits, of a permanent UPN."""
    weighted = sum(weight * int(digit) for weight, digit in zip(range(2, 14), twelve, strict=True))
    return UPN_LETTERS[weighted % 23]


def make_upns(la_code: str, serials: IntArray, years: IntArray) -> Upns:
    """One UPN for each serial number (below eight million, each once): letter, LA, school, year allocated, serial."""
    if len(serials) and int(serials.max()) >= MAX_UPNS:
        raise ValueError(f"there are no more than {MAX_UPNS:,} UPNs in one borough")
    schools = 2000 + serials // 1000
    body = (int(la_code) * 10**9) + schools * 10**5 + (years % 100) * 1000 + serials % 1000
    return Upns(body)


def make_nhs_numbers(generator: np.random.Generator, count: int) -> Numbers:
    """Different NHS numbers of the test range, check digit (modulo 11) right. At most nine million."""
    if count > MAX_NHS_NUMBERS:
        raise ValueError(f"there are no more than {MAX_NHS_NUMBERS:,} NHS numbers for this")
    first, range_size = (999_000_000, 1_000_000) if count <= NHS_NUMBERS_OF_TESTS else (990_000_000, 10_000_000)
    bodies = first + generator.permutation(range_size).astype(np.int64)
    digits = _digits(bodies, 9)
    check = (11 - (digits @ np.arange(10, 1, -1)) % 11) % 11
    good = check < 10
    return Numbers((bodies * 10 + check)[good][:count])


def make_ulns(generator: np.random.Generator, count: int) -> Numbers:
    """Different unique learner numbers, ten digits, check digit (modulo 11) right."""
    first = 100_000_000 + int(generator.integers(0, 10**8))
    bodies = first + generator.permutation(count + count // 4 + 50).astype(np.int64)
    digits = _digits(bodies, 9)
    check = 10 - (digits @ np.arange(10, 1, -1)) % 11
    good = (check > 0) & (check < 10)
    return Numbers((bodies * 10 + check)[good][:count])


def make_postcodes(generator: np.random.Generator, area: str, count: int) -> list[str]:
    """Different postcodes, valid in form, of districts 60 to 99 of an area (few real areas go so far).

    Where those are too few, from district 10 on.
    """
    letters = len(LETTERS_OF_POSTCODES)
    of_district = 10 * letters * letters
    first_district = 60 if count <= 40 * of_district else 10
    pool = (100 - first_district) * of_district
    if count > pool:
        raise ValueError(f"there are no more than {pool:,} postcodes in one area")
    codes = generator.choice(pool, size=count, replace=False)
    made = []
    for code in codes.tolist():
        code, last = divmod(code, letters)
        code, middle = divmod(code, letters)
        district, sector = divmod(code, 10)
        made.append(
            f"{area}{district + first_district} {sector}{LETTERS_OF_POSTCODES[middle]}{LETTERS_OF_POSTCODES[last]}"
        )
    return made


def with_wrong_check_letter(upn: str) -> str:
    """The UPN with the letter after the right one."""
    return UPN_LETTERS[(UPN_LETTERS.index(upn[0]) + 1) % 23] + upn[1:]


def with_wrong_check_digit(nhs_number: str) -> str:
    """The NHS number with the digit after the right one."""
    return nhs_number[:-1] + str((int(nhs_number[-1]) + 1) % 10)
