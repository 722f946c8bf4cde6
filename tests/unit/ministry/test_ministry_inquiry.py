"""What the answers to GYD053 prove: found, absent, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from agent.events import Conclusion, Draft, Finding, JsonObject, Outcome, Verdict
from tests.unit.ministry.ministry_desk import NOW, adapter, admission, submission

IDS = {"wire_id": "51990020260102000042"}
ROW = {"akb020": "510000123456", "akc190": "ZY20260001", "aaz515": "9", "ret_code": "RE0000", "ret_msg": ""}
STORED: JsonObject = {"busi_code": "RE0000", "busi_msg": "", "datalist": [ROW]}


def draft() -> Draft:
    return adapter().plan(submission("GYU101", admission()), NOW).drafts[0]


def conclude(answer: Outcome, **options: Any) -> Conclusion:
    return adapter(**options).conclude(draft(), IDS, answer)


def answered(hisdata: Any) -> Outcome:
    return Outcome(Verdict.ACCEPTED, "RE0000", data={"busi_code": "RE0000", "hisdata": hisdata})


@pytest.mark.parametrize("hisdata", [None, "", {}, "{}"], ids=str)
def test_empty_history_means_never_seen(hisdata: Any) -> None:
    assert conclude(answered(hisdata)) == Conclusion(Finding.ABSENT)


def test_history_that_is_not_there_means_never_seen() -> None:
    assert conclude(Outcome(Verdict.ACCEPTED, "RE0000", data={})) == Conclusion(Finding.ABSENT)


def test_the_configured_codes_mean_never_seen() -> None:
    unknown = Outcome(Verdict.REJECTED, "RE1106")
    assert conclude(unknown).finding is Finding.ABSENT
    assert conclude(unknown, hisdata_absent=["RE1018"]).finding is Finding.UNDECIDED
    assert conclude(Outcome(Verdict.REJECTED, "RE1018"), hisdata_absent=["RE1018"]).finding is Finding.ABSENT


@pytest.mark.parametrize(
    "answer",
    [
        Outcome(Verdict.REJECTED, "RE9999"),
        Outcome(Verdict.RETRY, "RE1173"),
        Outcome(Verdict.UNKNOWN, "PE9999"),
        Outcome(Verdict.HALT, "PE2001"),
    ],
    ids=lambda answer: answer.code,
)
def test_any_other_answer_decides_nothing(answer: Outcome) -> None:
    assert conclude(answer) == Conclusion(Finding.UNDECIDED)


@pytest.mark.parametrize(
    "hisdata",
    [
        "x",
        "[]",
        [STORED],
        7,
        {"datalist": [ROW]},
        {**STORED, "datalist": []},
        {**STORED, "datalist": [{**ROW, "akc190": "ZY20260002"}]},
        {**STORED, "busi_code": "RE9999"},
    ],
    ids=str,
)
def test_what_is_not_the_stored_answer_decides_nothing(hisdata: Any) -> None:
    assert conclude(answered(hisdata)) == Conclusion(Finding.UNDECIDED)


def test_the_stored_answer_is_the_outcome() -> None:
    conclusion = conclude(answered(STORED))
    assert conclusion.finding is Finding.FOUND
    assert conclusion.outcome is not None
    assert (conclusion.outcome.verdict, conclusion.outcome.settled_by) == (Verdict.ACCEPTED, "inquiry")


def test_a_stored_refusal_is_the_outcome_too() -> None:
    conclusion = conclude(answered({"busi_code": "RE1070", "busi_msg": "省份信息错误！"}))
    assert conclusion.outcome is not None
    assert (conclusion.outcome.verdict, conclusion.outcome.code) == (Verdict.REJECTED, "RE1070")


def test_a_stored_put_off_took_no_effect() -> None:
    assert conclude(answered({"busi_code": "RE1173", "busi_msg": ""})) == Conclusion(Finding.ABSENT)
