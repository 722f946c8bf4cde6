"""What ST009's answer says of an order: only the business code can say that there is none."""

from __future__ import annotations

import pytest

from agent.dispatch.judgement import Doubt, Settle, judge_answer
from agent.events import Draft, Finding, Outcome
from agent.outbox.model import Attempt, AttemptState, Head
from plugins.scanpay import codec, outcomes
from plugins.scanpay.building import scanpay_catalog
from plugins.scanpay.forms import received
from plugins.scanpay.statuses import status_of
from tests.unit.scanpay.test_scanpay_orders import (
    CYCLE,
    IDS,
    Held,
    _submission,
    claimed,
    paid_order,
    scanned_payment,
)
from tests.unit.scanpay.test_scanpay_planning import adapter
from tests.unit.scanpay.till import NOW

ABSENT = frozenset({"10"})


def answered(**pairs: str) -> Outcome:
    """ST009's answer, as the adapter reads it."""
    spec = scanpay_catalog().transaction("ST009")
    told = codec.read_answer(received(tuple({"respcode": "00", "aprcode": "00", **pairs}.items())), spec)
    return outcomes.outcome(spec, Draft("ST009", "", {"orderid": "D1"}, harmless=True), told)


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ({"aprcode": "10"}, ""),
        ({}, ""),
        ({"aprcode": "11"}, None),
        ({"aprcode": "-1"}, None),
        ({"respcode": "10", "aprcode": ""}, None),
        ({"respcode": "10", "aprcode": "10"}, None),
        ({"respcode": "-1", "aprcode": "10"}, None),
    ],
)
def test_only_the_business_code_says_that_there_is_no_such_order(
    pairs: dict[str, str], status: str | None
) -> None:
    assert status_of(answered(**pairs), ABSENT) == status


def test_a_failed_call_settles_neither_a_payment_nor_a_cancellation() -> None:
    failed = answered(respcode="10", aprcode="")
    payment = claimed("ST007", scanned_payment())
    assert adapter().conclude(payment, IDS, failed).finding is Finding.UNDECIDED
    asked = {"orderid": "D1", "reason": "记账失败", "busicycleno": "C1"}
    cancel = adapter().plan(_submission("ST100", asked), NOW).drafts[1]
    whole = adapter().complete(cancel, Held(CYCLE, *paid_order().facts()), forced=False).draft
    assert adapter().conclude(whole, IDS, failed).finding is Finding.UNDECIDED


def head(*doubts: Attempt) -> Head:
    return Head(
        message=1,
        submission=1,
        system="scanpay",
        transaction="ST024",
        lane="L",
        draft=Draft("ST024", "L", {}),
        inquiring=False,
        doubts=doubts,
        tries=len(doubts),
        withdrawn=0,
        values={},
        missing=(),
        valid_until=None,
        doubt_since=None,
        negatives=0,
        last_negative_at=None,
    )


@pytest.mark.parametrize(("transaction", "open_again"), [("ST024", True), ("ST100", True), ("ST010", False)])
def test_a_refused_repetition_says_nothing_of_the_attempt_before_it(
    transaction: str, open_again: bool
) -> None:
    spec = scanpay_catalog().transaction(transaction)
    pairs = {"respcode": "00", "aprcode": "12", "aprtmsg": "电子凭证已失效"}
    told = codec.read_answer(received(tuple(pairs.items())), spec)
    refused = outcomes.outcome(spec, Draft(transaction, "", {"orderid": "D1"}), told)
    before = Attempt(1, AttemptState.UNKNOWN, {}, NOW)
    assert isinstance(judge_answer(refused, head()), Settle)
    assert isinstance(judge_answer(refused, head(before)), Doubt if open_again else Settle)


def test_the_his_sees_which_of_the_two_codes_failed() -> None:
    assert answered(respcode="10", aprcode="").data == {"respcode": "10", "aprcode": ""}
    assert answered(aprcode="10").data == {}
