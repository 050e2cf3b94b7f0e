"""Every indicator a second way: in pandas, from the rows as they landed, and by nobody's SQL but for the register of
who is who and of what each establishment is, which other tests are about.

``flows`` gives what happened, one row a thing with its day; ``stocks`` what stood on a day; ``who_is_counted`` whose
each is, and ``groups`` what that child was on the day; ``records`` what was delivered of children. They know nothing of
the catalogue but its ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pandas as pd

from connectors.contract import all_contracts

# pandas tells the kinds of its columns only when it runs
Frame: TypeAlias = Any
Series: TypeAlias = Any
Day: TypeAlias = Any
Counts = tuple[float, float | None]
AGES = ((5, "Under 5"), (11, "5 to 10"), (16, "11 to 15"), (19, "16 to 18"), (200, "19 to 25"))
LINKS = {
    **dict.fromkeys(("child", "request", "awaiting_provision", "visit", "mediation_appeal", "complaint"), "case_id"),
    "assessment": "request_id",
    "advice": "assessment_id",
    **dict.fromkeys(("placement", "plan_setting", "need", "review", "audit"), "plan_id"),
}
"""By which column a record of the case system leads to the record that it hangs on."""
OF_NO_CHILD = {"survey_response", "caseworker", "training"}
OF_CHILDREN = {
    "cin_census": "la_child_id",
    "ssda903": "child",
    "ssd": "_person_id",
    "short_breaks": "social_care_id",
    **dict.fromkeys(
        (
            "continuing_care",
            "early_notifications",
            "ehe_cme",
            "health_advice",
            "nccis",
            "school_census",
            "therapy_waits",
            "youth_justice",
        )
    ),
}
"""The other extracts of children, with the column of social care's number where they have it. Whoever else a record
names is a child by that alone."""
SPELLS = (
    (
        "looked after",
        ("ssda903__episode", "child start_date start_reason", "child", "start_date", "end_date"),
        (
            *("ssd__ssd_cla_episodes", "clae_cla_episode_id", "clae_person_id"),
            *("clae_cla_episode_start_date", "clae_cla_episode_ceased_date"),
        ),
    ),
    (
        "protected",
        (
            *("cin_census__child_protection_plan", "reference_date la_child_id start_date", "la_child_id"),
            *("start_date", "end_date"),
        ),
        (
            *("ssd__ssd_cp_plans", "cppl_cp_plan_id", "cppl_person_id"),
            *("cppl_cp_plan_start_date", "cppl_cp_plan_end_date"),
        ),
    ),
    (
        "need",
        (
            *("cin_census__cin_episode", "reference_date la_child_id referral_date", "la_child_id"),
            *("referral_date", "closure_date"),
        ),
        ("ssd__ssd_cin_episodes", "cine_referral_id", "cine_person_id", "cine_referral_date", "cine_close_date"),
    ),
)
"""What social care does, the graver first: the yearly return and the weekly dataset that tell it, with the columns of
key, person, first and last day."""
STATUSES = {
    "looked after": "Looked after",
    "protected": "On a protection plan",
    "need": "In need",
    "short breaks": "Short breaks",
}
SHORT_BREAKS = ("short_breaks__break", "social_care_id service start_date", "social_care_id", "start_date", "end_date")
ETHNIC_GROUPS = {"W": "White", "M": "Mixed or multiple", "A": "Asian", "C": "Asian", "B": "Black", "O": "Other"}
PHASES = ((0, "Early years"), (7, "Primary"), (12, "Secondary"), (99, "Post-16"))
"""The year group below which each phase ends."""
ELSEWHERE = {
    **dict.fromkeys(("EHE", "OLA", "OPA", "OTH"), "Educated elsewhere"),
    **dict.fromkeys(("NEET", "NIEC", "NIEO"), "Not in education"),
    "EYP": "Early years setting",
}
"""Where a child is that is at no establishment."""
Stock = Callable[[Day], Counts]


def months_on(days: Series, months: int) -> Series:
    return days + pd.DateOffset(months=months)


def school_year(days: Series) -> Series:
    return days.dt.year - (days.dt.month < 9)


def year_group(birth: Series, year: Series) -> Series:
    """Year group by age: four on 31 August is reception, 0."""
    return year - birth.dt.year - (birth.dt.month >= 9).astype(int) - 4


def keyed(rows: Frame, extract: str, table: str, key: Iterable[str]) -> Frame:
    """Each row's key as findings write it: its columns joined with bars."""
    parts = [rows[c].dt.strftime("%Y-%m-%d") if rows[c].dtype.kind == "M" else rows[c].astype(str) for c in key]
    record_id = parts[0].str.cat(parts[1:], sep="|")
    return pd.DataFrame({"extract": extract, "table": table, "record_id": record_id})


def agreed(condition: Series) -> Series:
    return condition.fillna(False).astype(bool)


@dataclass
class Recount:
    """The second count of one built borough."""

    connection: duckdb.DuckDBPyConnection
    as_at: Day

    def frame(self, query: str) -> Frame:
        frame = self.connection.execute(query).df()
        for name in frame.columns[frame.dtypes.astype(str).str.startswith("datetime")]:
            frame[name] = frame[name].astype("datetime64[ns]")
        return frame

    def landed(self, table: str, *key: str) -> Frame:
        """The last row of the newest delivery of each key."""
        frame = self.frame(f"from landing.{table}").sort_values(["_delivery", "_file", "_row"], kind="stable")
        return frame.drop_duplicates(list(key), keep="last").reset_index(drop=True)

    def come(self, days: Series) -> Series:
        """The days that have come."""
        return days.where(days <= self.as_at)

    def status(self, start: Series, stop: Series, days: int, ended: Series | bool = False) -> Series:
        """How a statutory clock stands."""
        taken, running = (stop - start).dt.days, (self.as_at - start).dt.days
        choices = [
            (start.isna(), "none"),
            (agreed(stop < start), "unreliable"),
            (agreed(taken <= days), "in time"),
            (stop.notna(), "late"),
            (agreed(ended) if isinstance(ended, pd.Series) else pd.Series(ended, start.index), "ended"),
            (agreed(running <= days), "running"),
        ]
        return pd.Series(np.select([c for c, _ in choices], [s for _, s in choices], "overdue"), start.index)

    def due(self, start: Series, stop: Series, days: int, ended: Series | bool = False) -> Frame:
        """What had to be done by now, by the day it was due: in time or not."""
        status = self.status(start, stop, days, ended)
        judged = status.isin(["in time", "late", "overdue"])
        made = pd.DataFrame({"day": start + pd.Timedelta(days=days), "num": status == "in time", "den": True})[judged]
        return made[made.day <= self.as_at]

    @cached_property
    def children(self) -> Frame:
        return self.landed("ehc_case__child", "case_id")[["case_id", "birth_date"]]

    @cached_property
    def who(self) -> Frame:
        return self.frame("select anchor_kind, anchor, child_id from identity.identity__anchor")

    def child_of(self, kind: str, anchors: Series) -> Series:
        known = self.who[self.who.anchor_kind == kind].set_index("anchor").child_id
        return anchors.map(known)

    @cached_property
    def requests(self) -> Frame:
        r = self.landed("ehc_case__request", "request_id")
        r = r[r.received_date <= self.as_at].copy()
        is_known = r.outcome_date.isna() | (r.outcome_date <= self.as_at)
        r["recorded_outcome_date"] = r.outcome_date
        r["outcome"] = r.outcome.where(is_known)
        r["outcome_date"] = self.come(r.outcome_date)
        return r

    @cached_property
    def assessments(self) -> Frame:
        a = self.landed("ehc_case__assessment", "assessment_id")
        r = self.landed("ehc_case__request", "request_id")
        a = a.merge(
            r[["request_id", "received_date", "outcome_date", "exported_la"]].rename(
                columns={"outcome_date": "request_outcome_date"}
            ),
            on="request_id",
            how="left",
        )
        begun = a.agreed_date.fillna(a.request_outcome_date).fillna(a.received_date)
        a = a[begun.isna() | (begun <= self.as_at)].copy()
        p = self.landed("ehc_case__plan", "plan_id")
        first = p.assign(day=p.issued_date.fillna(p.start_date)).groupby("assessment_id").day.min()
        issued = a.assessment_id.map(first).fillna(a.outcome_date.where(a.outcome == "Y"))
        a["issued"] = self.come(issued)
        a["outcome"] = a.outcome.where(a.outcome_date.isna() | (a.outcome_date <= self.as_at))
        a["outcome_date"] = self.come(a.outcome_date)
        a["received_date"], a["agreed_date"] = self.come(a.received_date), self.come(a.agreed_date)
        a["is_open"] = ~a.outcome.isin(list("YNWHS")) & a.issued.isna() & a.exported_la.isna()
        a["stop"] = a.issued.where(a.outcome.fillna("A").isin(["Y", "A"]) & a.received_date.notna())
        a["status"] = self.status(a.received_date, a.stop, 140, ~a.is_open)
        a["has_exception"] = agreed(a.week20_exception)
        return a.reset_index(drop=True)

    @cached_property
    def advice(self) -> Frame:
        d = self.landed("ehc_case__advice", "advice_id")
        d = d[d.requested_date <= self.as_at].copy()
        d["returned_date"] = self.come(d.returned_date)
        is_open = d.assessment_id.map(self.assessments.set_index("assessment_id").is_open)
        d["is_wanted"] = is_open.isna() | agreed(is_open)
        return d.reset_index(drop=True)

    @cached_property
    def plans(self) -> Frame:
        p = self.landed("ehc_case__plan", "plan_id")
        p = p[p.start_date <= self.as_at].copy()
        r = self.landed("ehc_case__request", "request_id").set_index("request_id").case_id
        through = p.assessment_id.map(
            self.landed("ehc_case__assessment", "assessment_id").set_index("assessment_id").request_id
        )
        p["case_id"] = p.request_id.map(r).fillna(through.map(r))
        p["birth_date"] = p.case_id.map(self.children.set_index("case_id").birth_date)
        p["child_id"] = self.child_of("case", p.case_id)
        p["cease_date"], p["transfer_in_date"] = self.come(p.cease_date), self.come(p.transfer_in_date)
        return p.reset_index(drop=True)

    def in_force(self, day: Day) -> Frame:
        return self.plans[
            (self.plans.start_date <= day) & (self.plans.cease_date.isna() | (self.plans.cease_date > day))
        ]

    @cached_property
    def reviews(self) -> Frame:
        v = self.landed("ehc_case__review", "review_id").merge(
            self.plans[["plan_id", "start_date", "cease_date", "transfer_in_date", "birth_date"]], on="plan_id"
        )
        first = v[["meeting_date", "decision_date", "draft_amended_date", "final_amended_date"]].min(axis=1)
        v = v[first.isna() | (first <= self.as_at)].copy()
        v["decision"] = v.decision.where(v.decision_date.isna() | (v.decision_date <= self.as_at))
        for name in ("meeting_date", "decision_date", "final_amended_date"):
            v[name] = self.come(v[name])
        v["at"] = v.meeting_date.fillna(v.decision_date)
        v = v.sort_values(["plan_id", "at", "review_id"], na_position="last").reset_index(drop=True)
        last = v.groupby("plan_id").decision_date.transform(lambda days: days.cummax().ffill().shift())
        v["begun"] = pd.concat([v.start_date, last], axis=1).max(axis=1)
        v["due"] = pd.concat([months_on(v.begun, 12), months_on(v.transfer_in_date, 3)], axis=1).max(axis=1)
        return v

    @cached_property
    def cycles(self) -> Frame:
        """Review cycles with the day they were due and, where they are over, the day of the decision."""
        done = self.reviews[self.reviews.decision_date.notna()]
        done = pd.DataFrame(
            {
                "plan_id": done.plan_id,
                "due": done.due,
                "ended": done.decision_date,
                "cease": done.cease_date,
                "birth": done.birth_date,
            }
        )
        p = self.in_force(self.as_at)
        last = p.plan_id.map(self.reviews.groupby("plan_id").decision_date.max())
        begun = pd.concat([p.start_date, last], axis=1).max(axis=1)
        due: Frame = pd.concat([months_on(begun, 12), months_on(p.transfer_in_date, 3)], axis=1).max(axis=1)
        still = pd.DataFrame(
            {"plan_id": p.plan_id, "due": due, "ended": pd.NaT, "cease": p.cease_date, "birth": p.birth_date}
        )
        return pd.concat([done, still.astype({"ended": "datetime64[ns]"})], ignore_index=True)

    @cached_property
    def transfers(self) -> Frame:
        found = []
        for year in range(self.as_at.year - 6, self.as_at.year + 1):
            p = self.plans.assign(group=year_group(self.plans.birth_date, pd.Series(year, self.plans.index)))
            p = p[p.group.between(-1, 11)]
            deadline = pd.Series(
                [pd.Timestamp(year + 1, *((3, 31) if group == 11 else (2, 15))) for group in p.group], p.index
            )
            top = pd.Series(np.nan, p.index)
            for day in deadline.unique():
                there = self.place_on(day).set_index("plan_id").statutory_high_age.astype(float)
                top = top.where(deadline != day, p.plan_id.map(there))
            # a school is left at its highest age; from the others children go on at 11, unless theirs goes further
            ends = p.group.isin([2, 4, 5, 7, 8]) & (top == p.group + 5)
            is_leaving = p.group.isin([-1, 11]) | ends | ((p.group == 6) & ~(top > 11))
            p, deadline = p[is_leaving], deadline[is_leaving]
            p = p.assign(day=deadline, opened=pd.Timestamp(year, 9, 1))
            p = p[(p.day < self.as_at) & (p.start_date <= p.day) & (p.cease_date.isna() | (p.cease_date > p.day))]
            finals = self.reviews[self.reviews.final_amended_date >= pd.Timestamp(year, 9, 1)]
            final = p.plan_id.map(finals.groupby("plan_id").final_amended_date.min())
            found.append(
                pd.DataFrame({"day": p.day, "num": agreed(final <= p.day) | (p.start_date >= p.opened), "den": True})
            )
        return pd.concat(found, ignore_index=True)

    def surveys(self, about: str, question: str, respondent: str | None) -> Frame:
        s = self.landed("ehc_case__survey_response", "id")
        s = s[(s.about == about) & (s.question == question) & (s.submitted <= self.as_at)]
        s = s if respondent is None else s[s.respondent == respondent]
        return pd.DataFrame({"day": s.submitted, "num": s.answer.isin(["4", "5", "yes"]), "den": True})

    def of(self, frame: Frame, day: str, num: Series | bool = True, den: Series | bool | None = None) -> Frame:
        """One row a thing; ``day`` names the column, what has not come yet is left out."""
        made = pd.DataFrame({"day": frame[day]})
        made["num"] = num
        made["den"] = np.nan if den is None else den
        return made[made.day <= self.as_at]

    @cached_property
    def referrals(self) -> Frame:
        t = self.frame(
            "select referral_id, child_id, service, received_date, first_contact_date, clock_stop_date, "
            "discharge_date from core.fct_health_referral"
        )
        t["treated"] = t.clock_stop_date.fillna(t.first_contact_date)
        t["ended"] = t.treated.fillna(t.discharge_date)
        return t

    @cached_property
    def enrolments(self) -> Frame:
        e = self.landed("school_census__pupil", "census_date", "laestab", "upn")
        e = e[(e.census_date <= self.as_at) & (e.enrol_status != "G")].copy()
        e["missed"] = e.sessions_authorised.fillna(0) + e.sessions_unauthorised.fillna(0)
        e["sessions_possible"] = e.sessions_possible.fillna(0)
        e["child_id"] = self.child_of("upn", e.upn + "/" + e.birth_date.dt.strftime("%Y-%m-%d"))
        return e

    @cached_property
    def exclusions(self) -> Frame:
        x = self.landed("school_census__exclusion", "census_date", "laestab", "upn", "start_date", "category")
        x = x.sort_values("census_date").drop_duplicates(["laestab", "upn", "start_date", "category"], keep="last")
        e = self.landed("school_census__pupil", "census_date", "laestab", "upn")
        e = e[e.census_date <= self.as_at][["census_date", "laestab", "upn", "sen_provision"]]
        return x[x.start_date <= self.as_at].merge(e, on=["census_date", "laestab", "upn"], how="left")

    @cached_property
    def results(self) -> Frame:
        r = self.landed("attainment__result", "upn", "key_stage", "academic_year", "subject")
        r["opened"] = pd.to_datetime(r.academic_year.str[:4] + "-09-01").astype("datetime64[ns]")
        r = r[r.opened + pd.DateOffset(months=10) <= self.as_at]
        e = self.landed("school_census__pupil", "census_date", "laestab", "upn").sort_values("census_date")
        e = e[e.census_date <= self.as_at]
        made = []
        for (upn, stage, opened), of_pupil in r.groupby(["upn", "key_stage", "opened"]):
            known = e[(e.upn == upn) & (e.census_date < opened + pd.DateOffset(years=1))]
            met = of_pupil.met_expected.dropna()
            score = of_pupil.loc[of_pupil.subject == "Attainment 8", "points"].max()
            day = min(opened + pd.DateOffset(years=1) - pd.Timedelta(days=1), self.as_at)
            provision = known.sen_provision.iloc[-1] if len(known) else None
            made.append((upn, day, stage, provision, None if met.empty else bool(met.all()), score))
        return pd.DataFrame(made, columns=["upn", "day", "stage", "provision", "met", "score"])

    @cached_property
    def spend(self) -> Frame:
        return self.frame(
            "select child_id, spend_month, spend_kind, amount::double as amount from core.fct_high_needs_spend "
            "where not is_forecast"
        )

    @cached_property
    def spells(self) -> Frame:
        """What social care did for each child from when to when, from the rows of each of its extracts."""
        last_census = self.landed("cin_census__child", "reference_date", "la_child_id").reference_date.max()
        found = []
        for what, yearly, weekly in SPELLS:
            both = self._said(*yearly).merge(
                self._said(*weekly), on=["person", "start"], how="outer", suffixes=("", "_weekly"), indicator="by"
            )
            # of what a census told, and the dataset and the next census do not, nobody knows when it ended
            is_lost = both.by.eq("left_only") & (both.told < last_census)
            stop = both.stop_weekly.fillna(both.stop).fillna(both.told.where(is_lost))
            child = self.child_of("cin", both.person)
            found.append(pd.DataFrame({"what": what, "child_id": child, "start": both.start, "stop": stop}))
        breaks = self._said(*SHORT_BREAKS)
        child = self.child_of("cin", breaks.person)
        found.append(
            pd.DataFrame({"what": "short breaks", "child_id": child, "start": breaks.start, "stop": breaks.stop})
        )
        return pd.concat(found, ignore_index=True)

    def _said(self, table: str, key: str, person: str, start: str, stop: str) -> Frame:
        """The spells of one table, each as told last; of two of one day that which goes on, or else the longer."""
        rows = self.landed(table, *key.split())
        said = pd.DataFrame({"person": rows[person], "start": rows[start], "stop": self.come(rows[stop])})
        said["told"] = rows.reference_date if "reference_date" in rows else pd.Series(pd.NaT, rows.index)
        said = said[said.start <= self.as_at].astype({"told": "datetime64[ns]"})
        return said.sort_values(["told", "stop"], na_position="last").drop_duplicates(["person", "start"], keep="last")

    @cached_property
    def places(self) -> Frame:
        """Where plans place and name children, with what the register says of each place."""
        return self.frame(
            """
            select s.*, coalesce(e.is_independent, false) as is_independent, e.statutory_high_age
            from (
                select plan_id, child_id, 1 as basis, placement_id as id, coalesce(establishment_urn, urn) as urn,
                    setting_rank, entry_date, leaving_date, residential, is_in_area from core.fct_placement
                union all
                select plan_id, child_id, 2, named_setting_id, coalesce(establishment_urn, urn),
                    setting_rank, entry_date, leaving_date, residential, is_in_area from core.fct_named_setting
            ) as s left join core.dim_establishment as e on s.urn = e.urn
            """
        )

    @cached_property
    def visits(self) -> Frame:
        v = self.landed("ehc_case__visit", "visit_id")
        return v.assign(child_id=self.child_of("case", v.case_id))

    def place_on(self, day: Day) -> Frame:
        """The place that each plan had on a day: where the child attended, else what section I named."""
        s = self.places
        there = (s.entry_date.isna() | (s.entry_date <= day)) & (s.leaving_date.isna() | (s.leaving_date > day))
        s = s[there].sort_values("id").sort_values("entry_date", ascending=False, na_position="last", kind="stable")
        return s.sort_values(["basis", "setting_rank"], na_position="last", kind="stable").drop_duplicates("plan_id")

    def placed(self, day: Day) -> Frame:
        """The plans in force on a day, each with its place."""
        s = self.place_on(day)
        p = self.in_force(day)[["plan_id", "child_id"]].merge(s.drop(columns="child_id"), on="plan_id", how="left")
        seen = self.visits[(self.visits.date <= day) & (self.visits.date > day - pd.DateOffset(months=12))]
        p["away"] = p.is_in_area.eq(False).fillna(False)
        p["stays"] = p.residential.notna()
        p["visited"] = p.child_id.isin(seen.child_id.dropna()) | p.urn.isin(seen.urn.dropna())
        return p

    def share(self, holds: Callable[[Frame], Series], of: Callable[[Frame], Series] | None = None) -> Stock:
        """A share, or without ``of`` a number, of the plans in force by where they place the child."""

        def on(day: Day) -> Counts:
            placed = self.placed(day)
            return float(agreed(holds(placed)).sum()), None if of is None else float(agreed(of(placed)).sum())

        return on

    def cared_for(self, *what: str) -> Stock:
        def on(day: Day) -> Counts:
            held = self.spells[(self.spells.start <= day) & (self.spells.stop.isna() | (self.spells.stop > day))]
            plans = self.in_force(day)
            return float(plans.child_id.isin(held[held.what.isin(what)].child_id.dropna()).sum()), float(len(plans))

        return on

    def registered(self, status: str) -> Stock:
        e = self.frame("select child_id, register_status, start_date, closed_date from core.fct_ehe_cme")

        def on(day: Day) -> Counts:
            there = e[
                (e.register_status == status) & (e.start_date <= day) & (e.closed_date.isna() | (e.closed_date > day))
            ]
            return float(there[there.child_id.isin(self.in_force(day).child_id)].child_id.nunique()), None

        return on

    def young(self, month_end: Day) -> Frame:
        """The young people with SEND of one month's delivery, with their age on its day."""
        n = self.frame(
            "select a.*, c.birth_date from core.fct_post_16_activity a join core.dim_child c using (child_id)"
        )
        n = n[(n.period_end == month_end) & n.send_level.isin(["E", "K"])]
        n = n.sort_values("client_id").sort_values(
            "activity_start_date", ascending=False, kind="stable", na_position="last"
        )
        n = n.drop_duplicates("child_id")
        had = (n.birth_date.dt.month > month_end.month) | (
            (n.birth_date.dt.month == month_end.month) & (n.birth_date.dt.day > month_end.day)
        )
        return n.assign(age=month_end.year - n.birth_date.dt.year - had)

    def neet(self, top: int, *, with_plan: bool) -> Stock:
        def on(day: Day) -> Counts:
            n = self.young(day)
            n = n[n.age.between(16, top) & ((n.send_level == "E") | (not with_plan))]
            idle = n.activity_code.str[0].isin(["6", "8"])
            return float(idle.sum()), float(len(n))

        return on

    def doing(self, code: str) -> Stock:
        def on(day: Day) -> Counts:
            n = self.young(day)
            return float(((n.send_level == "E") & (n.activity_code == code)).sum()), None

        return on

    def count_of(self, frame: Frame, begun: str, ended: str, late: str | None = None) -> Stock:
        """How many stand on a day; with ``late`` of them those whose day is past."""

        def on(day: Day) -> Counts:
            there = frame[(frame[begun] <= day) & (frame[ended].isna() | (frame[ended] > day))]
            return float(len(there) if late is None else (there[late] < day).sum()), None

        return on

    def flows(self) -> dict[str, Frame]:
        """What happened, by indicator: one row a thing with its day, and what it adds above and below the line."""
        r, a, d, v, w = self.requests, self.assessments, self.advice, self.reviews, self.referrals
        decided = r[r.outcome.isin(["Y", "N"])]
        asks = r.received_date, r.outcome_date.where(r.outcome.isin(["Y", "N"]))
        gone = r.outcome.isin(list("YNWH")) | r.exported_la.notna()
        issued = a[a.stop.notna()]
        judged = issued.status.isin(["in time", "late"])
        days = (issued.stop - issued.received_date).dt.days
        refused = a[(a.outcome == "N") & a.outcome_date.notna()]
        no_plan = self.status(refused.received_date, refused.outcome_date, 112) == "in time"
        met = v[v.meeting_date.notna()]
        group = year_group(met.birth_date, school_year(met.meeting_date))
        c = self.cycles[self.cycles.due < self.as_at]
        complaints = self.landed("ehc_case__complaint", "id")
        closed = complaints[complaints.closed.notna() & complaints.upheld.notna()]
        cases = self.landed("ehc_case__mediation_appeal", "id")
        appeals = cases[cases.kind == "appeal"]
        audits = self.landed("ehc_case__audit", "audit_id")
        good = audits.grade.isin(["Good", "Outstanding"])
        treated = w[w.treated >= w.received_date]
        e, x, k = self.enrolments, self.exclusions, self.results
        spend = self.spend
        stopped = self.landed("early_notifications__notification", "notification_id")
        appealable: Frame = pd.concat(
            [
                self.of(decided[decided.outcome == "N"], "outcome_date", False, True),
                self.of(refused, "outcome_date", False, True),
                self.of(issued, "stop", False, True),
                self.of(v[v.decision_date.notna()], "decision_date", False, True),
                self.of(appeals, "lodged_date", True, False),
            ]
        )
        entries = self.frame(
            "select entry_date, coalesce(establishment_urn, urn) as urn from core.fct_placement "
            "where entry_date is not null and coalesce(establishment_urn, urn) is not null order by entry_date"
        )
        seen = self.frame(
            "select urn, is_below_good, coalesce(publication_date, inspection_start_date) as entry_date "
            "from core.fct_inspection order by entry_date"
        )
        entered = pd.merge_asof(entries, seen, on="entry_date", by="urn")
        flows = {
            "requests_received": self.of(r, "received_date"),
            "requests_refused": self.of(decided, "outcome_date", decided.outcome == "N", True),
            "requests_refused_count": self.of(decided, "outcome_date", decided.outcome == "N"),
            "request_decided_in_6_weeks": self.due(*asks, 42, gone),
            "plans_issued": self.of(issued, "stop"),
            "plans_issued_in_20_weeks": self.of(issued, "stop", issued.status == "in time", judged),
            "plans_issued_in_20_weeks_without_exceptions": self.of(
                issued, "stop", (issued.status == "in time") & ~issued.has_exception, judged & ~issued.has_exception
            ),
            "plan_exceptions_claimed": self.of(issued, "stop", judged & issued.has_exception, judged),
            "weeks_to_plan": self.of(issued, "stop", days.where(judged, 0), judged),
            "no_plan_in_16_weeks": self.of(refused, "outcome_date", no_plan, True),
            "health_log_advice_in_6_weeks": self.health_log(),
            "reviews_on_time": self.of(c, "due", agreed(c.ended <= c.due), True),
            "review_decision_in_4_weeks": self.due(v.meeting_date, v.decision_date, 28),
            "amended_plan_in_12_weeks": self.due(v.meeting_date.where(v.decision == "A"), v.final_amended_date, 84),
            "phase_transfers_by_deadline": self.transfers,
            "adulthood_adviser_at_reviews": self.of(
                met, "meeting_date", agreed(met.pfa_adviser) & (group >= 9), group >= 9
            ),
            "reviews_with_child_views": self.of(met, "meeting_date", agreed(met.child_views), True),
            "reviews_with_parent_views": self.of(met, "meeting_date", agreed(met.parent_views), True),
            "plans_ceased": self.of(self.plans[self.plans.cease_date.notna()], "cease_date"),
            "plans_transferred_in": self.of(self.plans[self.plans.transfer_in_date.notna()], "transfer_in_date"),
            "plans_audited": self.of(audits, "date"),
            "plans_meeting_framework": self.of(audits, "date", good, True),
            "complaints_received": self.of(complaints, "received"),
            "complaints_upheld": self.of(closed, "closed", closed.upheld, True),
            "mediations": self.of(cases, "lodged_date", cases.kind == "mediation"),
            "appeals_lodged": self.of(cases, "lodged_date", cases.kind == "appeal"),
            "appeals_conceded": self.of(appeals, "closed_date", appeals.outcome == "Conceded", True),
            "appeals_upheld": self.of(appeals, "closed_date", appeals.outcome == "Upheld", True),
            "appeal_rate": appealable,
            "new_placements_below_good": self.of(entered, "entry_date", agreed(entered.is_below_good)),
            "health_referrals": self.of(w, "received_date"),
            "treated_in_18_weeks": self.of(
                treated, "treated", (treated.treated - treated.received_date).dt.days <= 126, True
            ),
            "weeks_to_treatment": self.of(treated, "treated", (treated.treated - treated.received_date).dt.days, True),
            "early_notifications": self.of(stopped, "notified_date"),
            "high_needs_spend": self.of(spend, "spend_month", spend.amount),
        }
        for name, agency in (("", None), ("ep_", "ep"), ("health_", "health"), ("social_care_", "social_care")):
            of_agency = d if agency is None else d[d.agency == agency]
            asked = of_agency.requested_date, of_agency.returned_date, 42, ~of_agency.is_wanted
            flows[f"advice_{name}in_6_weeks"] = self.due(*asked)
        for kind in ("new", "amended"):
            which = audits.kind == kind
            flows[f"{kind}_plans_meeting_framework"] = self.of(audits, "date", which & good, which)
        for about, who, questions in (
            ("plan", "parents", "fully_involved communication_good plan_accurate outcomes_good provision_meets_needs"),
            ("plan", "young_people", "fully_involved provision_meets_needs"),
            ("school", "schools", "plan_accurate outcomes_clear improves_access"),
            ("review", "reviews", "fully_involved satisfied adulthood_transition"),
        ):
            respondent = {"parents": "parent", "young_people": "young_person", "schools": "school"}.get(who)
            for question in questions.split():
                flows[f"{who}_{question}"] = self.surveys(about, question, respondent)
        for name, code in (("ehc_plan", "E"), ("sen_support", "K")):
            of_code = e[e.sen_provision == code]
            there = of_code.sessions_possible - of_code.missed
            flows[f"attendance_{name}"] = self.of(of_code, "census_date", there, of_code.sessions_possible)
            for word, category in (("suspensions", "SUSP"), ("permanent_exclusions", "PERM")):
                flows[f"{word}_{name}"] = self.of(x, "start_date", (x.category == category) & (x.sen_provision == code))
            for stage in ("2", "4"):
                with_result = (k.stage == f"KS{stage}") & (k.provision == code) & k.met.notna()
                flows[f"key_stage_{stage}_expected_{name}"] = self.of(
                    k,
                    "day",
                    with_result & agreed(k.met),
                    with_result,
                )
            scored = k[(k.provision == code) & k.score.notna()]
            flows[f"attainment_8_{name}"] = self.of(scored, "day", scored.score.astype(float), True)
        return flows

    def health_log(self) -> Frame:
        log = self.frame("select requested_date, returned_date from core.fct_health_advice")
        return self.due(log.requested_date, log.returned_date, 42)

    def stocks(self) -> dict[str, Stock]:
        """What stood on a day, by indicator: above and below the line."""
        a, d, w, c = self.assessments, self.advice, self.referrals, self.cycles
        ends = a.issued.fillna(a.outcome_date.where(~a.is_open))
        a = a.assign(
            begun=a.agreed_date.fillna(a.received_date), ends=ends, due=a.received_date + pd.Timedelta(days=140)
        )
        a = a[a.is_open | a.issued.fillna(a.outcome_date).notna()]
        d = d.assign(due=d.requested_date + pd.Timedelta(days=42))
        d = d[d.returned_date.notna() | d.is_wanted]
        officers = self.landed("ehc_case__caseworker", "id")
        ratings = self.landed("improvement_plan__rating", "action_id", "rated_date").merge(
            self.landed("improvement_plan__action", "action_id"), on="action_id", suffixes=("", "_of_action")
        )
        figures = self.landed("local_figures__figure", "figure", "date")
        costs = self.frame(
            "select plan_id, entry_date, leaving_date, cost_per_year::double as cost from core.fct_placement "
            "where cost_per_year is not null"
        )

        def overdue_advice(day: Day) -> Counts:
            return float(((d.due < day) & (d.returned_date.isna() | (d.returned_date > day))).sum()), None

        def overdue_reviews(day: Day) -> Counts:
            late = (c.due < day) & (c.ended.isna() | (c.ended > day)) & (c.cease.isna() | (c.cease > day))
            return float(late.sum()), None

        def waiting(day: Day) -> Frame:
            return w[(w.received_date <= day) & (w.ended.isna() | (w.ended > day))]

        def waiting_long(day: Day) -> Counts:
            there = waiting(day)
            return float(((day - there.received_date).dt.days > 126).sum()), float(len(there))

        def residents(day: Day) -> Counts:
            f = figures[figures.figure == "population_0_to_25"].sort_values("date")
            known = f[f.date <= day]
            return float(len(self.in_force(day))), float((known.iloc[-1] if len(known) else f.iloc[0]).value)

        def caseload(day: Day) -> Counts:
            at_work = officers[(officers.started <= day) & (officers.left.isna() | (officers.left > day))]
            return float(len(self.in_force(day))), float(at_work.fte.astype(float).sum())

        def rated(day: Day) -> Frame:
            return (
                ratings[ratings.rated_date <= day].sort_values("rated_date").drop_duplicates("action_id", keep="last")
            )

        def rated_as(*words: str) -> Stock:
            return lambda day: (float(rated(day).rating.isin(words).sum()), float(len(rated(day))))

        def actions_overdue(day: Day) -> Counts:
            now = rated(day)
            return float(((now.due_date < day) & (now.rating != "blue")).sum()), None

        def cost(day: Day) -> Counts:
            there = costs[(costs.entry_date <= day) & (costs.leaving_date.isna() | (costs.leaving_date > day))]
            there = there[there.plan_id.isin(self.in_force(day).plan_id)]
            return float(there.cost.sum()), float(len(there))

        def has_place(plans: Frame) -> Series:
            return plans.basis.notna()

        return {
            "assessments_in_progress": self.count_of(a, "begun", "ends"),
            "assessments_over_20_weeks": self.count_of(a, "begun", "ends", "due"),
            "advice_overdue": overdue_advice,
            "reviews_overdue": overdue_reviews,
            "active_plans": lambda day: (float(len(self.in_force(day))), None),
            "plans_per_10000": residents,
            "placements_out_of_area": self.share(lambda p: p.away, has_place),
            "placements_residential": self.share(lambda p: p.stays),
            "placements_independent": self.share(lambda p: p.is_independent, has_place),
            "out_of_area_visited": self.share(lambda p: p.away & p.visited, lambda p: p.away),
            "residential_visited": self.share(lambda p: p.stays & p.visited, lambda p: p.stays),
            "on_missing_education_register": self.registered("CME"),
            "home_educated": self.registered("EHE"),
            "waiting_for_health": lambda day: (float(len(waiting(day))), None),
            "waiting_over_18_weeks": waiting_long,
            "plans_children_in_need": self.cared_for("need", "protected", "looked after"),
            "plans_on_protection_plan": self.cared_for("protected"),
            "plans_looked_after": self.cared_for("looked after"),
            "plans_with_short_breaks": self.cared_for("short breaks"),
            "caseload": caseload,
            "cost_per_placement": cost,
            "actions_on_track": rated_as("green", "blue"),
            "actions_complete": rated_as("blue"),
            "actions_overdue": actions_overdue,
            "neet_or_unknown_16_to_18": self.neet(18, with_plan=False),
            "neet_or_unknown_16_to_25": self.neet(25, with_plan=True),
            "supported_internships": self.doing("340"),
            "apprenticeships": self.doing("310"),
            "persistent_absence_ehc_plan": self.often_absent("E"),
            "persistent_absence_sen_support": self.often_absent("K"),
            "parent_forum_members": lambda day: (
                float(figures[(figures.figure == "parent_forum_members") & (figures.date == day)].value.sum()),
                None,
            ),
        }

    @cached_property
    def who_is_counted(self) -> dict[str, Series]:
        """Whose each row of some flows is: the child, by the row's number in ``flows``."""
        case_of = self.landed("ehc_case__request", "request_id").set_index("request_id").case_id
        case_of_assessment = self.landed("ehc_case__assessment", "assessment_id").set_index("assessment_id")
        case_of_assessment = case_of_assessment.request_id.map(case_of)
        of_plan = self.plans.set_index("plan_id").child_id
        pupil = self.exclusions.merge(self._pupils, on=["census_date", "laestab", "upn"], how="left").child_id
        with_result = self._results_of_children.drop_duplicates("upn").set_index("upn").child_id
        whose = {
            "requests_received requests_refused requests_refused_count request_decided_in_6_weeks": self.child_of(
                "case", self.requests.case_id
            ),
            "plans_issued plans_issued_in_20_weeks plan_exceptions_claimed weeks_to_plan no_plan_in_16_weeks": (
                self.child_of("case", self.assessments.request_id.map(case_of))
            ),
            "advice_in_6_weeks advice_health_in_6_weeks": self.child_of(
                "case", self.advice.assessment_id.map(case_of_assessment)
            ),
            "review_decision_in_4_weeks adulthood_adviser_at_reviews": self.reviews.plan_id.map(of_plan),
            "reviews_on_time": self.cycles.plan_id.map(of_plan),
            "plans_ceased plans_transferred_in": self.plans.child_id,
            "plans_audited new_plans_meeting_framework": self.landed("ehc_case__audit", "audit_id").plan_id.map(
                of_plan
            ),
            "complaints_received complaints_upheld": self.child_of(
                "case", self.landed("ehc_case__complaint", "id").case_id
            ),
            "mediations appeals_lodged appeals_conceded": self.child_of(
                "case", self.landed("ehc_case__mediation_appeal", "id").case_id
            ),
            "health_referrals treated_in_18_weeks weeks_to_treatment": self.referrals.child_id,
            "attendance_ehc_plan attendance_sen_support": self.enrolments.child_id,
            "suspensions_ehc_plan permanent_exclusions_sen_support": pupil,
            "key_stage_2_expected_sen_support attainment_8_ehc_plan": self.results.upn.map(with_result),
            "high_needs_spend": self.spend.child_id,
        }
        return {name: child for names, child in whose.items() for name in names.split()}

    def standing(self, day: Day) -> dict[str, Series]:
        """The children that some stocks count on a day."""
        placed, w = self.placed(day), self.referrals
        return {
            "active_plans": self.in_force(day).child_id,
            "placements_residential": placed[placed.stays].child_id,
            "waiting_for_health": w[(w.received_date <= day) & (w.ended.isna() | (w.ended > day))].child_id,
        }

    @cached_property
    def _pupils(self) -> Frame:
        """The pupils of every census with the child each is: a pupil is known by UPN and birth date."""
        pupils = self.landed("school_census__pupil", "census_date", "laestab", "upn")
        return pupils.assign(
            child_id=self.child_of("upn", pupils.upn + "/" + pupils.birth_date.dt.strftime("%Y-%m-%d"))
        )

    @cached_property
    def _people(self) -> Frame:
        """What is said of each child by its cases, else its last census, else its last referral, else social care."""
        cases = self.landed("ehc_case__child", "case_id").sort_values("case_id")
        cases = cases.assign(child_id=self.child_of("case", cases.case_id), order=1)
        pupils = self._pupils.sort_values("census_date", ascending=False).assign(order=2)
        in_need = self.landed("cin_census__child", "reference_date", "la_child_id")
        in_need = in_need.sort_values("reference_date", ascending=False).rename(columns={"la_child_id": "person"})
        known = self.landed("ssd__ssd_person", "pers_person_id").rename(columns=lambda name: name.removeprefix("pers_"))
        known = known.rename(columns={"person_id": "person", "dob": "birth_date"})
        looked_after = self.landed("ssda903__header", "child").rename(columns={"child": "person"})
        by_social_care = [
            rows.assign(child_id=self.child_of("cin", rows.person)) for rows in (in_need, known, looked_after)
        ]
        patients = self.landed("therapy_waits__referral", "referral_id")
        patients = patients.assign(child_id=patients.referral_id.map(self.referrals.set_index("referral_id").child_id))
        patients = patients.sort_values("referral_id").sort_values(
            "referral_received_date", ascending=False, kind="stable"
        )
        patients = patients.drop_duplicates("child_id")
        # a patient without an NHS number is known after social care
        patients = patients.assign(order=patients.nhs_number.isna() * 4 + 2.5)
        said: Frame = pd.concat(
            [cases, pupils, patients, *(rows.assign(order=at) for at, rows in enumerate(by_social_care, start=3))],
            ignore_index=True,
        )[["child_id", "order", "birth_date", "sex", "postcode", "ethnicity"]]
        said = said[said.child_id.notna()].sort_values(["child_id", "order"], kind="stable")
        return said.groupby("child_id")[["birth_date", "sex", "postcode", "ethnicity"]].first()

    @cached_property
    def _needs(self) -> Series:
        """The first need of each child's last plan, else of its last census, in words."""
        codes = self.frame("select code, meaning from reference.code_sets where code_set = 'sen_type_census'")
        n = self.landed("ehc_case__need", "plan_id", "rank")
        n = n[n["rank"] == 1].merge(self.plans[["plan_id", "child_id", "start_date"]], on="plan_id")
        n = n.sort_values(["start_date", "plan_id"])
        of_plans = n.drop_duplicates("child_id", keep="last").set_index("child_id").sen_type
        c = self.landed("school_census__need", "census_date", "laestab", "upn", "rank")
        c = c[(c.census_date <= self.as_at) & c.sen_type.notna()]
        key = ["census_date", "laestab", "upn"]
        c = c.merge(self._pupils[[*key, "child_id"]], on=key)
        c = c.sort_values(["rank", "laestab"]).sort_values("census_date", ascending=False, kind="stable")
        of_census = c.drop_duplicates("child_id").set_index("child_id").sen_type
        return of_plans.combine_first(of_census).map(codes.set_index("code").meaning)

    @cached_property
    def _attended(self) -> Frame:
        """Each placement as it landed, whose it is, and what kind of place it is by the columns of the register."""
        s = self.landed("ehc_case__placement", "id").merge(self.plans[["plan_id", "child_id"]], on="plan_id")
        s = s[s.entry_date.isna() | (s.entry_date <= self.as_at)]
        register = self.frame("select urn, ukprn, is_open from core.dim_establishment")
        numbered = register[register.is_open & register.ukprn.notna()].drop_duplicates("ukprn", keep=False)
        urn = s.urn.fillna(s.ukprn.map(numbered.set_index("ukprn").urn))
        e = self.landed("gias__establishment", "urn").set_index("urn").reindex(urn.array).set_index(s.index)
        kind, group = e.type_of_establishment_name.str.lower(), e.establishment_type_group_name.str.lower()
        is_special = agreed(kind.str.contains("special"))
        is_independent = agreed(group.str.startswith("independent")) | agreed(
            kind.str.contains("independent|non-maintained")
        )
        choices = [
            (s.sen_setting.notna(), s.sen_setting.map(ELSEWHERE)),
            (agreed(s.sen_unit) | agreed(s.resourced_provision), "SEN unit or resourced provision"),
            (agreed(e.phase_of_education_name == "16 plus"), "Post-16 college"),
            (is_special & is_independent, "Independent or non-maintained special school"),
            (is_special, "State special school"),
            (is_independent, "Independent school"),
            (agreed(kind.str.contains("pupil referral|alternative provision")), "Alternative provision"),
            (kind.notna(), "Mainstream school"),
        ]
        s["place"] = np.select([holds for holds, _ in choices], [name for _, name in choices], "Not known")
        s = s.sort_values("id").sort_values("entry_date", ascending=False, na_position="last", kind="stable")
        return s.sort_values("rank", na_position="last", kind="stable")[
            ["child_id", "entry_date", "leaving_date", "place"]
        ]

    def _on_the_day(self, child: Series, day: Series, spells: Frame, start: str, stop: str, what: str) -> Series:
        """What the first of a child's spells says that holds on the day; nothing where none does."""
        asked = pd.DataFrame({"child_id": child, "day": day, "row": child.index})
        held = asked[asked.child_id.notna()].merge(spells, on="child_id")
        held = held[(held[start].isna() | (held[start] <= held.day)) & (held[stop].isna() | (held[stop] > held.day))]
        return held.drop_duplicates("row").set_index("row")[what].reindex(child.index)

    def groups(self, child: Series, day: Series) -> Frame:
        """What each child was on the day beside it, by each breakdown of people."""
        wards = self.landed("postcodes__postcode", "postcode")
        ward = wards.ward.groupby(wards.postcode.str.replace(" ", "")).min()
        p = self._people.reindex(child.array).set_index(child.index)
        had = (p.birth_date.dt.month > day.dt.month) | (
            (p.birth_date.dt.month == day.dt.month) & (p.birth_date.dt.day > day.dt.day)
        )
        age = day.dt.year - p.birth_date.dt.year - had
        group = year_group(p.birth_date, school_year(day))
        cared_for = self.spells.assign(status=self.spells.what.map(STATUSES))
        made = pd.DataFrame(
            {
                "area": p.postcode.str.replace(" ", "").map(ward).fillna("Not known"),
                "age_band": np.select([age < top for top, _ in AGES], [name for _, name in AGES], "Not known"),
                "phase": np.select([group < top for top, _ in PHASES], [name for _, name in PHASES], "Not known"),
                "sex": p.sex.map({"F": "Female", "M": "Male"}).fillna("Not known"),
                "ethnicity": p.ethnicity.str[0].map(ETHNIC_GROUPS).fillna("Not known"),
                "need": child.map(self._needs).fillna("Not known"),
                "placement": self._on_the_day(child, day, self._attended, "entry_date", "leaving_date", "place").fillna(
                    "No placement recorded"
                ),
                "social_care_status": self._on_the_day(child, day, cared_for, "start", "stop", "status").fillna(
                    "Not involved"
                ),
            },
            index=child.index,
        )
        made.loc[child.isna()] = "Not known"  # whoever is nobody's child is in no group
        return made

    @cached_property
    def records(self) -> Frame:
        """Each record delivered that leads to a child: its extract, its table, and its key joined with bars."""
        known = set(self.who[self.who.anchor_kind == "cin"].anchor)
        found = [self._of_cases()]
        for contract in all_contracts():
            number = OF_CHILDREN.get(contract.extract)
            for name, table in contract.tables.items() if contract.extract in OF_CHILDREN else ():
                rows = self.landed(f"{contract.extract}__{name}", *table.key)
                if number is not None:
                    (column,) = [c for c in table.columns if c.endswith(number)]
                    rows = rows[rows[column].isin(known)]
                found.append(keyed(rows, contract.extract, name, table.key))
        placements = found[0][found[0].table == "placement"].record_id
        spend = self.landed("high_needs_spend__spend", "placement_id", "month", "kind")
        spend = spend[spend.placement_id.isin(placements)]
        found.append(keyed(spend, "high_needs_spend", "spend", ["placement_id", "month", "kind"]))
        key = ["academic_year", "key_stage", "upn", "subject"]
        found.append(keyed(self._results_of_children, "attainment", "result", key))
        return pd.concat(found, ignore_index=True)

    @cached_property
    def _results_of_children(self) -> Frame:
        """The results of pupils whose UPN is one child's alone, and whose birth date, if given, is that child's."""
        r = self.landed("attainment__result", "academic_year", "key_stage", "upn", "subject")
        opened = pd.to_datetime(r.academic_year.str[:4] + "-09-01").astype("datetime64[ns]")
        r = r[opened + pd.DateOffset(months=10) <= self.as_at]
        cases = self.landed("ehc_case__child", "case_id")
        cases = cases.assign(child_id=self.child_of("case", cases.case_id))
        held = pd.concat([rows[["upn", "child_id", "birth_date"]] for rows in (cases, self._pupils)]).dropna()
        born = held.drop_duplicates().groupby("upn").filter(lambda of: of.child_id.nunique() == 1)
        agrees = pd.MultiIndex.from_frame(r[["upn", "birth_date"]]).isin(
            pd.MultiIndex.from_frame(born[["upn", "birth_date"]])
        )
        r = r[agrees | (r.birth_date.isna() & r.upn.isin(born.upn))]
        return r.assign(child_id=r.upn.map(born.drop_duplicates("upn").set_index("upn").child_id))

    def _of_cases(self) -> Frame:
        """The records of the case system that lead to a case."""
        (contract,) = [contract for contract in all_contracts() if contract.extract == "ehc_case"]
        keys = {name: table.key for name, table in contract.tables.items()}
        rows = {name: self.landed(f"ehc_case__{name}", *key) for name, key in keys.items() if name not in OF_NO_CHILD}
        known = {"case_id": set(self.who[self.who.anchor_kind == "case"].anchor)}
        for name in ("request", "assessment"):
            rows[name] = rows[name][rows[name][LINKS[name]].isin(known[LINKS[name]])]
            known[f"{name}_id"] = set(rows[name][f"{name}_id"])
        p = rows["plan"]
        rows["plan"] = p[p.request_id.isin(known["request_id"]) | p.assessment_id.isin(known["assessment_id"])]
        known["plan_id"] = set(rows["plan"].plan_id)
        return pd.concat(
            [
                keyed(
                    of if name == "plan" else of[of[LINKS[name]].isin(known[LINKS[name]])], "ehc_case", name, keys[name]
                )
                for name, of in rows.items()
            ],
            ignore_index=True,
        )

    def often_absent(self, code: str) -> Stock:
        def on(day: Day) -> Counts:
            e = self.enrolments
            e = e[(e.census_date == day) & (e.sen_provision == code) & (e.sessions_possible > 0)]
            return float((e.missed >= 0.1 * e.sessions_possible).sum()), float(len(e))

        return on

    def today(self) -> dict[str, Counts]:
        """What stands on the day itself, from the lists that officers work from."""
        f = self.frame
        awaiting, missing = f("from lists.list_awaiting_specialist_provision"), f("from lists.list_missing_education")
        places = f("from lists.list_places_commissioned")
        places = places[places.counted_on_date == self.as_at]
        spend = f("select spend_month, amount::double as amount from core.fct_high_needs_spend")
        opened = pd.Timestamp(self.as_at.year - (self.as_at.month < 4), 4, 1)
        of_year = spend[(spend.spend_month >= opened) & (spend.spend_month < opened + pd.DateOffset(years=1))]
        training = self.landed("ehc_case__training", "worker", "course", "completed")
        training = training[training.completed <= self.as_at]
        last = training.assign(ends=training.expires.fillna(pd.Timestamp.max)).groupby(["worker", "course"]).ends.max()
        expired = set(last[last < self.as_at].index.get_level_values(0))
        officers = self.landed("ehc_case__caseworker", "id")
        at_work = officers[(officers.started <= self.as_at) & (officers.left.isna() | (officers.left > self.as_at))]
        trained = at_work.id.isin(training.worker) & ~at_work.id.isin(expired)
        return {
            "awaiting_specialist_provision": (float(len(awaiting)), None),
            "weeks_awaiting_specialist_provision": (
                7 * float(awaiting.weeks_waiting.sum()),
                float(awaiting.weeks_waiting.notna().sum()),
            ),
            "missing_education": (float(missing.has_plan.sum()), None),
            "places_commissioned": (float(places.places_commissioned.sum()), None),
            "places_filled": (float(places.places_filled.sum()), float(places.places_commissioned.sum())),
            "places_filled_19_to_25": (float(places.filled_19_to_25.sum()), None),
            "high_needs_forecast": (float(of_year.amount.sum()), None),
            "staff_trained": (float(trained.sum()), float(len(at_work))),
        }
