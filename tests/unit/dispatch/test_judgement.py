"""agent.dispatch.judgement: every kind of answer and every kind of inquiry has one meaning."""

from dataclasses import replace

import pytest

from agent.clock import ManualClock
from agent.dispatch.doubts import Doubts
from agent.dispatch.judgement import (
    AskAgain,
    CountNegative,
    Doubt,
    Findings,
    GiveUp,
    InquiryRules,
    NotProcessed,
    Resend,
    Settle,
    Suspicion,
    after_negative,
    judge_answer,
    judge_inquiry,
)
from agent.events import Conclusion, Draft, Finding, Outcome, Verdict
from agent.outbox.model import Attempt, AttemptState, Head

CLOCK = ManualClock()
NOW = CLOCK.now()
RULES = InquiryRules(negatives=2, quiet_s=60, answer_timeout_s=30, hold_s=300)
HEAD = Head(
    message=1,
    submission=1,
    system="ministry",
    transaction="GYU101",
    lane="510000001",
    draft=Draft("GYU101", "510000001", {}),
    inquiring=False,
    doubts=(),
    tries=0,
    withdrawn=0,
    values={},
    missing=(),
    valid_until=None,
    doubt_since=None,
    negatives=0,
    last_negative_at=None,
)
ATTEMPT = Attempt(1, AttemptState.UNKNOWN, {"wire_id": "1"}, NOW)
DOUBTED = replace(HEAD, inquiring=True, doubts=(ATTEMPT,), doubt_since=NOW)
ACCEPTED = Outcome(Verdict.ACCEPTED, "RE0000")
ALREADY = Outcome(Verdict.REJECTED, "RE1142", already_there=True)
ABSENT = Conclusion(Finding.ABSENT)


@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.PARTIAL, Verdict.REJECTED])
def test_a_final_answer_settles(verdict):
    outcome = Outcome(verdict, "RE1")
    assert judge_answer(outcome, HEAD) == Settle(outcome)


def test_not_processed_is_tried_again_and_configuration_stops_the_lane():
    assert judge_answer(Outcome(Verdict.RETRY, "RE1173", "频繁"), HEAD) == NotProcessed("RE1173", "频繁")
    assert judge_answer(Outcome(Verdict.HALT, "PE0002"), HEAD) == NotProcessed("PE0002", "", halt=True)


def test_an_unclear_answer_leaves_a_doubt():
    assert isinstance(judge_answer(Outcome(Verdict.UNKNOWN, "PE9999"), HEAD), Doubt)


def test_already_there_on_the_first_try_is_a_refusal():
    assert judge_answer(ALREADY, HEAD) == Settle(ALREADY)


def test_already_there_after_an_unknown_attempt_settles_nothing():
    assert isinstance(judge_answer(ALREADY, DOUBTED), Doubt)


def test_a_stored_answer_settles():
    findings = Findings(((1, ABSENT), (2, Conclusion(Finding.FOUND, ACCEPTED))))
    assert judge_inquiry(findings, RULES, 0) == Settle(ACCEPTED, 2)


def test_the_oldest_stored_answer_that_is_not_already_there_wins():
    findings = Findings(((1, Conclusion(Finding.FOUND, ALREADY)), (2, Conclusion(Finding.FOUND, ACCEPTED))))
    assert judge_inquiry(findings, RULES, 0) == Settle(ACCEPTED, 2)


UNDECIDED = [
    Conclusion(Finding.UNDECIDED),
    Conclusion(Finding.FOUND),
    Conclusion(Finding.FOUND, Outcome(Verdict.UNKNOWN)),
    Conclusion(Finding.FOUND, Outcome(Verdict.RETRY)),
]


@pytest.mark.parametrize("conclusion", UNDECIDED)
def test_what_neither_settles_nor_denies_is_asked_again_soon_and_never_taken_for_absent(conclusion):
    step = judge_inquiry(Findings(((1, conclusion), (2, ABSENT))), RULES, 0)
    assert isinstance(step, AskAgain)
    assert 0 < step.wait_s <= 5


def test_a_negative_before_its_time_proves_nothing():
    assert judge_inquiry(Findings(((1, ABSENT),)), RULES, 20) == AskAgain(20)


def test_a_negative_counts_in_its_time():
    assert judge_inquiry(Findings(((1, ABSENT),)), RULES, 0) == CountNegative()


def watch_of(head=DOUBTED, now=1000.0):
    return Doubts().of(head, now)


def test_the_first_negative_counts_when_the_answer_time_out_has_passed_since_the_last_byte():
    watch = watch_of()
    assert watch.wait_s(DOUBTED, RULES, 1010.0) == 20
    assert watch.wait_s(DOUBTED, RULES, 1030.0) == 0


def test_a_second_negative_counts_only_after_the_quiet_time():
    watch, head = watch_of(), replace(DOUBTED, negatives=1)
    watch.negative_at = 1030.0
    assert watch.wait_s(head, RULES, 1031.0) == 59
    assert watch.wait_s(head, RULES, 1090.0) == 0


def test_a_restart_begins_the_present_quiet_time_anew():
    head = replace(DOUBTED, negatives=1)
    assert watch_of(head).wait_s(head, RULES, 1000.0) == 60


def test_a_new_attempt_begins_quiet_times_anew_and_keeps_the_time_held():
    doubts = Doubts()
    first = doubts.of(DOUBTED, 1000.0)
    first.heard(1000.0)
    first.heard(1090.0)
    second = doubts.of(replace(DOUBTED, tries=DOUBTED.tries + 1), 2000.0)
    assert (second.since, second.heard_s) == (2000.0, 90.0)


def test_time_in_which_the_endpoint_was_silent_is_not_time_asked():
    watch = watch_of()
    watch.heard(1000.0)
    watch.heard(1010.0)
    watch.unheard()
    watch.heard(9000.0)
    watch.heard(9005.0)
    assert watch.heard_s == 15.0


def test_one_negative_of_two_is_not_enough():
    assert after_negative(1, Findings(((1, ABSENT),)), RULES, resendable=True) == AskAgain(60)


def test_enough_negatives_allow_a_resend_where_the_system_guards_repetition():
    assert after_negative(2, Findings(((1, ABSENT),)), RULES, resendable=True) == Resend()


def test_enough_negatives_leave_an_unguarded_transaction_to_a_person():
    assert isinstance(after_negative(2, Findings(((1, ABSENT),)), RULES, resendable=False), GiveUp)


def test_a_lone_already_there_stands_once_all_other_attempts_are_absent():
    findings = Findings(((1, ABSENT), (2, Conclusion(Finding.FOUND, ALREADY))))
    assert judge_inquiry(findings, RULES, 0) == CountNegative()
    assert after_negative(2, findings, RULES, resendable=True) == Settle(ALREADY, 2)


def test_already_there_without_a_trace_of_ours_is_left_to_a_person():
    step = after_negative(2, Findings(((1, ABSENT),)), RULES, resendable=True, already_there=True)
    assert isinstance(step, GiveUp)


PARTLY = Conclusion(Finding.PARTLY, Outcome(Verdict.ACCEPTED, code="OK", message="the rest follows"))


def test_a_part_that_arrived_counts_like_a_negative_and_then_goes_on_with_the_rest():
    findings = Findings(((1, ABSENT), (2, PARTLY)))
    assert judge_inquiry(findings, RULES, 0) == CountNegative()
    assert after_negative(1, findings, RULES, resendable=True) == AskAgain(60)
    assert after_negative(2, findings, RULES, resendable=True) == Settle(PARTLY.outcome, 2)


def test_a_whole_answer_found_later_is_worth_more_than_a_part():
    found = Conclusion(Finding.FOUND, Outcome(Verdict.ACCEPTED, code="OK"))
    findings = Findings(((1, PARTLY), (2, found)))
    assert judge_inquiry(findings, RULES, 0) == Settle(found.outcome, 2)


def test_three_distrusted_answers_in_a_row_are_too_many():
    suspicion = Suspicion()
    assert [suspicion.note() for _ in range(3)] == [False, False, True]
    suspicion.clear()
    assert suspicion.note() is False
