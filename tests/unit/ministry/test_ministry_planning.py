"""What a submission becomes, for the transactions that are whole and those that the data describes."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent import jsontext
from agent.crypto import seal
from agent.errors import SubmissionInvalid
from agent.events import Draft, Hold, Response, Scope, Series, Verdict
from tests.unit.ministry.ministry_desk import NOW, adapter, admission, fees, key, submission

VISIT = Scope("visit", ("510000123456", "ZY20260001"))
INSTITUTION = Scope("institution", ("510000123456",), Hold.SHARED, broad=True)


def pointers(transaction: str, data: object, now: datetime = NOW) -> list[str]:
    with pytest.raises(SubmissionInvalid) as caught:
        adapter().plan(submission(transaction, data), now)
    return [fault.pointer for fault in caught.value.faults]


def test_1200_fees_become_three_bulk_messages_in_order() -> None:
    data = fees(1200)
    plan = adapter().plan(submission("GYU102", data), NOW)
    assert [draft.rows for draft in plan.drafts] == [(0, 500), (500, 1000), (1000, 1200)]
    sent = [row["aaz213_s"] for draft in plan.drafts for row in draft.body["datalist"]]
    assert sent == [row["aaz213_s"] for row in data["datalist"]]
    for draft in plan.drafts:
        assert draft.body["akc190"] == "ZY20260001"
        assert draft.scopes == (VISIT, INSTITUTION)
        assert (draft.lane, draft.interactive, draft.parallel) == ("519900001", False, False)
    assert plan.normalised["datalist"][1199] == plan.drafts[2].body["datalist"][199]


def test_planning_1200_fees_takes_little_time() -> None:
    this, data = adapter(), fees(1200)
    this.plan(submission("GYU102", fees(1)), NOW)
    started = time.process_time()
    this.plan(submission("GYU102", data), NOW)
    assert time.process_time() - started < 0.5, "measured 0.08 s; the bound allows for a loaded machine"


def test_spelling_does_not_make_another_submission() -> None:
    """The duplicate digest is taken over ``normalised``: 12.5, "12.50" and " 12.5 " say the same."""
    plain = adapter().plan(submission("GYU102", fees(1)), NOW).normalised
    spelled = fees(1, akc225=" 12.50 ", aae013=None)
    spelled["AKA130"] = spelled.pop("aka130")
    assert adapter().plan(submission("GYU102", spelled), NOW).normalised == plain


def test_today_is_the_day_in_beijing() -> None:
    evening = datetime(2026, 1, 2, 15, 59, tzinfo=UTC)
    assert pointers("GYU101", admission(aae030="20260103"), evening) == ["/datalist/0/aae030"]
    assert adapter().plan(submission("GYU101", admission(aae030="20260103")), evening + timedelta(minutes=1))


def test_uploads_are_wanted_within_thirty_minutes() -> None:
    (draft,) = adapter().plan(submission("GYU101", admission()), NOW).drafts
    assert [deadline.after_s for deadline in draft.deadlines] == [1800]


def test_an_unknown_transaction_is_one_fault() -> None:
    assert pointers("GYU999", {}) == ["/transaction"]
    assert adapter().scopes(submission("GYU999", {})) == ()


@pytest.mark.parametrize("data", [None, [], "x"], ids=str)
def test_data_that_is_no_object_is_one_fault(data: object) -> None:
    assert pointers("GYU101", data) == [""]
    assert adapter().scopes(submission("GYU101", data)) == ()


def test_an_invalid_submission_is_about_what_can_be_read_of_it() -> None:
    broken = submission("GYU101", admission(aac003="", aae030="x"))
    assert adapter().scopes(broken) == (VISIT, INSTITUTION)
    assert adapter().scopes(replace(broken, data=admission(akc190=None))) == (INSTITUTION,)


def test_skipped_rules_let_pass_what_the_platform_lets_pass() -> None:
    data = admission(aae030="20260103")
    this = adapter(skip_rules=["gyu101_admission_day"])
    assert this.plan(submission("GYU101", data), NOW).drafts


def drafts(transaction: str, data: object) -> tuple[Draft, ...]:
    return adapter().plan(submission(transaction, data), NOW).drafts


def test_a_question_about_a_person_runs_beside_the_lane() -> None:
    data = {
        "calltype": "1",
        "aae030": "20260101",
        "aac002": "519900199901011234",
        "aac003": "测试甲",
        "akb020": "510000123456",
        "alc002": "1",
        "aab360": "510104",
    }
    (draft,) = drafts("GYD051", data)
    assert (draft.harmless, draft.parallel, draft.rows) == (True, True, None)
    assert draft.scopes == (Scope("person", ("519900199901011234",), Hold.OBSERVER),)
    assert pointers("GYD051", {**data, "alc002": "3"}) == ["/calltype"]
    assert pointers("GYD051", {**data, "calltype": "3"}) == ["/calltype"]


def test_an_inquiry_is_harmless_and_blocks_nothing() -> None:
    (draft,) = drafts("GYU101", admission())
    question = adapter().inquire(draft, {"wire_id": "51990020260102000042"})
    assert question is not None
    assert question.body == {"hisrefid": "51990020260102000042", "busitype": "GYU101"}
    assert (question.harmless, question.blocks, question.blockable) == (True, False, False)


def test_what_changes_nothing_has_no_inquiry() -> None:
    (draft,) = drafts("GYU000", {})
    assert adapter().inquire(draft, {"wire_id": "51990020260102000042"}) is None


def test_the_list_of_a_questions_answer_is_not_held_against_rows_that_were_never_sent() -> None:
    (draft,) = drafts("GYD104", {"aac002": "519900199901011234", "aac003": "测试甲"})
    data = {"busi_code": "RE0000", "busi_msg": "", "datalist": [{"aaz515": "9"}, {"aaz515": "10"}]}
    sealed = seal(jsontext.write(data).encode("utf-8"), key("platform"), key("agent").public)
    nodes = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    body = jsontext.write({"code": "PE0000", "msg": "", "biz_data": nodes})
    outcome = adapter().interpret(draft, {}, Response(200, {}, body.encode("utf-8")))
    assert (outcome.verdict, outcome.rows, outcome.data) == (Verdict.ACCEPTED, (), data)


def test_numbers_are_drawn_per_day_for_refid_and_for_ever_for_request_id() -> None:
    (draft,) = drafts("GYU101", admission())
    assert adapter(province="510000").series(draft) == (
        Series("refid/510000", 6, daily=True),
        Series("request/519900001", 9, daily=False),
    )
