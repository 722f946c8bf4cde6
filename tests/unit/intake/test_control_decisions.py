"""agent.intake.control_files: a HIS decides about its own submissions, once, and about the one it means."""

import pytest

from agent.events import Outcome, Verdict
from agent.faults import crash_point
from agent.outbox.model import State
from agent.replies.render import render
from tests.contract.outbox_world import World, draft, visit
from tests.unit.intake.inbox_bench import LANE, admission_file, fee_file


class Died(BaseException):
    """What the process would do at a crash point."""


def die_at(monkeypatch, name):
    def point(reached):
        if reached == name:
            raise Died

    monkeypatch.setattr("agent.intake.control_files.crash_point", point)


def live_on(monkeypatch):
    monkeypatch.setattr("agent.intake.control_files.crash_point", crash_point)


def send(bench):
    """The lane takes its next message."""
    with bench.outbox.write(urgent=True) as tx:
        head = tx.head(LANE)
        tx.begin(head.message, {"wire_id": f"W{head.message}"}, bench.clock.now())
    return head.message


def lose(bench):
    """An exchange whose outcome nobody can find out."""
    message = send(bench)
    with bench.outbox.write(urgent=True) as tx:
        tx.doubt(message, bench.outbox.message(message).tries, "read timed out", bench.clock.now())
        tx.leave_unknown(message, "inquiries found nothing", bench.clock.now())


def accept(bench):
    message = send(bench)
    with bench.outbox.write(urgent=True) as tx:
        tx.settle(message, Outcome(Verdict.ACCEPTED, code="RE0000"), bench.clock.now())


def twice(bench):
    """One id in two transactions: submissions 1 and 2."""
    bench.drop("one.json", admission_file("X"))
    bench.drop("two.json", fee_file("X", 1))
    bench.look()


def states(bench):
    return [view.state for view in bench.messages()]


def answers(bench):
    """The rules of what was refused, by the file's name."""
    bench.clock.advance(30)
    due = bench.outbox.due_replies(bench.clock.now(), 100)
    return {reply.address.file_name: rules for reply in due if (rules := rules_of(reply.result))}


def rules_of(result):
    return [error["rule"] for error in result["errors"]]


def decide(bench, name, content=b""):
    bench.drop(name, content)
    bench.look()


RESEND = b'{"as": "resend"}'
REJECTED = b'{"as": "rejected"}'


# -- once ---------------------------------------------------------------------------------------------
def test_a_decision_that_a_crash_left_claimed_is_not_taken_again(bench, monkeypatch):
    bench.admit("A1")
    bench.look()
    lose(bench)
    die_at(monkeypatch, "control.after_commit")
    bench.drop("A1.resolve.json", RESEND)
    with pytest.raises(Died):
        bench.look()
    assert states(bench) == [State.READY]
    lose(bench)
    live_on(monkeypatch)
    bench.restart()
    bench.look()
    assert states(bench) == [State.UNKNOWN], "sent again without a decision"
    assert (bench.archived(), bench.rejected()) == (["A1.json", "A1.resolve.json"], [])
    assert answers(bench) == {}


def test_a_refusal_that_a_crash_left_claimed_is_filed_away_as_refused_and_given_once(bench, monkeypatch):
    die_at(monkeypatch, "control.after_commit")
    bench.drop("A1.cancel", b"")
    with pytest.raises(Died):
        bench.look()
    live_on(monkeypatch)
    bench.restart()
    bench.admit("A1")
    bench.look()
    assert states(bench) == [State.READY]
    assert bench.rejected() == ["A1.cancel"]
    assert answers(bench) == {"A1.cancel": ["control_unknown_id"]}


def test_a_decision_that_a_crash_kept_from_being_stored_is_taken_after_it(bench, monkeypatch):
    bench.admit("A1")
    bench.look()
    die_at(monkeypatch, "control.before_commit")
    bench.drop("A1.cancel", b"")
    with pytest.raises(Died):
        bench.look()
    assert states(bench) == [State.READY]
    live_on(monkeypatch)
    bench.restart()
    bench.look()
    assert states(bench) == [State.CANCELLED]
    assert bench.archived() == ["A1.cancel", "A1.json"]


# -- the one that is meant ------------------------------------------------------------------------------
def test_an_id_of_two_that_could_both_be_cancelled_is_refused_and_changes_nothing(bench):
    twice(bench)
    decide(bench, "X.cancel")
    assert states(bench) == [State.READY] * 2
    assert bench.rejected() == ["X.cancel"]
    assert rules_of(bench.result(3)) == ["control_ambiguous"]
    assert "GYU101__X、GYU102__X" in bench.result(3)["errors"][0]["message"]


@pytest.mark.parametrize("transaction", ["GYU101", "GYU102"])
def test_the_transaction_in_the_name_says_which_is_cancelled(bench, transaction):
    twice(bench)
    decide(bench, f"{transaction}__X.cancel")
    cancelled = [view.transaction for view in bench.messages() if view.state is State.CANCELLED]
    assert cancelled == [transaction]
    assert bench.rejected() == []


def test_a_decision_goes_to_the_one_of_two_that_waits_for_it(bench):
    bench.drop("one.json", admission_file("X"))
    bench.look()
    lose(bench)
    bench.clock.advance(30)
    bench.write_results()
    bench.drop("two.json", fee_file("X", 1))
    bench.look()
    decide(bench, "X.resolve.json", REJECTED)
    decided = dict(zip(bench.transactions(), states(bench), strict=True))
    assert decided["GYU101"] is State.REJECTED
    assert bench.rejected() == []


def test_a_cancellation_goes_to_the_one_of_two_that_has_not_been_sent(bench):
    twice(bench)
    sent = bench.outbox.message(send(bench)).transaction
    decide(bench, "X.cancel")
    by_transaction = dict(zip(bench.transactions(), states(bench), strict=True))
    assert by_transaction.pop(sent) is State.IN_FLIGHT
    assert list(by_transaction.values()) == [State.CANCELLED]


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [("X.cancel", b"", "control_too_late"), ("X.resolve.json", RESEND, "control_nothing_open")],
)
def test_where_none_of_two_can_be_decided_that_is_said(bench, name, content, rule):
    twice(bench)
    accept(bench)
    accept(bench)
    decide(bench, name, content)
    assert answers(bench)[name] == [rule]
    assert bench.rejected() == [name]


def test_an_acknowledgement_names_the_transaction_and_removes_that_result_only(bench):
    twice(bench)
    bench.results.mkdir()
    kept, read = (bench.results / f"{name}.json.X.result.json" for name in ("one", "two"))
    kept.write_bytes(render(bench.outbox.result(1)))
    read.write_bytes(render(bench.outbox.result(2)))
    decide(bench, "X.ack")
    assert bench.rejected() == ["X.ack"]
    decide(bench, "GYU102__X.ack")
    assert (kept.exists(), read.exists()) == (True, False)


def test_an_id_that_looks_like_a_named_transaction_is_an_id(bench):
    bench.drop("one.json", admission_file("GYU101__X"))
    bench.look()
    decide(bench, "GYU101__X.cancel")
    assert states(bench) == [State.CANCELLED]


def test_a_name_that_may_be_an_id_or_a_named_transaction_is_refused(bench):
    bench.drop("one.json", admission_file("GYU101__X"))
    bench.admit("X")
    bench.look()
    decide(bench, "GYU101__X.cancel")
    assert states(bench) == [State.READY] * 2
    assert bench.rejected() == ["GYU101__X.cancel"]
    decide(bench, "GYU101__GYU101__X.cancel")
    assert states(bench) == [State.CANCELLED, State.READY]


# -- in part --------------------------------------------------------------------------------------------
def test_cancelling_what_is_left_of_a_submission_is_no_refusal(bench):
    bench.drop("fees.json", fee_file("F1", 1200))
    bench.look()
    send(bench)
    decide(bench, "F1.cancel")
    assert states(bench) == [State.IN_FLIGHT, State.CANCELLED, State.CANCELLED]
    assert (bench.archived(), bench.rejected()) == (["F1.cancel", "fees.json"], [])
    assert answers(bench) == {}


def test_a_rejection_that_cancels_the_rest_decides_the_parked_part_too(bench):
    world = World(bench.outbox, bench.clock, bench._open)
    stored = world.accept("F1", draft(visit("v1")), draft(visit("v2")))
    world.lose()
    world.park()
    decide(bench, "F1.resolve.json", REJECTED)
    assert [world.state(number) for number in world.numbers(stored)] == [State.REJECTED, State.CANCELLED]
    assert (bench.archived(), bench.rejected()) == (["F1.resolve.json"], [])


def test_a_control_file_that_is_refused_is_not_called_a_submission_with_errors(bench):
    bench.drop("X.cancel", b"")
    bench.look()
    bench.clock.advance(30)
    (reply,) = bench.outbox.due_replies(bench.clock.now(), 100)
    assert reply.result["message"] == "控制文件没有执行，原提交保持不变；原因见 errors"
