"""Who is the same child: sure keys only, twins and shared identifiers kept apart, ids that last."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import (
    case,
    child_in_need,
    client,
    logged_advice,
    on_register,
    plan,
    pupil,
    referral,
    request,
)

BORN = date(2014, 3, 9)


@pytest.fixture(scope="module")
def borough(build: Build) -> Warehouse:
    """One child of each kind of trouble."""
    return build(
        {
            "ehc_case__child": [
                case("known", upn="A1", nhs_number="9990000018", social_care_id="S1"),
                case("shares-upn-1", upn="A2", birth_date=date(2012, 1, 1)),
                case("shares-upn-2", upn="A2"),
                case("other-birth-date", upn="A3", nhs_number="9990000034", birth_date=date(2013, 3, 9)),
                case("Ella", surname="Twin", upn="A5", nhs_number="9990000050"),
                case("Emma", surname="Twin", upn="A6", nhs_number="9990000069"),
                case("no-upn", social_care_id="S7"),
                case("two-ids-disagree-1", upn="A8"),
                case("two-ids-disagree-2", social_care_id="S8"),
            ],
            "ehc_case__request": [request("R-lost", "quarantined-child")],
            "ehc_case__plan": [plan("P-lost", "R-lost")],
            "school_census__pupil": [
                pupil("A1"),
                pupil("A1", census_date=date(2024, 10, 3)),
                pupil("A2"),
                pupil("A3"),
                pupil("A4", forename="only in the census", surname="Osei"),
                pupil("A7"),
                pupil("A9"),
                pupil("A9", laestab="8832002", birth_date=date(2010, 5, 5)),
                pupil("B1", former_upn="A1"),
            ],
            "therapy_waits__referral": [
                referral("H1", nhs_number="9990000018", birth_date=BORN),
                referral("H2", nhs_number="9990000018", birth_date=None),
                referral("H3", nhs_number="9990000034", birth_date=BORN),
                referral("H5", nhs_number="9990000050", birth_date=BORN, forename="Emma"),
                referral("H6", nhs_number="9990000069", birth_date=BORN, forename="EMMA"),
                referral("H7", nhs_number=None, local_patient_id="L9", organisation="RX1"),
                referral("H8", nhs_number=None, local_patient_id="L9", organisation="RX1"),
                referral("H9", nhs_number=None, local_patient_id="L9", organisation="RX2"),
            ],
            "cin_census__child": [
                child_in_need("S1"),
                child_in_need("S4", upn="A4"),
                child_in_need("S7", upn="A7"),
                child_in_need("S8", upn="A8"),
                child_in_need("S9", upn="A9", birth_date=None),
            ],
        }
    )


def child_of(warehouse: Warehouse, extract: str, table: str, record: str) -> str:
    (child_id,) = warehouse.column(
        "select child_id from identity.identity__record_child where extract = ? and table_name = ? and record_id = ?",
        extract,
        table,
        record,
    )
    assert isinstance(child_id, str)
    return child_id


def case_child(warehouse: Warehouse, case_id: str) -> str:
    return child_of(warehouse, "ehc_case", "child", case_id)


def pupil_child(warehouse: Warehouse, upn: str, day: str = "2025-01-16", school: str = "8832001") -> str:
    return child_of(warehouse, "school_census", "pupil", f"{day}|{school}|{upn}")


def test_a_upn_with_the_same_birth_date_links_every_census_to_the_case(borough: Warehouse) -> None:
    assert pupil_child(borough, "A1") == pupil_child(borough, "A1", "2024-10-03") == case_child(borough, "known")


def test_an_nhs_number_with_the_same_birth_date_links(borough: Warehouse) -> None:
    assert child_of(borough, "therapy_waits", "referral", "H1") == case_child(borough, "known")


def test_an_nhs_number_links_where_health_gives_no_birth_date(borough: Warehouse) -> None:
    assert child_of(borough, "therapy_waits", "referral", "H2") == case_child(borough, "known")


def test_a_social_care_id_links(borough: Warehouse) -> None:
    assert child_of(borough, "cin_census", "child", "2025-03-31|S1") == case_child(borough, "known")


def test_a_upn_shared_by_two_cases_links_neither(borough: Warehouse) -> None:
    assert pupil_child(borough, "A2") not in (case_child(borough, "shares-upn-1"), case_child(borough, "shares-upn-2"))


def test_a_birth_date_that_disagrees_does_not_link(borough: Warehouse) -> None:
    other = case_child(borough, "other-birth-date")
    assert pupil_child(borough, "A3") != other
    assert child_of(borough, "therapy_waits", "referral", "H3") != other


def test_twins_are_two_children(borough: Warehouse) -> None:
    assert case_child(borough, "Ella") != case_child(borough, "Emma")


def test_a_twin_with_the_other_twins_nhs_number_is_not_linked(borough: Warehouse) -> None:
    assert child_of(borough, "therapy_waits", "referral", "H5") != case_child(borough, "Ella")


def test_a_twin_is_linked_where_the_forename_agrees(borough: Warehouse) -> None:
    assert child_of(borough, "therapy_waits", "referral", "H6") == case_child(borough, "Emma")


def test_a_upn_joins_social_care_to_the_census(borough: Warehouse) -> None:
    assert child_of(borough, "cin_census", "child", "2025-03-31|S4") == pupil_child(borough, "A4")


def test_a_pupil_reaches_a_case_without_upn_through_social_care(borough: Warehouse) -> None:
    assert pupil_child(borough, "A7") == case_child(borough, "no-upn")


def test_a_child_in_need_whose_two_identifiers_disagree_is_linked_to_neither(borough: Warehouse) -> None:
    found = child_of(borough, "cin_census", "child", "2025-03-31|S8")
    assert found not in (case_child(borough, "two-ids-disagree-1"), case_child(borough, "two-ids-disagree-2"))


def test_a_upn_held_by_two_pupils_is_two_children_and_links_neither(borough: Warehouse) -> None:
    pupils = {pupil_child(borough, "A9"), pupil_child(borough, "A9", school="8832002")}
    assert len(pupils) == 2
    assert child_of(borough, "cin_census", "child", "2025-03-31|S9") not in pupils


def test_a_former_upn_never_links(borough: Warehouse) -> None:
    assert pupil_child(borough, "B1") != case_child(borough, "known")


def test_a_patient_without_nhs_number_is_known_by_the_providers_own(borough: Warehouse) -> None:
    first, second, elsewhere = (child_of(borough, "therapy_waits", "referral", h) for h in ("H7", "H8", "H9"))
    assert first == second != elsewhere


def test_a_case_whose_child_row_was_quarantined_still_has_a_child(borough: Warehouse) -> None:
    row = borough.row("select child_id, case_id, surname from lists.list_children_with_plans where plan_id = 'P-lost'")
    assert row["child_id"] == case_child(borough, "quarantined-child")
    assert (row["case_id"], row["surname"]) == ("quarantined-child", None)


def test_every_person_of_every_source_has_one_child(borough: Warehouse) -> None:
    persons = borough.column("select count(*) from identity.identity__person")
    anchors = borough.column("select count(*) from identity.identity__anchor where child_id like 'C0000%'")
    assert persons == anchors


def test_the_case_system_names_the_child(borough: Warehouse) -> None:
    row = borough.row("select forename, upn, source_extract, record_id from core.dim_child where case_id = 'known'")
    assert row == {"forename": "known", "upn": "A1", "source_extract": "ehc_case", "record_id": "known"}


def given_by(warehouse: Warehouse) -> list[dict[str, object]]:
    return warehouse.rows("from identity.given union all by name from identity.identity__given_now")


def test_ids_are_given_in_order_and_kept_in_the_next_build(build: Build) -> None:
    landing = {"ehc_case__child": [case("K2", birth_date=date(2011, 1, 1)), case("K1")]}
    first = build(landing)
    landing["ehc_case__child"].insert(0, case("K0", birth_date=date(2010, 1, 1)))
    second = build(landing, given=given_by(first), known_at=datetime(2025, 7, 1))
    assert [case_child(first, k) for k in ("K1", "K2")] == ["C0000001", "C0000002"]
    assert [case_child(second, k) for k in ("K0", "K1", "K2")] == ["C0000003", "C0000001", "C0000002"]


def test_nothing_is_given_again_when_nothing_changed(build: Build) -> None:
    landing = {"ehc_case__child": [case("K1", upn="A1")], "school_census__pupil": [pupil("A1"), pupil("A2")]}
    again = build(landing, given=given_by(build(landing)), known_at=datetime(2025, 7, 1))
    assert again.rows("from identity.identity__given_now") == []


def test_a_pupil_keeps_its_id_when_its_case_appears_later(build: Build) -> None:
    before = build({"school_census__pupil": [pupil("A0", forename="Ada"), pupil("A1")]})
    after = build(
        {"ehc_case__child": [case("K1", upn="A1")], "school_census__pupil": [pupil("A0", forename="Ada"), pupil("A1")]},
        given=given_by(before),
        known_at=datetime(2025, 7, 1),
    )
    assert case_child(after, "K1") == pupil_child(after, "A1") == pupil_child(before, "A1") == "C0000002"


def test_a_case_keeps_its_id_when_it_joins_a_pupil_that_had_another(build: Build) -> None:
    pupils = [pupil("A1")]
    apart = build({"ehc_case__child": [case("K1")], "school_census__pupil": pupils})
    joined = build(
        {"ehc_case__child": [case("K1", upn="A1")], "school_census__pupil": pupils},
        given=given_by(apart),
        known_at=datetime(2025, 7, 1),
    )
    assert pupil_child(apart, "A1") == "C0000002"
    assert case_child(joined, "K1") == pupil_child(joined, "A1") == "C0000001"


def test_a_pupil_gets_its_own_id_back_when_the_link_turns_out_wrong(build: Build) -> None:
    pupils = [pupil("A1")]
    linked = {"ehc_case__child": [case("K1", upn="A1")], "school_census__pupil": pupils}
    unlinked = {"ehc_case__child": [case("K1")], "school_census__pupil": pupils}
    apart = build(unlinked)
    joined = build(linked, given=given_by(apart), known_at=datetime(2025, 7, 1))
    parted = build(unlinked, given=given_by(joined), known_at=datetime(2025, 7, 2))
    assert (case_child(parted, "K1"), pupil_child(parted, "A1")) == ("C0000001", "C0000002")


def test_a_corrected_upn_never_takes_another_childs_id(build: Build) -> None:
    linked = build({"ehc_case__child": [case("K1", upn="A1")], "school_census__pupil": [pupil("A1")]})
    moved = build(
        {"ehc_case__child": [case("K1"), case("K2", upn="A1")], "school_census__pupil": [pupil("A1")]},
        given=given_by(linked),
        known_at=datetime(2025, 7, 1),
    )
    assert case_child(moved, "K1") == "C0000001"
    assert case_child(moved, "K2") == pupil_child(moved, "A1") == "C0000002"


@pytest.fixture(scope="module")
def newcomers(build: Build) -> Warehouse:
    """Persons of every other extract, known or not."""
    return build(
        {
            "ehc_case__child": [
                case("known", upn="A1", uln="1000000001", nhs_number="9990000018", social_care_id="S1"),
                case("uln-only", uln="1000000002", birth_date=date(2007, 3, 9)),
                case("no-upn", social_care_id="S7"),
            ],
            "school_census__pupil": [
                pupil("A1"),
                pupil("A4", surname="Osei"),
                pupil("A7"),
                pupil("A8", uln="1000000002"),
            ],
            "therapy_waits__referral": [referral("H9", nhs_number="9990000069", birth_date=BORN)],
            "nccis__client": [
                client("by-uln", "230", uln="1000000002"),
                client("by-upn", "230", upn="A1", birth_date=BORN),
                client("by-census", "230", upn="A4", birth_date=BORN),
                client("through-social-care", "230", upn="A7", birth_date=BORN),
                client("other-birth-date", "230", uln="1000000001"),
                client("nobody", "810"),
                client("nobody", "230", period_end=date(2025, 4, 30)),
            ],
            "ehe_cme__register": [
                on_register("by-upn", "EHE", upn="A1"),
                on_register("new-upn", "CME", upn="B9"),
                on_register("new-upn-again", "EHE", upn="B9"),
                on_register("by-name-alone", "CME", surname="Family of known", forename="known"),
            ],
            "health_advice__advice": [
                logged_advice("by-nhs", "9990000018"),
                logged_advice("by-therapy", "9990000069"),
                logged_advice("nobody", None),
            ],
            "continuing_care__package": [{"package_id": "P1", "nhs_number": "9990000018", "birth_date": BORN}],
            "early_notifications__notification": [
                {"notification_id": "N1", "nhs_number": "9990000018", "birth_date": BORN, "notified_date": BORN}
            ],
            "cin_census__child": [child_in_need("S7", upn="A7")],
            "ssda903__header": [
                {"child": "S1", "birth_date": BORN, "sex": "1", "upn": "UN1"},
                {"child": "S5", "birth_date": BORN, "upn": "A4"},
            ],
            "ssd__ssd_person": [
                {"pers_person_id": "S1", "pers_dob": BORN, "pers_surname": "Abara"},
                {"pers_person_id": "S9", "pers_dob": BORN, "pers_common_child_id": "9990000018"},
            ],
            "short_breaks__break": [{"social_care_id": "S1", "service": "Respite", "start_date": date(2025, 1, 6)}],
            "youth_justice__intervention": [
                {"intervention_id": "Y1", "person_id": "J1", "birth_date": BORN, "start_date": date(2025, 1, 6)},
                {"intervention_id": "Y2", "person_id": "J1", "birth_date": BORN, "start_date": date(2025, 2, 3)},
            ],
            "attainment__result": [
                {"academic_year": "2023/24", "key_stage": "KS2", "upn": "A1", "subject": "Reading", "birth_date": BORN}
            ],
        }
    )


def client_child(warehouse: Warehouse, client_id: str) -> str:
    return child_of(warehouse, "nccis", "client", f"2025-05-31|{client_id}")


@pytest.mark.parametrize(
    ("extract", "table", "record"),
    [
        ("nccis", "client", "2025-05-31|by-upn"),
        ("ehe_cme", "register", "by-upn"),
        ("health_advice", "advice", "by-nhs"),
        ("continuing_care", "package", "P1"),
        ("early_notifications", "notification", "N1"),
        ("ssda903", "header", "S1"),
        ("ssd", "ssd_person", "S1"),
        ("ssd", "ssd_person", "S9"),
        ("short_breaks", "break", "S1|Respite|2025-01-06"),
        ("attainment", "result", "2023/24|KS2|A1|Reading"),
    ],
)
def test_a_sure_key_leads_to_the_case(newcomers: Warehouse, extract: str, table: str, record: str) -> None:
    assert child_of(newcomers, extract, table, record) == case_child(newcomers, "known")


def test_a_uln_that_the_case_system_holds_links_a_young_person(newcomers: Warehouse) -> None:
    assert client_child(newcomers, "by-uln") == case_child(newcomers, "uln-only")


def test_a_uln_does_not_link_a_pupil(newcomers: Warehouse) -> None:
    assert pupil_child(newcomers, "A8") != case_child(newcomers, "uln-only")


def test_a_uln_with_another_birth_date_does_not_link(newcomers: Warehouse) -> None:
    assert client_child(newcomers, "other-birth-date") != case_child(newcomers, "known")


def test_a_upn_joins_a_young_person_to_the_census(newcomers: Warehouse) -> None:
    assert client_child(newcomers, "by-census") == pupil_child(newcomers, "A4")
    assert child_of(newcomers, "ssda903", "header", "S5") == pupil_child(newcomers, "A4")


def test_a_young_person_follows_its_pupil_to_the_case_that_social_care_leads_to(newcomers: Warehouse) -> None:
    assert client_child(newcomers, "through-social-care") == case_child(newcomers, "no-upn")


def test_a_person_of_no_known_key_is_one_child_in_every_month(newcomers: Warehouse) -> None:
    other = child_of(newcomers, "nccis", "client", "2025-04-30|nobody")
    assert client_child(newcomers, "nobody") == other


def test_two_entries_of_one_upn_are_one_child_though_no_census_has_it(newcomers: Warehouse) -> None:
    assert child_of(newcomers, "ehe_cme", "register", "new-upn") == child_of(
        newcomers, "ehe_cme", "register", "new-upn-again"
    )


def test_names_alone_link_nobody(newcomers: Warehouse) -> None:
    children = newcomers.column("select child_id from core.dim_child where surname = 'Family of known'")
    assert len(children) == 2
    assert child_of(newcomers, "ehe_cme", "register", "by-name-alone") != case_child(newcomers, "known")


def test_health_advice_joins_the_patient_of_that_nhs_number(newcomers: Warehouse) -> None:
    assert child_of(newcomers, "health_advice", "advice", "by-therapy") == child_of(
        newcomers, "therapy_waits", "referral", "H9"
    )


def test_a_young_person_of_youth_justice_is_known_by_its_own_number(newcomers: Warehouse) -> None:
    assert child_of(newcomers, "youth_justice", "intervention", "Y1") == child_of(
        newcomers, "youth_justice", "intervention", "Y2"
    )


def test_every_person_of_every_other_source_has_one_child(newcomers: Warehouse) -> None:
    persons = newcomers.column("select count(*) from identity.identity__person")
    assert persons == newcomers.column("select count(*) from identity.identity__anchor")
    assert newcomers.column("select count(distinct child_id) from identity.identity__anchor") == newcomers.column(
        "select count(*) from core.dim_child"
    )
