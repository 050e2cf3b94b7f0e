"""The health provider's monthly extract of referrals to therapy and assessment services."""

from __future__ import annotations

import numpy as np

from synthetic.days import NO_DAY, uk_days, weekday
from synthetic.identifiers import IntArray, Texts
from synthetic.people import People
from synthetic.records import Table, records

EXTRACT = "therapy_waits"
PROVIDER = "RZZ99"
SERVICES = {
    "SALT": (0.27, 110),
    "OT": (0.13, 120),
    "PHYSIO": (0.08, 60),
    "CAMHS": (0.14, 130),
    "ASD": (0.15, 330),
    "ADHD": (0.11, 300),
    "COMPAED": (0.09, 140),
    "CNS": (0.03, 30),
}
REFERRERS = ("GP", "School", "Health visitor", "Parent", "Community paediatrician", "EHC needs assessment")


def make_referrals(
    generator: np.random.Generator,
    people: People,
    patients: IntArray,
    local_ids: Texts,
    *,
    file: str,
    opening: int,
    today: int,
) -> Table:
    """One to four referrals a patient over the three years. ``local_ids`` are the patients' numbers, in their order.

    One in twenty-five carries no NHS number, as they do.
    """
    extra = generator.choice(4, size=len(patients), p=[0.74, 0.17, 0.06, 0.03])
    which = np.repeat(np.arange(len(patients)), extra + 1)
    count = len(which)
    person = patients[which]
    born = people.birth[person]
    low = np.maximum(opening, born + 120)
    received = weekday(low + (generator.random(count) * np.maximum(1, today - low)).astype(np.int64))
    received = np.clip(received, np.minimum(born + 30, today), today)
    names = np.array(list(SERVICES), dtype=object)
    chosen = generator.choice(len(names), size=count, p=[share for share, _ in SERVICES.values()])
    usual = np.array([days for _, days in SERVICES.values()])[chosen]
    wait = np.maximum(2, (usual * generator.lognormal(0.0, 0.55, size=count)).astype(np.int64))
    contact = received + wait
    is_seen = contact <= today
    stop = np.where(generator.random(count) < 0.85, contact, contact + generator.integers(14, 120, size=count))
    is_stopped = is_seen & (stop <= today)
    discharged = stop + generator.integers(30, 400, size=count)
    is_discharged = is_stopped & (discharged <= today)
    has_number = generator.random(count) < 0.96
    order = np.lexsort((person, received))
    status = np.select([is_discharged, is_seen], ["Discharged", "Seen"], "Waiting")
    referrer = np.array(REFERRERS, dtype=object)[generator.integers(0, len(REFERRERS), size=count)]
    practice = (81000 + people.household[person] % 40).astype(str).astype(object)

    def text(values: Texts) -> list[str]:
        return [str(value) for value in values[order].tolist()]

    def day(days: IntArray, held: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[str]:
        return uk_days(np.where(held, days, NO_DAY)[order])

    always = np.ones(count, dtype=bool)
    columns = {
        "nhs_number": text(np.where(has_number, people.nhs_number[person], "")),
        "local_patient_id": text(local_ids[which]),
        "surname": text(people.surname[person]),
        "forename": text(people.forename[person]),
        "birth_date": day(born, always),
        "sex": text(np.where(people.is_girl[person], "F", "M").astype(object)),
        "postcode": text(people.postcode[person]),
        "gp_practice": text(("F" + practice).astype(object)),
        "referral_id": [f"E{number:07d}" for number in range(1, count + 1)],
        "service": text(names[chosen]),
        "priority": text(np.where(generator.random(count) < 0.12, "Urgent", "Routine").astype(object)),
        "referral_received_date": day(received, always),
        "referral_source": text(referrer),
        "first_contact_date": day(contact, is_seen),
        "clock_stop_date": day(stop, is_stopped),
        "waiting_status": text(status.astype(object)),
        "discharge_date": day(discharged, is_discharged),
        "discharge_reason": text(np.where(is_discharged, "Treatment completed", "").astype(object)),
        "organisation": [PROVIDER] * count,
    }
    return Table(EXTRACT, "referral", file, records(person[order].tolist(), columns))
