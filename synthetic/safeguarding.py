"""Social care's further extracts: the looked after return, the safeguarding tables, short breaks, youth justice.

The children looked after are some of those of the children in need census, under the same numbers; the safeguarding
tables hold all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from synthetic.days import NO_DAY, academic_age
from synthetic.identifiers import IntArray, Texts
from synthetic.known import Known
from synthetic.sheets import Sheet, day_column, text_column

LOOKED_AFTER, OFFENDERS = 300, 60
MAX_EPISODES = 3
UK_DAY = "%d/%m/%Y"
LEGAL_STATUSES = (("C2", "C1", "V2", "E1", "L1"), (0.55, 0.15, 0.24, 0.04, 0.02))
PLACEMENTS = (("U6", "U4", "U3", "U1", "K2", "R1", "S1", "P1"), (0.42, 0.22, 0.09, 0.05, 0.12, 0.03, 0.02, 0.05))
PROVIDERS = (("PR1", "PR4", "PR2", "PR5"), (0.5, 0.4, 0.05, 0.05))
CHANGES = ("CARPL", "CREQB", "CHILD", "LAREQ", "STAND", "PLACE")
TOOK_PART = ("PN1", "PN3", "PN5")
BREAKS = ("Holiday club", "Overnight stay", "Saturday club", "Sitting service", "Direct payment")
INTERVENTIONS = (
    "Youth rehabilitation order",
    "Referral order",
    "Prevention",
    "Youth conditional caution",
    "Turnaround",
)


@dataclass(frozen=True)
class LookedAfter:
    """The children looked after in the year: positions among those in need, and their episodes in order.

    ``of`` says which child each episode is of. Days are ordinals; ``leave`` is none where the child is there still.
    """

    child: IntArray
    of: IntArray
    entry: IntArray
    leave: IntArray
    is_first: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    is_last: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def _ordinals(texts: list[str]) -> IntArray:
    return np.array([date.fromisoformat(text).toordinal() if text else NO_DAY for text in texts], dtype=np.int64)


def make_looked_after(generator: np.random.Generator, known: Known) -> LookedAfter:
    """Who was looked after in the year of the return, from soon after the referral until it was closed."""
    close = known.cin_day.toordinal()
    referred = _ordinals([child.referral for child in known.care_children])
    closed = _ordinals([child.closure for child in known.care_children])
    until = np.where(closed > 0, closed, close)
    fits = np.flatnonzero(until - referred > 60)
    child = np.sort(generator.permutation(fits)[: known.of_size(LOOKED_AFTER, least=2)])
    n = len(child)
    began = referred[child] + generator.integers(3, 40, size=n)
    span = until[child] - began
    parts = np.where(span > 120, generator.choice((1, 2, 3), size=n, p=(0.6, 0.28, 0.12)), 1)
    of = np.repeat(np.arange(n), parts)
    number = np.concatenate([np.arange(count) for count in parts.tolist()]) if n else np.zeros(0, dtype=np.int64)
    is_first, is_last = number == 0, number == parts[of] - 1
    entry = began[of] + number * span[of] // parts[of]
    leave = began[of] + (number + 1) * span[of] // parts[of]
    leave = np.where(is_last & (closed[child][of] == NO_DAY), NO_DAY, leave)
    return LookedAfter(child, of, entry, leave, is_first, is_last)


def _choice(generator: np.random.Generator, coded: tuple[tuple[str, ...], tuple[float, ...]], count: int) -> Texts:
    codes, shares = coded
    return np.array(codes, dtype=object)[generator.choice(len(codes), size=count, p=np.array(shares) / sum(shares))]


def make_return(generator: np.random.Generator, known: Known, held: LookedAfter) -> list[Sheet]:
    """The four files of the looked after return that the warehouse reads, with the return's own headings."""
    people, close = known.people, known.cin_day.toordinal()
    children = [known.care_children[at] for at in held.child.tolist()]
    person = known.in_need[held.child]
    number = known.care_ids[held.child]
    n, m = len(person), len(held.of)
    upn = np.array([child.upn or child.upn_unknown for child in children], dtype=object)
    header = Sheet(
        "ssda903",
        "header",
        "header.csv",
        person,
        {
            "child": text_column(number),
            "sex": text_column(np.where(people.is_girl[person], "F", "M").astype(object)),
            "birth_date": day_column(people.birth[person]),
            "ethnicity": text_column(people.ethnicity[person]),
            "upn": text_column(upn),
            "mother": pa.repeat(pa.scalar("0"), n),
            "mothers_child_birth_date": pa.nulls(n, pa.date32()),
        },
        headings={"child": "CHILD", "sex": "SEX", "upn": "UPN", "mother": "MOTHER"},
        day_format=UK_DAY,
    )
    status = _choice(generator, LEGAL_STATUSES, n)[held.of]
    place = _choice(generator, PLACEMENTS, m)
    needs = np.array([child.primary_need for child in children], dtype=object)[held.of]
    others = generator.integers(0, len(people), size=m)
    home = people.postcode[person][held.of]
    urn = np.array(
        [f"SC{9_000_000 + code:07d}" for code in generator.integers(0, 99_999, size=m).tolist()], dtype=object
    )
    is_home = np.isin(place.astype(str), ("K2", "R1", "S1"))
    reasons = np.array(CHANGES, dtype=object)[generator.integers(0, len(CHANGES), size=m)]
    ended = np.where(held.leave == NO_DAY, "", np.where(held.is_last, "E4A", "X1"))
    episode = Sheet(
        "ssda903",
        "episode",
        "episodes.csv",
        person[held.of],
        {
            "child": text_column(number[held.of]),
            "start_date": day_column(held.entry),
            "start_reason": text_column(np.where(held.is_first, "S", "P").astype(object)),
            "legal_status": text_column(status),
            "primary_need": text_column(needs),
            "placement_type": text_column(place),
            "placement_provider": text_column(_choice(generator, PROVIDERS, m)),
            "end_date": day_column(held.leave),
            "end_reason": text_column(ended.astype(object)),
            "placement_change_reason": text_column(np.where(ended == "X1", reasons, "")),
            "home_postcode": text_column(home),
            "placement_postcode": text_column(np.where(place == "P1", home, people.postcode[others])),
            "urn": text_column(np.where(is_home, urn, "")),
        },
        headings={"child": "CHILD", "urn": "URN"},
        day_format=UK_DAY,
    )
    until = np.where(held.leave == NO_DAY, close, held.leave)
    began = held.entry[held.is_first]
    over = until[held.is_last]
    due = began[:, None] + np.array([20, 110, 290, 470, 650])
    of, at = np.nonzero((due < over[:, None]) & (due <= close))
    day = due[of, at]
    took_part = np.array(TOOK_PART, dtype=object)[generator.integers(0, len(TOOK_PART), size=len(of))]
    age = academic_age(people.birth[person][of], day)
    review = Sheet(
        "ssda903",
        "review",
        "reviews.csv",
        person[of],
        {
            "child": text_column(number[of]),
            "birth_date": day_column(people.birth[person][of]),
            "review_date": day_column(day),
            "review_code": text_column(np.where(age < 4, "PN0", took_part)),
        },
        headings={"child": "CHILD"},
        day_format=UK_DAY,
    )
    gone = np.flatnonzero((generator.random(n) < 0.1) & (close - people.birth[person] > 11 * 365) & (over - began > 30))
    left = began[gone] + generator.integers(5, 25, size=len(gone))
    missing = Sheet(
        "ssda903",
        "missing",
        "missing.csv",
        person[gone],
        {
            "child": text_column(number[gone]),
            "birth_date": day_column(people.birth[person][gone]),
            "kind": text_column(np.where(generator.random(len(gone)) < 0.8, "M", "A").astype(object)),
            "missing_from": day_column(left),
            "missing_to": day_column(left + generator.integers(0, 4, size=len(gone))),
        },
        headings={"child": "CHILD"},
        day_format=UK_DAY,
    )
    return [header, episode, review, missing]


def make_tables(generator: np.random.Generator, known: Known, held: LookedAfter) -> list[Sheet]:
    """The tables of the standard safeguarding dataset, a file each."""
    people, today, children = known.people, known.today, known.care_children
    person, number = known.in_need, known.care_ids
    n = len(person)
    has_plan = np.isin(person, np.flatnonzero(known.has_plan(today)))
    nhs = np.where(generator.random(n) < 0.82, people.nhs_number[person], "")
    upn = np.array([child.upn for child in children], dtype=object)
    unknown = np.array([child.upn_unknown for child in children], dtype=object)

    def sheet(table: str, at: IntArray, columns: dict[str, pa.Array]) -> Sheet:
        return Sheet("ssd", table, f"{table}.csv", person[at], columns)

    def numbered(prefix: str, count: int) -> pa.Array:
        return pa.array([f"{prefix}{serial:06d}" for serial in range(1, count + 1)], pa.string())

    all_of = np.arange(n)
    made = [
        sheet(
            "ssd_person",
            all_of,
            {
                "pers_person_id": text_column(number),
                "pers_forename": text_column(people.forename[person]),
                "pers_surname": text_column(people.surname[person]),
                "pers_sex": text_column(np.where(people.is_girl[person], "F", "M").astype(object)),
                "pers_ethnicity": text_column(people.ethnicity[person]),
                "pers_dob": day_column(people.birth[person]),
                "pers_common_child_id": text_column(nhs),
                "pers_upn_unknown": text_column(unknown),
                "pers_send_flag": text_column(np.where(has_plan, "Y", "N").astype(object)),
            },
        )
    ]
    with_nhs, with_upn = np.flatnonzero(nhs != ""), np.flatnonzero(upn != "")
    at = np.concatenate([with_nhs, with_upn])
    kinds = np.repeat(np.array(["NHS Number", "Unique Pupil Number"], dtype=object), [len(with_nhs), len(with_upn)])
    linked = {
        "link_person_id": text_column(number[at]),
        "link_identifier_type": text_column(kinds),
        "link_identifier_value": text_column(np.concatenate([nhs[with_nhs], upn[with_upn]])),
        "link_valid_from_date": day_column(people.birth[person][at] + 30),
        "link_valid_to_date": pa.nulls(len(at), pa.date32()),
    }
    made.append(sheet("ssd_linked_identifiers", at, linked))
    moved = np.flatnonzero(generator.random(n) < 0.15)
    since = np.maximum(people.birth[person], today - generator.integers(30, 3000, size=n))
    before = people.postcode[generator.integers(0, len(people), size=len(moved))]
    at = np.concatenate([all_of, moved])
    addresses = {
        "addr_table_id": numbered("AD", len(at)),
        "addr_person_id": text_column(number[at]),
        "addr_address_postcode": text_column(np.concatenate([people.postcode[person], before])),
        "addr_address_start_date": day_column(np.concatenate([since, people.birth[person][moved]])),
        "addr_address_end_date": day_column(np.concatenate([np.full(n, NO_DAY), since[moved]])),
    }
    made.append(sheet("ssd_address", at, addresses))
    coded = [(at, code) for at, child in enumerate(children) for code in child.disabilities if code != "NONE"]
    at = np.array([position for position, _ in coded], dtype=np.int64)
    disabilities = {
        "disa_table_id": numbered("DI", len(at)),
        "disa_person_id": text_column(number[at]),
        "disa_disability_code": text_column([code for _, code in coded]),
    }
    made.append(sheet("ssd_disability", at, disabilities))
    referrals = numbered("RF", n)
    closed = _ordinals([child.closure for child in children])
    episodes = {
        "cine_referral_id": referrals,
        "cine_person_id": text_column(number),
        "cine_referral_date": day_column(_ordinals([child.referral for child in children])),
        "cine_cin_primary_need_code": text_column([child.primary_need for child in children]),
        "cine_close_date": day_column(closed),
    }
    made.append(sheet("ssd_cin_episodes", all_of, episodes))
    protected = [(at, child.protection) for at, child in enumerate(children) if child.protection]
    at = np.array([position for position, _ in protected], dtype=np.int64)
    plans = {
        "cppl_cp_plan_id": numbered("CP", len(at)),
        "cppl_person_id": text_column(number[at]),
        "cppl_referral_id": referrals.take(pa.array(at)),
        "cppl_cp_plan_start_date": day_column(_ordinals([plan["CPPstartDate"] for _, plan in protected])),
        "cppl_cp_plan_end_date": day_column(_ordinals([plan["CPPendDate"] for _, plan in protected])),
        "cppl_cp_plan_initial_category": text_column([plan["InitialCategoryOfAbuse"] for _, plan in protected]),
        "cppl_cp_plan_latest_category": text_column([plan["LatestCategoryOfAbuse"] for _, plan in protected]),
    }
    made.append(sheet("ssd_cp_plans", at, plans))
    at = held.child[held.of]
    ended = np.where(held.leave == NO_DAY, "", np.where(held.is_last, "E4A", "X1"))
    looked_after = {
        "clae_cla_episode_id": numbered("LA", len(at)),
        "clae_person_id": text_column(number[at]),
        "clae_cla_episode_start_date": day_column(held.entry),
        "clae_cla_episode_start_reason": text_column(np.where(held.is_first, "S", "P").astype(object)),
        "clae_cla_episode_ceased_date": day_column(held.leave),
        "clae_cla_episode_ceased_reason": text_column(ended.astype(object)),
    }
    made.append(sheet("ssd_cla_episodes", at, looked_after))
    workers = generator.integers(1, max(3, n // 16), size=n)
    involvements = {
        "invo_involvements_id": numbered("IN", n),
        "invo_person_id": text_column(number),
        "invo_professional_id": pa.array([f"SW{worker:04d}" for worker in workers.tolist()], pa.string()),
        "invo_professional_role_id": pa.repeat(pa.scalar("Social worker"), n),
        "invo_involvement_start_date": episodes["cine_referral_date"],
        "invo_involvement_end_date": episodes["cine_close_date"],
    }
    made.append(sheet("ssd_involvements", all_of, involvements))
    has_uln = academic_age(people.birth[person], np.full(n, today)) >= 14
    known_to_send = np.flatnonzero((upn != "") | (person < known.cases))
    send = {
        "send_table_id": numbered("SE", len(known_to_send)),
        "send_person_id": text_column(number[known_to_send]),
        "send_upn": text_column(upn[known_to_send]),
        "send_uln": text_column(np.where(has_uln, people.uln[person], "")[known_to_send]),
        "send_upn_unknown": text_column(unknown[known_to_send]),
    }
    made.append(sheet("ssd_send", known_to_send, send))
    return made


def make_short_breaks(generator: np.random.Generator, known: Known) -> Sheet:
    """Short breaks of disabled children in need, one or two services a child."""
    people, today = known.people, known.today
    disabled = np.array([child.disabilities != ["NONE"] for child in known.care_children], dtype=bool)
    old_enough = people.birth[known.in_need] < today - 3 * 365
    those = np.flatnonzero(disabled & old_enough & (generator.random(len(disabled)) < 0.7))
    at = np.sort(np.concatenate([those, those[generator.random(len(those)) < 0.25]]))
    is_second = np.r_[False, at[1:] == at[:-1]] if len(at) else np.zeros(0, dtype=bool)
    n = len(at)
    # A second service is another than the first, for the two are the key.
    chosen = generator.integers(0, len(BREAKS), size=len(known.in_need))[at]
    service = np.array(BREAKS, dtype=object)[(chosen + is_second) % len(BREAKS)]
    start = np.maximum(people.birth[known.in_need][at] + 700, today - generator.integers(20, 900, size=n))
    ends = start + generator.integers(100, 1200, size=n)
    person = known.in_need[at]
    return Sheet(
        "short_breaks",
        "break",
        "short_breaks.csv",
        person,
        {
            "social_care_id": text_column(known.care_ids[at]),
            "surname": text_column(people.surname[person]),
            "forename": text_column(people.forename[person]),
            "birth_date": day_column(people.birth[person]),
            "service": text_column(service),
            "start_date": day_column(start),
            "end_date": day_column(np.where(ends <= today, ends, NO_DAY)),
            "hours": pa.array(generator.integers(20, 400, size=n)),
        },
        headings={
            "social_care_id": "Child ID",
            "surname": "Surname",
            "forename": "Forename",
            "birth_date": "DOB",
            "service": "Service",
            "start_date": "Start",
            "end_date": "End",
            "hours": "Hours per year",
        },
        day_format=UK_DAY,
    )


def make_youth_justice(generator: np.random.Generator, known: Known) -> Sheet:
    """The youth justice service's caseload: young people of 10 to 17, most of them boys, many known to social care."""
    people, today = known.people, known.today
    fits = known.living_here() & (people.birth < today - 11 * 365) & (people.birth > today - 18 * 365)
    weight = np.where(people.is_girl, 0.2, 1.0) * fits
    weight[known.in_need] *= 8
    chances = weight / weight.sum() if weight.sum() else None
    count = min(known.of_size(OFFENDERS, least=2), int((weight > 0).sum()))
    one = generator.choice(len(people), size=count, replace=False, p=chances) if count else np.zeros(0, dtype=np.int64)
    person = np.concatenate([one, one[generator.random(len(one)) < 0.2]])
    start = np.maximum(people.birth[person] + 10 * 366, today - generator.integers(5, 700, size=len(person)))
    order = np.lexsort((person, start))
    person, start = person[order], start[order]
    n = len(person)
    ends = start + generator.integers(90, 400, size=n)
    serial = {who: number for number, who in enumerate(sorted(set(person.tolist())), start=1)}
    return Sheet(
        "youth_justice",
        "intervention",
        "interventions.csv",
        person,
        {
            "intervention_id": pa.array([f"YJ{number:05d}" for number in range(1, n + 1)], pa.string()),
            "person_id": pa.array([f"Y{serial[who]:05d}" for who in person.tolist()], pa.string()),
            "surname": text_column(people.surname[person]),
            "forename": text_column(people.forename[person]),
            "birth_date": day_column(people.birth[person]),
            "postcode": text_column(people.postcode[person]),
            "kind": text_column(
                np.array(INTERVENTIONS, dtype=object)[generator.integers(0, len(INTERVENTIONS), size=n)]
            ),
            "start_date": day_column(start),
            "end_date": day_column(np.where(ends <= today, ends, NO_DAY)),
        },
        day_format=UK_DAY,
    )
