"""A statement's number that is not the platform's: the first call is asked about, no second number begun."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.events import Draft, Forget, JsonObject, Outcome, Verdict, Watched
from plugins.ministry import renumbering
from plugins.ministry.simulator.serve import build as build_platform
from tests.unit.ministry.ministry_desk import key
from tests.unit.ministry.ministry_house import House, house
from tests.unit.ministry.simulator.forms import PERSON

MONTH = ("51010000001", "202603")
HEAD = {"akb020": "51010000001", "alc002": "1", "aae002": "202603", "aae020": "18.00", "akb079": "1"}
VISIT = {"akb020": "51010000001", "akc190": "ZY0001"}
ROW = {**PERSON, "akc190": "ZY0001", "trtype": "1"}
UNKNOWN = {**PERSON, "aaz515": "404", "trtype": "1"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[House]:
    built = house(tmp_path)
    for transaction in ("GYU101", "GYU102", "GYU103"):
        built.done(transaction)
    yield built
    built.close()


def send(bench: House, *rows: JsonObject, isdone: str = "0", **head: Any) -> JsonObject:
    return bench.told(bench.submit("GYU003", {**HEAD, **head, "isdone": isdone, "datalist": list(rows)}))


def forget(bench: House, *facts: Forget) -> None:
    with bench.world.outbox.write() as tx:
        tx.give_facts("ministry", (), facts)


def begin_and_end(bench: House) -> None:
    """A statement of a settlement and its deduction in two calls."""
    row = {**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}
    bench.told(bench.submit("GYU004", {"datalist": [row]}))
    assert send(bench, ROW, aae020="13.00")["state"] == "accepted"
    assert bench.fact("statement_call", *MONTH) == bench.calls("GYU003")[0]
    last = send(bench, {**ROW, "trtype": "2", "aaz516_s": "KK1"}, isdone="1", aae020="13.00")
    assert last["state"] == "accepted"


def see_to_duties(bench: House) -> int:
    """As the schedules do; how many were begun."""
    watched = Watched(bench.clock.now(), first=False, heard=bench.clock.now())
    with bench.world.outbox.write() as tx:
        duties = bench.adapter.duties(tx.history("ministry"), watched)
        for duty in duties:
            tx.give_facts("ministry", duty.given, duty.forgotten)
    for duty in duties:
        assert duty.submission is not None
        plan = bench.adapter.plan(duty.submission, watched.now)
        bench.world.accept(duty.name, *plan.drafts, transaction=duty.submission.transaction)
    bench.work()
    return len(duties)


def test_a_call_without_the_number_that_was_lost_leads_to_a_question_about_the_first(bench: House) -> None:
    first = send(bench, ROW)
    number = bench.fact("batch", *MONTH)
    forget(bench, Forget("batch", MONTH))
    refused = send(bench, ROW)
    assert (refused["state"], refused["code"]) == ("rejected", "RE1169")
    assert see_to_duties(bench) == 1
    asked = bench.rehearsal.ledger.calls()[-1]
    assert (asked.transaction, bench.fact("batch", *MONTH)) == ("GYD053", number)
    assert bench.facts("statement_asked", "GYU003") == {}
    assert see_to_duties(bench) == 0, "asked once"
    again = send(bench, UNKNOWN)
    assert (again["state"], again["code"]) == ("rejected", "RE1155"), "only the row was wrong"
    assert bench.calls("GYU003")[0] == first["wire_id"]


def test_a_number_that_the_his_made_up_leads_to_the_right_one(bench: House) -> None:
    send(bench, ROW)
    number = bench.fact("batch", *MONTH)
    assert send(bench, ROW, pch="1")["code"] == "RE1169"
    forget(bench, Forget("batch", MONTH))
    see_to_duties(bench)
    assert bench.fact("batch", *MONTH) == number


@pytest.mark.parametrize(
    ("stored", "left"), [("empty", False), ("RE1106", True)], ids=["nothing stored", "refused"]
)
def test_a_number_is_forgotten_only_when_the_platform_says_twice_that_there_is_none(
    bench: House, stored: str, left: bool
) -> None:
    send(bench, ROW)
    number = bench.fact("batch", *MONTH)
    keys = {"own_private": key("platform").to_pem(), "peer_public": key("agent").public.to_pem()}
    bench.wire.platform = build_platform({**keys, "absent": stored}, bench.clock).rehearsal
    assert send(bench, UNKNOWN)["code"] == "RE1170"
    assert bench.fact("batch", *MONTH) == number
    assert see_to_duties(bench) == 1
    assert bench.fact("batch", *MONTH) == (number if left else None)
    assert bool(bench.facts("statement_part", *MONTH)) is left, "no total counts what was never begun"
    assert bench.facts("statement_asked", "GYU003") == {}


def test_a_refusal_without_a_call_of_our_own_asks_nothing(bench: House) -> None:
    assert send(bench, ROW, pch="20260315")["code"] == "RE1170"
    assert see_to_duties(bench) == 0


def test_a_statement_that_is_done_forgets_its_first_call(bench: House) -> None:
    begin_and_end(bench)
    assert bench.fact("statement_call", *MONTH) is None


def test_a_question_that_came_to_nothing_is_put_again_after_a_while(bench: House) -> None:
    send(bench, ROW)
    forget(bench, Forget("batch", MONTH))
    send(bench, ROW)
    with bench.world.outbox.write() as tx:
        history, now = tx.history("ministry"), bench.clock.now()
        (duty,) = renumbering.duties(history, now)
        tx.give_facts("ministry", duty.given, ())
        assert list(renumbering.duties(history, now + timedelta(minutes=9))) == []
        assert len(list(renumbering.duties(history, now + timedelta(minutes=10)))) == 1


def test_nothing_found_after_being_told_to_go_on_forgets_no_number() -> None:
    asked = {"of": list(MONTH), "code": "RE1169", "since": ""}
    question = Draft("GYD053", "1", {"hisrefid": "7", "busitype": "GYU003"}, memo={"statement_asked": asked})
    found = renumbering.remembered(
        question, Outcome(Verdict.ACCEPTED, code="RE0000", data={"hisdata": ""}), "8"
    )
    assert found.forgotten == (Forget("statement_asked", ("GYU003",), "7"),)
    assert found.identifiers == ()
