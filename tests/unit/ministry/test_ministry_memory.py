"""What the ministry's messages leave behind for later ones, and what these have to agree with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.outbox.model import State
from tests.unit.ministry.ministry_house import House, house
from tests.unit.ministry.simulator.forms import AID_PERSON, HOSPITAL, PERSON

STAY = ("51010000001", "ZY0001")
VISIT = {"akb020": "51010000001", "akc190": "ZY0001"}
AID = ("51010000003", "519900198408300086")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[House]:
    built = house(tmp_path)
    yield built
    built.close()


def admitted(bench: House) -> None:
    bench.done("GYU101")


def charged(bench: House, rows: int = 1) -> None:
    bench.done("GYU102", *[{} for _ in range(rows)])


def settled(bench: House) -> str:
    admitted(bench)
    charged(bench)
    bench.done("GYU103")
    number = bench.fact("settled", *STAY)
    assert number is not None
    return number


def errors(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in result["errors"]]


# -- numbers -------------------------------------------------------------------------------------------
def test_a_stay_leaves_its_numbers_sums_and_day_and_the_fees_theirs(bench: House) -> None:
    number = settled(bench)
    assert bench.fact("settlement", *STAY) == number
    assert bench.fact("admitted", *STAY) == "20260301"
    assert bench.fact("pooled", number) == "18.00"
    assert list(bench.facts("fees", *STAY).values()) == ["20.00 18.00 2.00"]
    (found,) = bench.world.outbox.facts("ROW000001")
    assert (found.kind, found.member, found.key) == ("fee", "ROW000001", STAY)


def test_a_deduction_is_found_under_the_hiss_number_and_goes_by_the_stay(bench: House) -> None:
    settled(bench)
    row = {**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}
    result = bench.told(bench.submit("GYU004", {"datalist": [row]}))
    assert result["state"] == "accepted"
    number = result["rows"][0]["aaz516"]
    assert bench.fact("deduction", "KK1") == number
    assert bench.world.outbox.facts("KK1")[0].value in (number, "5.00")


def test_a_statement_goes_by_stays_and_deductions_of_the_his(bench: House) -> None:
    settled(bench)
    bench.told(
        bench.submit(
            "GYU004",
            {"datalist": [{**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}]},
        )
    )
    row = {**PERSON, "akc190": "ZY0001"}
    rows = [{**row, "trtype": "1"}, {**row, "trtype": "2", "aaz516_s": "KK1"}]
    head = {"akb020": "51010000001", "alc002": "1", "aae002": "202603", "akb079": "1", "isdone": "1"}
    wrong = bench.told(bench.submit("GYU003", {**head, "aae020": "18.00", "datalist": rows}))
    assert errors(wrong) == [("/aae020", "RE1041")]
    assert "13.00" in wrong["errors"][0]["message"]
    right = bench.told(bench.submit("GYU003", {**head, "aae020": "13.00", "datalist": rows}))
    assert right["state"] == "accepted"
    assert bench.calls("GYU003") == [right["wire_id"]], "what contradicts the sum was never sent"
    assert bench.facts("statement_part", "51010000001", "202603") == {}


def test_a_number_that_the_agent_does_not_have_is_a_missing_one_with_the_official_code(bench: House) -> None:
    row = {**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}
    result = bench.told(bench.submit("GYU004", {"datalist": [row, {**row, "aaz516_s": "KK2"}]}))
    assert (result["state"], result["attempts"]) == ("invalid", 0)
    assert errors(result) == [("/datalist/0/aaz515", "RE0052"), ("/datalist/1/aaz515", "RE0052")]
    forced = bench.told(bench.submit("GYU004", {"datalist": [row]}, forced=True))
    assert forced["state"] == "invalid", "what the platform cannot take is not sent by force"


def test_a_change_of_an_institution_finds_the_number_that_its_registration_gave(bench: House) -> None:
    registered = bench.done("GYU009")["rows"][0]["akb020"]
    row = {**bench.sample("GYU009")["datalist"][0], "transtype": "2", "aae006": "演练路3号"}
    changed = bench.told(bench.submit("GYU009", {"datalist": [row]}))
    assert changed["state"] == "accepted"
    assert changed["rows"][0]["akb020"] == registered
    stranger = {**row, "aab998": "91510100MA00000009"}
    refused = bench.told(bench.submit("GYU009", {"datalist": [stranger]}))
    assert errors(refused) == [("/datalist/0/akb020", "RE1059")]


def test_a_filing_is_changed_by_the_provinces_own_number(bench: House) -> None:
    bench.done("GYU006")
    row = bench.sample("GYU007")["datalist"][0]
    del row["aaz341"]
    data = {"datalist": [{**row, "aaz341_s": "BA000001", "aab360": "360100"}]}
    assert bench.told(bench.submit("GYU007", data))["state"] == "accepted"


def test_a_number_that_the_his_gives_itself_is_not_looked_up(bench: House) -> None:
    number = settled(bench)
    row = {**PERSON, **VISIT, "aaz515": number, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}
    assert bench.told(bench.submit("GYU004", {"datalist": [row]}))["state"] == "accepted"


# -- sums and days ----------------------------------------------------------------------------------------
def test_a_settlement_agrees_with_the_fees_that_the_agent_sent(bench: House) -> None:
    admitted(bench)
    charged(bench, rows=2)
    amounts = {"aae058": "41.00", "aae020": "36.50", "aae022": "4.50"}
    wrong = bench.told(bench.submit("GYU103", bench.sample("GYU103", amounts)))
    assert wrong["state"] == "invalid"
    assert errors(wrong) == [
        ("/datalist/0/aae058", "RE1083"),
        ("/datalist/0/aae020", "RE1084"),
        ("/datalist/0/aae022", "RE1085"),
    ]
    assert bench.calls("GYU103") == []
    amounts = {"aae058": "40.00", "aae020": "36.00", "aae022": "4.00"}
    assert bench.done("GYU103", amounts)["warnings"] == []


def test_a_settlement_that_is_forced_is_warned_of_and_sent(bench: House) -> None:
    admitted(bench)
    charged(bench, rows=2)
    forced = bench.told(bench.submit("GYU103", bench.sample("GYU103"), forced=True))
    assert bench.calls("GYU103") == [forced["wire_id"]]
    assert {warning["code"] for warning in forced["warnings"]} == {"RE1083", "RE1084", "RE1085"}
    assert (forced["state"], forced["code"]) == ("rejected", "RE1083"), "the platform judges it"


def test_a_settlement_of_a_stay_that_the_agent_does_not_know_is_warned_of_and_passes(bench: House) -> None:
    result = bench.told(bench.submit("GYU103", bench.sample("GYU103")))
    assert result["state"] == "rejected"
    assert [warning["rule"] for warning in result["warnings"]] == ["history_missing"]
    assert len(bench.calls("GYU103")) == 1


def test_only_accepted_rows_of_a_partly_refused_upload_count(bench: House) -> None:
    admitted(bench)
    charged(bench)
    rows = [{"aaz213_s": "ROW000001"}, {"aaz213_s": "ROW000009"}]
    partial = bench.told(bench.submit("GYU102", bench.sample("GYU102", *rows)))
    assert partial["state"] == "partial"
    assert bench.done("GYU103", {"aae058": "40.00", "aae020": "36.00", "aae022": "4.00"})


def test_nothing_is_charged_or_settled_before_the_admission(bench: House) -> None:
    admitted(bench)
    early = bench.told(bench.submit("GYU102", bench.sample("GYU102", {"aae229": "20260228"})))
    assert errors(early) == [("/datalist/0/aae229", "RE1075")]
    charged(bench)
    early = bench.told(bench.submit("GYU103", bench.sample("GYU103", {"aae031": "20260228"})))
    assert errors(early) == [("/datalist/0/aae031", "RE1079")]


def test_deductions_together_are_no_more_than_the_pooled_part(bench: House) -> None:
    settled(bench)
    row = {**PERSON, **VISIT, "aae013": "演练"}
    first = bench.submit("GYU004", {"datalist": [{**row, "aaz516_s": "KK1", "aae019": "10.00"}]})
    assert bench.told(first)["state"] == "accepted"
    rows = [{**row, "aaz516_s": "KK2", "aae019": "5.00"}, {**row, "aaz516_s": "KK3", "aae019": "3.01"}]
    over = bench.told(bench.submit("GYU004", {"datalist": rows}))
    assert errors(over) == [("/datalist/1/aae019", "RE1127")]
    assert (
        bench.told(bench.submit("GYU004", {"datalist": [{**rows[1], "aae019": "8.00"}]}))["state"]
        == "accepted"
    )


# -- revocations -------------------------------------------------------------------------------------------
def test_revoking_the_fees_takes_their_sums_and_a_stay_may_be_charged_anew(bench: House) -> None:
    admitted(bench)
    charged(bench, rows=2)
    bench.done("GYR001")
    assert bench.facts("fees", *STAY) == {}
    assert bench.world.outbox.facts("ROW000001") == []
    charged(bench)
    bench.done("GYU103")


def test_revoking_the_admission_forgets_the_stay(bench: House) -> None:
    admitted(bench)
    bench.done("GYR002")
    assert (bench.fact("admitted", *STAY), bench.fact("settlement", *STAY)) == (None, None)


def test_revoking_the_settlement_goes_by_the_stay_and_takes_admission_fees_and_attachments_along(
    bench: House,
) -> None:
    number = settled(bench)
    files = {**HOSPITAL, "akc190": "ZY0001", "aaz515": number}
    bench.told(bench.submit("GYU002", bench.sample("GYU002", {"filetype": "02"}, **files)))
    assert bench.fact("attachment", "FJ000001") is not None
    data = {**PERSON, **VISIT, "alc002": "1"}
    revoked = bench.told(bench.submit("GYR003", data))
    assert revoked["state"] == "accepted"
    for kind in ("admitted", "settlement", "settled", "fees", "fee", "attached"):
        assert bench.facts(kind, *STAY) == {}, kind
    assert bench.fact("attachment", "FJ000001") is None
    assert bench.fact("revoked", *STAY) == number, "a statement has to name it (TRTYPE 3)"
    admitted(bench)
    charged(bench)
    bench.done("GYU103")
    assert bench.fact("settled", *STAY) != number


def test_a_refused_revocation_forgets_nothing(bench: House) -> None:
    number = settled(bench)
    refused = bench.told(bench.submit("GYR001", bench.sample("GYR001")))
    assert refused["state"] == "rejected"
    assert bench.fact("settlement", *STAY) == number
    assert bench.facts("fees", *STAY) != {}


def test_revoking_deductions_frees_the_amount_and_keeps_their_numbers(bench: House) -> None:
    number = settled(bench)
    row = {**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "18.00"}
    bench.told(bench.submit("GYU004", {"datalist": [row]}))
    revoked = bench.told(bench.submit("GYR004", {"datalist": [VISIT]}))
    assert revoked["state"] == "accepted"
    assert bench.facts("deducted", number) == {}
    assert bench.fact("deduction", "KK1") is not None, "a statement has to name it (TRTYPE 4)"
    again = bench.told(bench.submit("GYU004", {"datalist": [{**row, "aaz516_s": "KK2"}]}))
    assert again["state"] == "accepted"


def test_a_revocation_stands_in_line_with_its_stay_whichever_name_it_uses(bench: House) -> None:
    """AAZ515 and the stay are one thing: a deduction by number waits for what is before it by stay."""
    number = settled(bench)
    by_stay = bench.adapter.plan(_submission("GYR003", {**PERSON, **VISIT, "alc002": "1"}), bench.clock.now())
    by_number = bench.adapter.plan(
        _submission("GYR004", {"datalist": [{"aaz515": number}]}), bench.clock.now()
    )
    first = bench.world.message("A", *by_stay.drafts)
    second = bench.world.message("B", *by_number.drafts)
    with bench.world.outbox.write() as tx:
        tx.begin(first, {"wire_id": "W"}, bench.clock.now())
        other = tx.head(bench.key, skip=frozenset({first}))
    assert other is None
    assert bench.state_of(second) is State.READY


def _submission(transaction: str, data: dict[str, Any]) -> Any:
    from agent.events import Submission

    return Submission("ministry", transaction, "x", data)


# -- PREREFID -------------------------------------------------------------------------------------------
def aid(bench: House, **more: Any) -> dict[str, Any]:
    data = bench.sample("GYU303", **more)
    data.pop("prerefid") if "prerefid" not in more else None
    return data


def test_an_aid_names_the_verification_of_its_day_by_itself(bench: House) -> None:
    verified = bench.done("GYD051")
    result = bench.told(bench.submit("GYU303", aid(bench)))
    assert result["state"] == "accepted"
    assert bench.fact("verification", *AID, "20260315") == verified["wire_id"]
    assert bench.fact("settlement", *AID) == result["data"]["aaz515"]


def test_an_aid_waits_for_its_verification_and_goes_after_it(bench: House) -> None:
    waiting = bench.submit("GYU303", aid(bench))
    told = bench.told(waiting)
    assert (told["state"], told["final"]) == ("queued", False)
    assert "GYD051" in told["message"]
    bench.done("GYD051")
    assert bench.told(waiting)["state"] == "accepted"


def test_the_latest_verification_of_several_is_named(bench: House) -> None:
    bench.done("GYD051")
    latest = bench.done("GYD051")["wire_id"]
    bench.told(bench.submit("GYU303", aid(bench)))
    assert bench.fact("verification", *AID, "20260315") == latest


def test_a_verification_for_a_stay_is_none_of_an_aid(bench: House) -> None:
    bench.told(bench.submit("GYD051", bench.sample("GYD051", calltype="1", **{**HOSPITAL, **PERSON})))
    assert bench.facts("verification", "51010000001", PERSON["aac002"], "20260315") == {}


def test_revoking_an_aid_goes_by_the_person(bench: House) -> None:
    bench.done("GYD051")
    number = bench.told(bench.submit("GYU303", aid(bench)))["data"]["aaz515"]
    data = {**AID_PERSON, "akb020": "51010000003", "alc002": "3"}
    assert bench.told(bench.submit("GYR003", data))["state"] == "accepted"
    assert bench.fact("settlement", *AID) is None
    assert bench.fact("revoked", *AID) == number


# -- a person's word --------------------------------------------------------------------------------------
def test_what_a_person_calls_accepted_leaves_the_facts_that_the_person_gave(bench: House) -> None:
    bench.done("GYU101", {"akc190": "ZY0009"})
    admission = bench.submit("GYU101", bench.sample("GYU101"))
    (message,) = bench.world.outbox.messages_of(admission)
    with bench.world.outbox.write() as tx:
        tx.park(message.message, "refused again and again", bench.clock.now())
    bench.world.resolved = lambda _system, draft, ids, data: bench.adapter.resolved(draft, ids, data)
    bench.world.resolve(message.message, "accepted", aaz515="9999999")
    assert bench.fact("settlement", *STAY) == "9999999"
    assert bench.fact("admitted", *STAY) == "20260301"


def test_fees_that_a_person_calls_accepted_count(bench: House) -> None:
    admitted(bench)
    fees = bench.submit("GYU102", bench.sample("GYU102", {}, {}))
    (message,) = bench.world.outbox.messages_of(fees)
    with bench.world.outbox.write() as tx:
        tx.park(message.message, "refused again and again", bench.clock.now())
    bench.world.resolved = lambda _system, draft, ids, data: bench.adapter.resolved(draft, ids, data)
    bench.world.resolve(message.message, "accepted")
    assert list(bench.facts("fees", *STAY).values()) == ["40.00 36.00 4.00"]


@pytest.mark.parametrize(
    ("change", "warned"),
    [
        ({"aae100": "0"}, [("/datalist/0/aae160", "RE1055")]),
        ({"aae100": "0", "aae160": "9102"}, []),
        ({}, []),
    ],
    ids=["no reason", "a reason", "still valid"],
)
def test_a_filing_that_becomes_invalid_without_a_reason_is_warned_of(
    bench: House, change: dict[str, str], warned: list[tuple[str, str]]
) -> None:
    result = bench.told(bench.submit("GYU007", bench.sample("GYU007", change)))
    assert [(warning["pointer"], warning["code"]) for warning in result["warnings"]] == warned
    assert len(bench.calls("GYU007")) == 1, "only the platform knows whether it was valid"


def test_a_deduction_under_a_number_of_before_is_not_added_to_that_one(
    bench: House,
) -> None:
    settled(bench)
    row = {**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}
    bench.told(bench.submit("GYU004", {"datalist": [row]}))
    again = bench.told(bench.submit("GYU004", {"datalist": [{**row, "aae019": "15.00"}]}))
    assert errors(again) == [], "15.00 of 18.00: the 5.00 of before are not taken off as well"
    assert len(bench.calls("GYU004")) == 2
