"""Statements in several calls (GYU003): one number, the last call says so, no other after a doubt."""

from __future__ import annotations

from typing import Any

from agent.dispatch.filling import fill
from agent.events import Draft, Finding, Forget, Identifier, Outcome, Verdict
from agent.protocol.attachments import type_of
from plugins.ministry.outcomes import business_outcome
from tests.unit.ministry.ministry_desk import NOW, adapter, submission
from tests.unit.ministry.test_ministry_against_rehearsal import (
    PERSON,
    STAY,
    Line,
    admission,
    fees,
    line,
    settlement,
)

HEAD = {"akb020": "510000123456", "alc002": "1", "aae002": "202512", "aae020": "100", "akb079": "1"}
KEY = ("510000123456", "202512")


def statement(rows: int, **more: Any) -> dict[str, Any]:
    row = {"aac002": "519900199901011234", "aac003": "测试甲", "aaz516": "", "trtype": "1"}
    details = [{**row, "aaz515": f"9{number:09d}"} for number in range(rows)]
    return {**HEAD, "isdone": "1", "datalist": details, **more}


def test_eleven_hundred_details_are_three_calls_in_order_and_only_the_last_is_done() -> None:
    data = statement(1100)
    drafts = adapter().plan(submission("GYU003", data), NOW).drafts
    assert [draft.rows for draft in drafts] == [(0, 500), (500, 1000), (1000, 1100)]
    assert [draft.body["isdone"] for draft in drafts] == ["0", "0", "1"]
    sent = [row["aaz515"] for draft in drafts for row in draft.body["datalist"]]
    assert sent == [row["aaz515"] for row in data["datalist"]]
    assert [[(need.identifier, need.key, need.required) for need in draft.needs] for draft in drafts] == [
        [("batch", KEY, False)],
        [("batch", KEY, True)],
        [("batch", KEY, True)],
    ]
    assert all(draft.stop_on_refusal for draft in drafts)


def test_the_first_call_goes_without_a_number_unless_one_is_unfinished() -> None:
    first = adapter().plan(submission("GYU003", statement(1)), NOW).drafts[0]
    assert fill(first, {"pch": ""}).body["pch"] == ""
    assert fill(first, {"pch": "2026"}).body["pch"] == "2026"


def test_a_number_that_the_his_gives_goes_with_every_call() -> None:
    drafts = adapter().plan(submission("GYU003", statement(501, pch="77")), NOW).drafts
    assert [draft.body["pch"] for draft in drafts] == ["77", "77"]
    assert [draft.needs for draft in drafts] == [(), ()]


def test_a_statement_that_is_to_go_on_later_is_not_done_in_its_last_call() -> None:
    drafts = adapter().plan(submission("GYU003", statement(501, isdone="0")), NOW).drafts
    assert [draft.body["isdone"] for draft in drafts] == ["0", "0"]


def answered(rows: int, **head: Any) -> Outcome:
    this = adapter()
    draft = fill(this.plan(submission("GYU003", statement(rows)), NOW).drafts[0], {})
    told = [
        {"aaz515": row["aaz515"], "aaz516": "", "trtype": "1", "aae020": "1", "ret_code": "RE0000"}
        for row in draft.body["datalist"]
    ]
    data = {"busi_code": "RE0000", "busi_msg": "", "akb020": KEY[0], "aae002": KEY[1], "datalist": told}
    return business_outcome(this.catalog.transaction("GYU003"), draft, {**data, **head})


def test_the_number_is_kept_until_the_statement_is_complete_and_then_forgotten() -> None:
    open_one = answered(1, pch="77")
    assert open_one.identifiers == (Identifier("batch", KEY, "77"),)
    assert open_one.forgotten == ()
    complete = answered(1, pch="77", aaz215="6000000001")
    assert complete.identifiers == (Identifier("statement", KEY, "6000000001"),)
    assert complete.forgotten == (Forget("batch", KEY),)


# -- against the rehearsed platform ----------------------------------------------------------------------
def settled_stay() -> tuple[Line, str]:
    """A platform with one settled stay, and its AAZ515."""
    this = line()
    for transaction, data in (("GYU101", admission()), ("GYU102", fees(1)), ("GYU103", settlement(1))):
        outcome = this.send(this.plan(transaction, data)[0])[1]
        assert outcome.verdict is Verdict.ACCEPTED
    return this, outcome.rows[0].data["aaz515"]


def month(aaz515: str, **more: Any) -> dict[str, Any]:
    detail = {**PERSON, "aaz515": aaz515, "aaz516": "", "trtype": "1"}
    head = {"akb020": STAY["akb020"], "alc002": "1", "aae002": "202601", "aae020": "8.00", "akb079": "1"}
    return {**head, "isdone": "0", "datalist": [detail], **more}


def first_call(this: Line, aaz515: str) -> Draft:
    return fill(this.plan("GYU003", month(aaz515))[0], {})


def number_in(outcome: Outcome) -> str:
    return next(one.value for one in outcome.identifiers if one.kind == "batch")


def test_a_first_call_that_was_lost_is_asked_about_before_any_other_number() -> None:
    this, aaz515 = settled_stay()
    draft = first_call(this, aaz515)
    ids, lost = this.send(draft)
    again = this.send(draft)[1]
    assert (again.code, again.already_there) == ("RE1169", True), "leads to an inquiry after a doubt"
    conclusion = this.ask_about(draft, ids)
    assert conclusion.finding is Finding.FOUND
    assert conclusion.outcome is not None
    assert number_in(conclusion.outcome) == number_in(lost)


def test_a_correction_goes_under_the_same_number_and_may_carry_just_the_refused_rows() -> None:
    this, aaz515 = settled_stay()
    data = month(aaz515, isdone="1")
    data["datalist"].append({**data["datalist"][0], "aaz515": "404"})
    outcome = this.send(fill(this.plan("GYU003", data)[0], {}))[1]
    assert outcome.verdict is Verdict.PARTIAL
    refused = [(row.data["aaz515"], row.code) for row in outcome.rows if not row.accepted]
    assert refused == [("404", "RE1155")]
    second = settle_another(this)
    correction = this.plan("GYU003", {**month(second, isdone="1", aae020="8.00", akb079="1")})[0]
    done = this.send(fill(correction, {"pch": number_in(outcome)}))[1]
    assert done.code == "RE1041", "both details count under the one number: their sum is not the head's"


def settle_another(this: Line) -> str:
    stay = {**admission()["datalist"][0], "akc190": "ZY2"}
    this.send(this.plan("GYU101", {"datalist": [stay]})[0])
    rows = {**fees(1), "akc190": "ZY2"}
    rows["datalist"] = [{**rows["datalist"][0], "aaz213_s": "MX900000"}]
    this.send(this.plan("GYU102", rows)[0])
    done = {"datalist": [{**settlement(1)["datalist"][0], "akc190": "ZY2"}]}
    outcome = this.send(this.plan("GYU103", done)[0])[1]
    assert outcome.verdict is Verdict.ACCEPTED
    return str(outcome.rows[0].data["aaz515"])


def test_a_statement_is_complete_with_the_call_that_says_so() -> None:
    this, aaz515 = settled_stay()
    draft = fill(this.plan("GYU003", month(aaz515, isdone="1"))[0], {})
    outcome = this.send(draft)[1]
    assert outcome.verdict is Verdict.ACCEPTED
    assert Forget("batch", (STAY["akb020"], "202601")) in outcome.forgotten
    kinds = {one.kind for one in outcome.identifiers}
    assert "statement" in kinds
    assert "batch" not in kinds


def test_type_of_is_by_content() -> None:
    assert [type_of(head) for head in (b"%PDF-1", b"\xff\xd8\xff\xe0", b"BM66", b"GIF8")] == [
        "pdf",
        "jpg",
        "bmp",
        "",
    ]
