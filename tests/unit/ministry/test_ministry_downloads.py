"""What an owned download leads to: files, feedback, next pages, what its records refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent import jsontext
from agent.errors import AnswerRejected
from agent.events import Draft, Forget, Hold, Identifier, JsonObject, Outcome, Scope, Verdict
from plugins.ministry.adapter import ministry_catalog
from plugins.ministry.downloads import PAGES_AT_MOST, Downloads
from tests.unit.ministry.ministry_desk import NOW, adapter, submission

WIRE = "51990020260102000042"
IDS = {"wire_id": WIRE}
LANE = "519900001"
OWNER = {"download_roles": ["treating"], "download_sole_owner": True}
STAY = {"akb020": "51990000001", "akc190": "ZY1", "aab360": "519901"}


class Facts:
    """What the agent knows, as a claim sees it."""

    def __init__(self, **known: list[str]) -> None:
        self._known = {member: jsontext.write(numbers) for member, numbers in known.items()}

    def value(self, kind: str, key: tuple[str, ...], member: str = "") -> str | None:
        return self.values(kind, key).get(member)

    def giver(self, kind: str, key: tuple[str, ...], member: str = "") -> str:
        return ""

    def values(self, kind: str, key: tuple[str, ...]) -> Mapping[str, str]:
        return self._known if (kind, key) == ("unconfirmed", ("GYD101",)) else {}


def downloads(*roles: str, attachments: bool = False) -> Downloads:
    return Downloads(ministry_catalog(), "519900", roles or ("treating",), attachments)


def planned(transaction: str = "GYD101", data: JsonObject | None = None, **options: Any) -> Draft:
    """A download as a HIS drops it, at an agent that owns downloads unless ``options`` say otherwise."""
    asked = {"dlmode": "2"} if data is None else data
    return adapter(**{**OWNER, **options}).plan(submission(transaction, asked), NOW).drafts[0]


def row(number: int, **more: Any) -> JsonObject:
    return {"downno": str(number), **STAY, "akc190": f"ZY{number}", **more}


def answered(*rows: JsonObject, **head: Any) -> Outcome:
    data = {"busi_code": "RE0000", "busi_msg": "", **head, "datalist": list(rows)}
    return Outcome(Verdict.ACCEPTED, "RE0000", data=data)


def proceed(draft: Draft, outcome: Outcome, **how: Any) -> Outcome:
    return downloads(*how.pop("roles", ()), **how).proceed(draft, outcome, IDS)


def transactions(outcome: Outcome) -> list[str]:
    return [draft.transaction for draft in outcome.follow_ups]


# -- who owns what ----------------------------------------------------------------------------------
def test_without_a_role_a_page_is_the_answer_of_the_his_and_nothing_follows() -> None:
    draft = planned(download_roles=[], download_sole_owner=False)
    outcome = answered(row(1))
    assert draft.memo == {}
    assert draft.blocks
    assert proceed(draft, outcome) is outcome


def test_an_owned_download_concerns_nobody_by_its_refusal() -> None:
    draft = planned()
    assert (draft.blocks, draft.blockable, draft.cancels, draft.interactive) == (False,) * 4
    assert draft.repeatable, "a lost page is found by RE1135, no inquiry holds the lane"
    refused = Outcome(Verdict.REJECTED, "RE0006")
    assert proceed(draft, refused) is refused


def test_what_a_his_uploads_or_asks_is_never_owned() -> None:
    assert planned("GYD104", {"aac002": "519900199901011234", "aac003": "测试甲"}).memo == {}
    assert planned("GYD008", {"hisbusitype": "GYD101"}).memo == {}
    assert planned("GYR005", {"txno": "GYD101"}).blocks


# -- a page ----------------------------------------------------------------------------------------------
def test_a_page_is_a_file_and_its_records_are_confirmed_behind_its_gate() -> None:
    outcome = proceed(planned("GYD103"), answered(row(1), row(2)))
    (file,) = outcome.downloads
    (feedback,) = outcome.follow_ups
    assert (file.transaction, file.name, file.records) == ("GYD103", f"GYD103-{WIRE}.json", 2)
    assert file.content["data"] == {"datalist": [row(1), row(2)]}
    assert (feedback.transaction, feedback.gated, feedback.apart) == ("GYU008", True, False)
    confirmed = [{"busitype": "GYD103", "downno": number} for number in ("1", "2")]
    assert feedback.body == {"datalist": confirmed}
    assert feedback.scopes == (Scope("download", ("GYD103",), Hold.EXCLUSIVE),)
    assert [deadline.after_s for deadline in feedback.deadlines] == [1800]
    assert outcome.identifiers == (Identifier("unconfirmed", ("GYD103",), '["1","2"]', WIRE),)


def test_a_result_tells_where_a_page_lies_and_does_not_repeat_it() -> None:
    outcome = proceed(planned("GYD103"), answered(row(1)))
    assert outcome.data == {
        "busi_code": "RE0000",
        "busi_msg": "",
        "records": 1,
        "file": f"GYD103/GYD103-{WIRE}.json",
    }


def test_an_empty_page_ends_a_download_without_a_file() -> None:
    outcome = proceed(planned(), answered())
    assert (outcome.downloads, outcome.follow_ups, outcome.data["records"]) == ((), (), 0)


@pytest.mark.parametrize(("rows", "more"), [(499, False), (500, True)])
def test_a_full_page_is_followed_by_the_next_one(rows: int, more: bool) -> None:
    draft = planned("GYD103")
    outcome = proceed(draft, answered(*map(row, range(rows))))
    assert transactions(outcome) == ["GYU008", *(["GYD103"] if more else [])]
    if more:
        assert outcome.follow_ups[1] == replace(draft, memo={"step": "page", "page": 2})


def test_a_named_person_has_one_page_since_their_records_come_again() -> None:
    asked = {"dlmode": "2", "aac002": "519900199901011234", "aac003": "测试甲"}
    outcome = proceed(planned("GYD101", asked), answered(*[row(n, akc190="") for n in range(500)]))
    assert transactions(outcome) == ["GYU008"]


def test_a_platform_that_hands_out_for_ever_is_asked_no_more_in_this_run() -> None:
    last = replace(planned("GYD103"), memo={"step": "page", "page": PAGES_AT_MOST})
    assert transactions(proceed(last, answered(*map(row, range(500))))) == ["GYU008"]


@pytest.mark.parametrize("rows", ["x", [1], [[]], {"a": 1}], ids=str)
def test_rows_that_are_none_are_not_believed(rows: Any) -> None:
    with pytest.raises(AnswerRejected):
        proceed(planned("GYD103"), Outcome(Verdict.ACCEPTED, "RE0000", data={"datalist": rows}))


# -- what a page refers to -------------------------------------------------------------------------------
@pytest.mark.parametrize("transaction", ["GYD101", "GYD401"])
def test_the_fees_of_each_stay_are_asked_for_once_each_with_a_place_of_its_own(transaction: str) -> None:
    outcome = proceed(planned(transaction), answered(row(1), row(2), row(3, akc190="ZY2")))
    fees = outcome.follow_ups[1:]
    assert [draft.body["akc190"] for draft in fees] == ["ZY1", "ZY2"]
    assert {(d.transaction, d.apart, d.gated, d.body["dlmode"]) for d in fees} == {
        ("GYD102", True, False, "2")
    }
    assert {draft.memo["step"] for draft in fees} == {"page"}


def test_the_next_page_of_fees_stays_with_its_stay() -> None:
    fees = proceed(planned(), answered(row(1))).follow_ups[1]
    outcome = proceed(fees, answered(*map(row, range(500))))
    assert [(draft.transaction, draft.apart) for draft in outcome.follow_ups] == [
        ("GYU008", False),
        ("GYD102", False),
    ]


def test_a_revoked_deduction_asks_for_the_deductions() -> None:
    outcome = proceed(planned("GYD404"), answered(row(1), row(2)))
    assert transactions(outcome) == ["GYU008", "GYD004"]
    assert outcome.follow_ups[1].body == {"dlmode": "2"}


def test_attachments_are_fetched_beside_the_lane_where_that_is_wanted() -> None:
    files = [{"aaa726": "900"}, {"aaa726": "901"}, {"aaa726": "900"}]
    answer = answered(row(1, filedata=files), row(2, filedata=[]))
    assert transactions(proceed(planned("GYD103"), answer)) == ["GYU008"]
    outcome = proceed(planned("GYD103"), answer, attachments=True)
    assert [draft.body for draft in outcome.follow_ups[1:]] == [{"aaa726": "900"}, {"aaa726": "901"}]
    assert {(d.transaction, d.parallel, d.harmless, d.gated) for d in outcome.follow_ups[1:]} == {
        ("GYD054", True, True, False)
    }


# -- what is not confirmed ----------------------------------------------------------------------------------
def opened(draft: Draft, **known: list[str]) -> Draft:
    return downloads().informed(draft, Facts(**known))


def refused_for_open_pages() -> tuple[Draft, Draft]:
    """A call that gets RE1135, and the question that follows."""
    draft = planned()
    outcome = proceed(draft, Outcome(Verdict.REJECTED, "RE1135", data={"busi_code": "RE1135"}))
    assert outcome.verdict is Verdict.ACCEPTED
    (question,) = outcome.follow_ups
    return draft, question


def test_open_pages_are_asked_for_within_the_turn_of_their_download() -> None:
    _, question = refused_for_open_pages()
    assert (question.transaction, question.body["hisbusitype"]) == ("GYD008", "GYD101")
    assert question.scopes == (Scope("download", ("GYD101",), Hold.EXCLUSIVE),)
    assert (question.harmless, question.parallel) == (True, False)


def test_an_open_page_is_stored_and_confirmed_and_asked_about_again() -> None:
    _, question = refused_for_open_pages()
    outcome = proceed(
        opened(question), Outcome(Verdict.ACCEPTED, "RE0000", data={"cqdata": {"datalist": [row(1)]}})
    )
    (file,) = outcome.downloads
    assert (file.transaction, file.name, file.content["recovered"]) == ("GYD101", f"GYD101-{WIRE}.json", True)
    assert transactions(outcome) == ["GYU008", "GYD008", "GYD102"]
    assert outcome.follow_ups[0].gated


@pytest.mark.parametrize("cqdata", [None, "", {}, "{}", {"datalist": []}, {"busi_code": "RE0000"}], ids=str)
def test_the_refused_call_is_made_once_more_when_nothing_is_open(cqdata: Any) -> None:
    draft, question = refused_for_open_pages()
    outcome = proceed(opened(question), Outcome(Verdict.ACCEPTED, "RE0000", data={"cqdata": cqdata}))
    (again,) = outcome.follow_ups
    assert (again.transaction, again.body) == (draft.transaction, draft.body)
    assert outcome.forgotten == (Forget("unconfirmed", ("GYD101",)),)
    still = Outcome(Verdict.REJECTED, "RE1135")
    assert proceed(again, still) is still, "refused again, it is refused"


def test_what_is_on_disk_is_confirmed_and_not_stored_twice() -> None:
    _, question = refused_for_open_pages()
    answer = Outcome(Verdict.ACCEPTED, "RE0000", data={"cqdata": {"datalist": [row(1), row(2)]}})
    outcome = proceed(opened(question, earlier=["1", "2"]), answer)
    assert outcome.downloads == ()
    assert [each["downno"] for each in outcome.follow_ups[0].body["datalist"]] == ["1", "2"]
    part = proceed(opened(question, earlier=["1"], other=["9"]), answer)
    assert [each["downno"] for each in part.downloads[0].content["data"]["datalist"]] == ["2"]
    done = proceed(part.follow_ups[0], Outcome(Verdict.ACCEPTED, "RE0000"))
    assert done.forgotten == (
        Forget("unconfirmed", ("GYD101",), WIRE),
        Forget("unconfirmed", ("GYD101",), "earlier"),
    )


def test_a_page_that_stays_open_after_its_confirmation_ends_the_run() -> None:
    _, question = refused_for_open_pages()
    answer = Outcome(Verdict.ACCEPTED, "RE0000", data={"cqdata": {"datalist": [row(1)]}})
    again = proceed(opened(question), answer).follow_ups[1]
    outcome = proceed(opened(again), answer)
    assert (outcome.verdict, outcome.code, outcome.follow_ups) == (Verdict.REJECTED, "RE1135", ())


def test_more_open_records_than_one_feedback_takes_are_confirmed_in_several() -> None:
    _, question = refused_for_open_pages()
    rows = [row(number, akc190="") for number in range(501)]
    outcome = proceed(
        opened(question), Outcome(Verdict.ACCEPTED, "RE0000", data={"cqdata": {"datalist": rows}})
    )
    assert [len(d.body["datalist"]) for d in outcome.follow_ups if d.transaction == "GYU008"] == [500, 1]
    assert [fact.member for fact in outcome.identifiers] == [WIRE, f"{WIRE}.500"]


@pytest.mark.parametrize(("place", "modes"), [("519901", ["2"]), ("360100", ["1"]), ("", ["1", "2"])])
def test_fees_of_a_recovered_stay_are_asked_for_from_the_side_that_the_province_has_in_it(
    place: str, modes: list[str]
) -> None:
    _, question = refused_for_open_pages()
    answer = Outcome(Verdict.ACCEPTED, "RE0000", data={"cqdata": {"datalist": [row(1, aab360=place)]}})
    outcome = proceed(opened(question), answer, roles=("insured", "treating"))
    assert [d.body["dlmode"] for d in outcome.follow_ups if d.transaction == "GYD102"] == modes


def test_feedback_that_is_not_accepted_leaves_what_is_known_unconfirmed() -> None:
    feedback = proceed(planned("GYD103"), answered(row(1))).follow_ups[0]
    refused = Outcome(Verdict.REJECTED, "RE1136")
    assert proceed(feedback, refused) is refused
    done = proceed(feedback, Outcome(Verdict.ACCEPTED, "RE0000"))
    assert done.forgotten == (Forget("unconfirmed", ("GYD103",), WIRE),)
