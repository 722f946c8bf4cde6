"""An answer's rows find their way back to the rows that were sent, or the answer is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agent.catalog import load_catalog
from agent.catalog.model import Identifier as IdentifierRule
from agent.errors import AnswerRejected
from agent.events import Identifier, JsonObject, RowOutcome, Verdict
from agent.protocol.matching import demand_same, match_rows
from agent.protocol.values import key_of, text_of
from agent.protocol.verdicts import of_rows, refusal, says_already_there
from agent.protocol.yielding import identifiers_of

GYU102 = load_catalog("plugins.ministry.catalog").transaction("GYU102")
BODY: JsonObject = {
    "akb020": "H1",
    "akc190": "ZY1",
    "datalist": [{"aaz213_s": "1"}, {"aaz213_s": "2"}, {"aaz213_s": "3"}],
}


def told(*keys: Any) -> list[JsonObject]:
    return [{"aaz213_s": key} for key in keys]


def test_rows_are_found_whatever_their_order_and_spelling() -> None:
    matched = match_rows(GYU102, BODY, told("3", 1, " 2 "), whole=True)
    assert [matched[place]["aaz213_s"] for place in (0, 1, 2)] == [1, " 2 ", "3"]


def test_rows_of_one_key_are_taken_in_the_order_sent() -> None:
    body = {"datalist": [{"aaz213_s": "1"}, {"aaz213_s": "1"}]}
    first, second = {"aaz213_s": "1", "n": "a"}, {"aaz213_s": "1", "n": "b"}
    assert match_rows(GYU102, body, [first, second], whole=True) == {0: first, 1: second}


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (told("1", "2"), "answer rows missing"),
        ([], "answer rows missing"),
        (None, "answer rows missing"),
        (told("1", "2", "3", "4"), "answer row not in request"),
        (told("1", "2", "3", "3"), "answer row twice"),
        ([{}], "answer row not in request"),
        ({"aaz213_s": "1"}, "answer list is no list of objects"),
        (["1", "2", "3"], "answer list is no list of objects"),
    ],
    ids=str,
)
def test_an_answer_about_other_rows_is_refused(answered: Any, reason: str) -> None:
    with pytest.raises(AnswerRejected) as caught:
        match_rows(GYU102, BODY, answered, whole=True)
    assert caught.value.details["reason"] == reason


def test_a_refusal_may_be_silent_about_rows_but_not_name_others() -> None:
    assert match_rows(GYU102, BODY, None, whole=False) == {}
    assert list(match_rows(GYU102, BODY, told("2"), whole=False)) == [1]
    with pytest.raises(AnswerRejected):
        match_rows(GYU102, BODY, told("4"), whole=False)


@pytest.mark.parametrize("answer", [{}, {"akc190": ""}, {"akc190": None}, {"akc190": "zy1 "}], ids=str)
def test_an_echo_may_be_missing(answer: JsonObject) -> None:
    demand_same(BODY, answer, ["akb020", "akc190"])
    with pytest.raises(AnswerRejected):
        demand_same(BODY, {**answer, "akc190": "ZY2"}, ["akb020", "akc190"])


def test_another_echo_is_refused() -> None:
    with pytest.raises(AnswerRejected):
        demand_same(BODY, {"akb020": "H1", "akc190": "ZY2"}, ["akb020", "akc190"])


@pytest.mark.parametrize(
    ("value", "text"),
    [(" 1 ", "1"), (1, "1"), (Decimal("1E+2"), "100"), (True, ""), (None, ""), ([], ""), ({"a": 1}, "")],
)
def test_one_text_stands_for_one_value(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_key_is_read_from_the_first_holder_that_has_it() -> None:
    assert key_of(("a", "b"), {"a": "1", "b": ""}, {"a": "9", "b": "2"}) == ("1", "2")
    assert key_of(("a", "c"), {"a": "1"}) == ()


def row(code: str) -> RowOutcome:
    return RowOutcome(0, code, "", accepted=code == "RE0000", data={})


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [
        ([], Verdict.ACCEPTED),
        (["RE0000", "RE0000"], Verdict.ACCEPTED),
        (["RE0000", "RE1142"], Verdict.PARTIAL),
        (["RE0000", "RE1173"], Verdict.PARTIAL),
        (["RE1142", "RE1173"], Verdict.REJECTED),
        (["RE1173", "RE1173"], Verdict.RETRY),
    ],
    ids=str,
)
def test_the_fates_of_rows_make_the_fate_of_the_message(codes: list[str], verdict: Verdict) -> None:
    assert of_rows(GYU102, [row(code) for code in codes]) is verdict


def test_codes_of_the_catalog_decide_what_a_refusal_means() -> None:
    assert refusal(GYU102, "RE1173") is Verdict.RETRY
    assert refusal(GYU102, "RE1142") is Verdict.REJECTED
    assert says_already_there(GYU102, "RE1142")
    assert says_already_there(GYU102, "RE0000", [row("RE0000"), row("RE1142")])
    assert not says_already_there(GYU102, "RE0000", [row("RE1068")])


def test_identifiers_come_from_head_and_accepted_rows() -> None:
    fee = IdentifierRule("fee", "aaz213", ("akb020", "aaz213_s"), at="row")
    spec = replace(GYU102, identifiers=(GYU102.identifiers[0], fee))
    answer = {"aaz515": " 900 ", "akc190": "ZY1"}
    accepted = {0: {"aaz213_s": "1", "aaz213": "701"}, 2: {"aaz213": "703"}, 1: {"aaz213": ""}}
    assert identifiers_of(spec, BODY, answer, accepted) == (
        Identifier("settlement", ("H1", "ZY1"), "900"),
        Identifier("fee", ("H1", "1"), "701"),
        Identifier("fee", ("H1", "3"), "703"),
    )


def test_a_number_that_is_not_given_yields_nothing() -> None:
    assert identifiers_of(GYU102, BODY, {"aaz515": ""}, {}) == ()
