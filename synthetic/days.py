"""Days as ordinals (``date.toordinal``) in arrays, nought for no day, and the school year reckoned from them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from synthetic.identifiers import AnyInts, IntArray

NO_DAY = 0
EPOCH = date(1970, 1, 1).toordinal()


def _as_datetimes(days: AnyInts) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    return (days - EPOCH).astype("datetime64[D]")


def iso_days(days: AnyInts) -> list[str]:
    """Each day as ISO text; empty for no day."""
    different, places = np.unique(days, return_inverse=True)
    # one text a day, however many rows hold it
    texts = np.datetime_as_string(_as_datetimes(different)).astype(object)
    texts[different == NO_DAY] = ""
    return list(texts[places].tolist())


def uk_days(days: IntArray) -> list[str]:
    """Each day as dd/mm/yyyy; empty for no day."""
    return [f"{text[8:]}/{text[5:7]}/{text[:4]}" if text else "" for text in iso_days(days)]


def first_of(month: int, years: IntArray) -> IntArray:
    """The first day of a month in each year."""
    months = ((years - 1970) * 12 + month - 1).astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[D]").astype(np.int64) + EPOCH, dtype=np.int64)


def school_year(days: IntArray) -> IntArray:
    """The year in which each day's school year began, on 1 September."""
    months = _as_datetimes(days).astype("datetime64[M]").astype(np.int64)
    return np.asarray((months - 8) // 12 + 1970, dtype=np.int64)


def academic_age(births: IntArray, days: IntArray) -> IntArray:
    """Age on the 31 August before each day: 4 in Reception, 15 in Year 11."""
    return np.asarray(school_year(days) - school_year(births) - 1, dtype=np.int64)


def age_on(births: IntArray, days: IntArray) -> IntArray:
    """Age in whole years on each day."""
    born, then = _as_datetimes(births), _as_datetimes(days)
    birth_month, then_month = born.astype("datetime64[M]"), then.astype("datetime64[M]")
    months = then_month.astype(np.int64) - birth_month.astype(np.int64)
    before_day = (then - then_month).astype(np.int64) < (born - birth_month).astype(np.int64)
    return np.asarray((months - before_day) // 12, dtype=np.int64)


def weekday(days: IntArray) -> IntArray:
    """Each day, or the Friday before where it falls on a weekend; no day stays none."""
    excess = np.maximum(0, (days + 6) % 7 - 4)
    return np.asarray(np.where(days > 0, days - excess, days), dtype=np.int64)


def years_before(day: date, years: int) -> date:
    """The same day so many years before; 28 February for 29 February."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def nth_thursday(year: int, month: int, nth: int) -> date:
    """The nth Thursday of a month, on which a school census falls."""
    first = date(year, month, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 7 * (nth - 1))
