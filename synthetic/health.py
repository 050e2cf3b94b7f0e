"""Health's extracts: the provider's referrals, the advice log, continuing care and early notifications."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from synthetic.days import NO_DAY, uk_days, weekday
from synthetic.identifiers import IntArray, Texts
from synthetic.known import Known
from synthetic.people import People
from synthetic.records import Table, records
from synthetic.sheets import Sheet, day_column, flag_column, text_column

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
ADVICE_SERVICES = ("Community paediatrics", "Speech and language therapy", "Occupational therapy", "CAMHS")


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


def file_names(as_at: date) -> set[str]:
    """Every further file of health's that is named after a day."""
    return {
        f"health_advice/advice-log-{as_at:%Y-%m-%d}.xlsx",
        f"continuing_care/continuing-care-{as_at:%Y-%m}.csv",
        f"early_notifications/notifications-{as_at:%Y-%m}.csv",
    }


def make_advice_log(generator: np.random.Generator, known: Known) -> Sheet:
    """The designated clinical officer's own log of the advice that the case system asked of health."""
    people = known.people
    asked = [record for record in known.tables["advice"].records if record["agency"] == "health"]
    person = np.array([record.person for record in asked], dtype=np.int64)
    n = len(person)

    def days(column: str) -> pa.Array:
        return pa.array([record[column] or None for record in asked], pa.string()).cast(pa.date32())

    is_turned = generator.random(n) < 0.35
    plain = people.forename[person] + " " + people.surname[person]
    turned = people.surname[person] + ", " + people.forename[person]
    services = np.array(ADVICE_SERVICES, dtype=object)[generator.choice(len(ADVICE_SERVICES), size=n)]
    return Sheet(
        "health_advice",
        "advice",
        f"advice-log-{known.as_at:%Y-%m-%d}.xlsx",
        person,
        {
            "advice_ref": pa.array([f"DCO{number:05d}" for number in range(1, n + 1)], pa.string()),
            "requested_date": days("requested_date"),
            "due_date": days("due_date"),
            "returned_date": days("returned_date"),
            "service": text_column(services),
            "clinician": text_column([record["professional"] for record in asked]),
            "child_name": text_column(np.where(is_turned, turned, plain)),
            "birth_date": day_column(people.birth[person]),
            "nhs_number": text_column(np.where(generator.random(n) < 0.94, people.nhs_number[person], "")),
        },
        headings={
            "advice_ref": "Ref",
            "requested_date": "Date requested",
            "due_date": "Due",
            "returned_date": "Date returned",
            "service": "Service",
            "clinician": "Clinician",
            "child_name": "Child's name",
            "birth_date": "DOB",
            "nhs_number": "NHS no",
        },
        title=("Designated clinical officer: health advice for EHC needs assessments",),
    )


def make_continuing_care(generator: np.random.Generator, known: Known) -> Sheet:
    """The integrated care board's packages of children's continuing care."""
    people, today = known.people, known.today
    young = known.patients[people.birth[known.patients] > today - 17 * 365]
    person = np.sort(generator.permutation(young)[: known.of_size(24, least=2)])
    n = len(person)
    start = np.maximum(people.birth[person] + 60, today - generator.integers(100, 1500, size=n))
    start = np.minimum(start, today)
    decided = np.maximum(people.birth[person] + 30, start - generator.integers(5, 40, size=n))
    referred = np.maximum(people.birth[person] + 5, decided - generator.integers(20, 80, size=n))
    ends = start + generator.integers(200, 2500, size=n)
    funding = np.array(("ICB", "ICB and LA", "ICB, LA and social care"), dtype=object)
    return Sheet(
        "continuing_care",
        "package",
        f"continuing-care-{known.as_at:%Y-%m}.csv",
        person,
        {
            "package_id": pa.array([f"CC{number:04d}" for number in range(1, n + 1)], pa.string()),
            "nhs_number": text_column(people.nhs_number[person]),
            "surname": text_column(people.surname[person]),
            "forename": text_column(people.forename[person]),
            "birth_date": day_column(people.birth[person]),
            "postcode": text_column(people.postcode[person]),
            "referral_date": day_column(referred),
            "decision_date": day_column(decided),
            "start_date": day_column(start),
            "end_date": day_column(np.where(ends <= today, ends, NO_DAY)),
            "funding": text_column(funding[generator.choice(3, size=n)]),
        },
        headings={"package_id": "Reference", "nhs_number": "NHS no", "birth_date": "DOB", "funding": "Funding split"},
        day_format="%d/%m/%Y",
    )


def make_notifications(generator: np.random.Generator, known: Known) -> Sheet:
    """Who health told the LA of in the last twelve months: children under school age, most of them not yet known."""
    people, today = known.people, known.today
    under = np.flatnonzero(today - people.birth[: known.cases] < 4 * 365)
    young = np.arange(known.first_young, len(people))
    wanted = known.of_size(85, least=2)
    those = np.concatenate([generator.permutation(under)[: wanted // 3], generator.permutation(young)[:wanted]])[
        :wanted
    ]
    born = people.birth[those]
    low = np.maximum(born + 40, today - 360)
    told = weekday(low + (generator.random(len(those)) * np.maximum(1, today - low)).astype(np.int64))
    told = np.clip(told, born, today)
    order = np.lexsort((those, told))
    person, told = those[order], told[order]
    n = len(person)
    tellers = np.array(("Health visitor", "Community paediatrician", "Neonatal unit", "Audiology"), dtype=object)
    needs = np.array(
        ("Speech and language", "Autism", "Down's syndrome", "Hearing", "Physical", "Global delay"), dtype=object
    )
    return Sheet(
        "early_notifications",
        "notification",
        f"notifications-{known.as_at:%Y-%m}.csv",
        person,
        {
            "notification_id": pa.array([f"S23-{number:05d}" for number in range(1, n + 1)], pa.string()),
            "nhs_number": text_column(np.where(generator.random(n) < 0.97, people.nhs_number[person], "")),
            "surname": text_column(people.surname[person]),
            "forename": text_column(people.forename[person]),
            "birth_date": day_column(people.birth[person]),
            "sex": text_column(np.where(people.is_girl[person], "F", "M").astype(object)),
            "postcode": text_column(people.postcode[person]),
            "notified_date": day_column(told),
            "notified_by": text_column(tellers[generator.choice(4, size=n, p=(0.5, 0.3, 0.12, 0.08))]),
            "suspected_need": text_column(needs[generator.choice(len(needs), size=n)]),
            "parent_consents": flag_column(generator.random(n) < 0.95),
        },
        headings={
            "nhs_number": "NHS Number",
            "surname": "Last name",
            "forename": "First name",
            "birth_date": "Date of birth",
            "notified_date": "Notification date",
            "notified_by": "By whom",
            "parent_consents": "Consent",
        },
        day_format="%d/%m/%Y",
    )
