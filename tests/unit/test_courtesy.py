"""agent.courtesy: who goes first, who lets it pass, and which rooms do the one or the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agent import courtesy, jsontext
from agent.clock import SystemClock
from agent.crypto.at_rest import generate
from agent.events import Identifier, Request
from agent.helpers.client import HelperProcess
from agent.helpers.process import HelperSettings
from agent.outbox import facts
from agent.outbox.model import DueReply
from agent.outbox.results import Part, Story, compose
from agent.outbox.sealed import Border
from agent.replies.render import render
from agent.transport.base import TransportSettings
from agent.transport.http import HttpTransport
from plugins.scanpay.decoding.holders import NotDecoded
from plugins.scanpay.decoding.service import ServiceDecoder
from plugins.scanpay.settings import DecoderSettings
from tests.contract.outbox_world import draft
from tests.contract.scripted_server import Conversation, serving
from tests.unit.dispatch.lane_bench import Bench
from tests.unit.intake.inbox_bench import InboxBench

SOON_S = 30.0
PATIENT = 4


class Asked(threading.Event):
    """Is never set, and counts who waited for it instead of letting him wait."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == courtesy.LONGEST_S
        self.times += 1
        return False


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Another thread goes first all the while; tells how often the test's thread gave way."""
    way = courtesy._Way()
    way.enter()
    way.free = Asked()
    monkeypatch.setattr(courtesy, "_way", way)
    yield way.free
    way.leave()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> courtesy._Way:
    """A way that nobody is on."""
    way = courtesy._Way()
    monkeypatch.setattr(courtesy, "_way", way)
    return way


# -- the rule ------------------------------------------------------------------------------------------
class _Noted(threading.Event):
    """Tells when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.awaited.set()
        return super().wait(timeout)


@pytest.fixture
def noted(alone: courtesy._Way, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Noted]:
    alone.free = _Noted()
    alone.free.set()
    yield alone.free
    alone.free.set()


def test_long_work_waits_until_nobody_goes_first_any_more(noted, monkeypatch):
    monkeypatch.setattr(courtesy, "LONGEST_S", SOON_S)
    went_on: list[bool] = []
    long_work = threading.Thread(target=lambda: went_on.append(courtesy.give_way() is None))
    with courtesy.first():
        long_work.start()
        assert noted.awaited.wait(SOON_S), "long work did not give way"
        assert not went_on
    long_work.join(SOON_S)
    assert went_on == [True]


def test_long_work_gets_on_though_somebody_goes_first_without_end(alone, monkeypatch):
    monkeypatch.setattr(courtesy, "LONGEST_S", 0.01)
    long_work = threading.Thread(target=courtesy.give_way)
    with courtesy.first():
        long_work.start()
        long_work.join(SOON_S)
        assert not long_work.is_alive()


def test_who_computes_lets_go_of_the_interpreter_sooner_while_somebody_goes_first(alone):
    usual_s = sys.getswitchinterval()
    with courtesy.first():
        with courtesy.first():
            pass
        assert sys.getswitchinterval() == pytest.approx(courtesy.HURRY_S)
        courtesy.passed()
        assert sys.getswitchinterval() == pytest.approx(usual_s)
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_two_who_go_first_are_both_let_pass(alone):
    inner_ended, both = threading.Event(), threading.Event()

    def other() -> None:
        with courtesy.first():
            both.set()
            inner_ended.wait(SOON_S)

    second = threading.Thread(target=other)
    with courtesy.first():
        second.start()
        assert both.wait(SOON_S)
    assert not alone.free.is_set(), "the other still goes first"
    inner_ended.set()
    second.join(SOON_S)
    assert alone.free.is_set()


def test_who_goes_first_waits_for_nobody(asked):
    with courtesy.first():
        courtesy.give_way()
        list(courtesy.politely(range(1000), 1))
    assert asked.times == 0
    courtesy.give_way()
    assert asked.times == 1


def test_the_outer_block_holds_after_the_inner_one(alone):
    with courtesy.first():
        with courtesy.first():
            pass
        assert not alone.free.is_set()
    assert alone.free.is_set()


def test_what_fails_is_on_nobodys_way(alone):
    with pytest.raises(ZeroDivisionError), courtesy.first():
        raise ZeroDivisionError
    assert alone.free.is_set()


def test_whoever_waits_for_others_has_passed_and_may_go_first_again(alone):
    with courtesy.first():
        courtesy.passed()
        assert alone.free.is_set()
        with courtesy.first():
            assert not alone.free.is_set()
        assert alone.free.is_set()
    assert alone.free.is_set()
    courtesy.passed()
    with courtesy.first():
        assert not alone.free.is_set(), "passing twice is passing once"


def test_a_turn_goes_first_or_gives_way(asked):
    with courtesy.turn(at_once=True):
        assert courtesy._here.first
    assert asked.times == 0
    with courtesy.turn(at_once=False):
        assert not courtesy._here.first
    assert asked.times == 1


def test_few_pieces_wait_for_nobody_and_many_each_so_often(asked):
    assert list(courtesy.politely(range(PATIENT - 1), PATIENT)) == list(range(PATIENT - 1))
    assert asked.times == 0
    assert list(courtesy.politely(range(3 * PATIENT), PATIENT)) == list(range(3 * PATIENT))
    assert asked.times == 3


# -- long work gives way -------------------------------------------------------------------------------
ROWS = [{"index": number} for number in range(100)]


def test_sealing_the_numbers_of_a_batch_gives_way(asked):
    border = Border(generate(1))
    numbers = [Identifier("fee", ("stay",), f"row-{number}", str(number)) for number in range(100)]
    sealed = facts.seal(border, "ministry", numbers)
    assert len(sealed.rows) == 100
    assert asked.times == 3
    facts.seal(border, "ministry", numbers[:3])
    assert asked.times == 3


@pytest.mark.parametrize("form", ["json", "xml", "csv", "ini"])
def test_a_result_of_many_rows_gives_way_and_a_short_one_does_not(asked, form):
    result = {"id": "1", "state": "accepted", "rows": ROWS[:3]}
    short = render(result, form)
    assert asked.times == 0
    assert len(render({**result, "rows": ROWS}, form)) > len(short)
    assert asked.times == 3


def test_a_text_of_many_rows_gives_way(asked):
    assert jsontext.read(jsontext.write_readable({"rows": ROWS})) == {"rows": ROWS}
    assert asked.times == 3


def test_composing_the_result_of_a_large_file_gives_way(asked):
    assert len(compose(_story(rows=3), polite=True)["rows"]) == 3
    assert asked.times == 0
    assert len(compose(_story(rows=100), polite=True)["rows"]) == 100
    assert asked.times == 3
    assert len(compose(_story(rows=100))["rows"]) == 100
    assert asked.times == 3


def test_reading_the_answers_of_many_batches_for_a_result_gives_way(tmp_path, asked):
    bench = Bench(tmp_path)
    try:
        world = bench.world
        world.accept("A1", draft(), draft())
        assert [due.result["total"] for due in _due(bench)] == [2]
        assert asked.times == 0
        world.accept("A2", *[draft() for _ in range(8)])
        assert [due.result["total"] for due in _due(bench)] == [2, 8]
        assert asked.times == 2
    finally:
        bench.close()


def test_what_whoever_writes_may_ask_for_meanwhile_gives_nobody_way(tmp_path, asked):
    """A control file asks for results while it holds the writer: nobody who has them may let it wait."""
    bench = Bench(tmp_path)
    try:
        many = bench.world.accept("A2", *[draft() for _ in range(200)]).submission
        assert bench.world.outbox.result(many)["total"] == 200
        assert asked.times == 0
    finally:
        bench.close()


def _due(bench: Bench) -> list[DueReply]:
    bench.clock.advance(3600)
    return bench.world.outbox.due_replies(bench.clock.now(), 10)


def _story(rows: int) -> Story:
    part = Part(
        transaction="GYU102",
        state="accepted",
        code="RE0000",
        message="",
        data={},
        rows=[[index, "RE0000", "", True, {}] for index in range(rows)],
        settled_by="answer",
        attempts=1,
        row_range=(0, rows),
        wire_id="W1",
        sent_at=1,
    )
    return Story(
        id="F1",
        system="ministry",
        transaction="GYU102",
        state="accepted",
        revision=1,
        faults=(),
        warnings=(),
        expired_says="",
        received_at=1,
        finished_at=2,
        deadline_at=None,
        rows_total=rows,
        replaced_by="",
        parts=[part],
        blockers=(),
    )


# -- the writer ----------------------------------------------------------------------------------------
def test_whoever_writes_goes_first_and_gives_nobody_way_within(tmp_path, asked):
    bench = Bench(tmp_path)
    try:
        before = asked.times
        with bench.world.outbox.write():
            assert courtesy._here.first
            courtesy.give_way()
        assert not courtesy._here.first
        assert asked.times == before
    finally:
        bench.close()


# -- a lane --------------------------------------------------------------------------------------------
def test_what_a_person_waits_for_is_encoded_first(tmp_path, asked):
    bench = Bench(tmp_path)
    try:
        seen: list[bool] = []
        bench.platform.at_encode = lambda _draft: seen.append(courtesy._here.first)
        bench.drop("A1")
        bench.go()
        assert seen == [True]
        assert len(bench.platform.effects) == 1
        assert asked.times == 0
        assert not courtesy._here.first
    finally:
        bench.close()


def test_what_is_sent_in_bulk_gives_way_before_it_is_encoded_and_before_it_is_read(tmp_path, asked):
    bench = Bench(tmp_path)
    try:
        seen: list[int] = []
        bench.platform.at_encode = lambda _draft: seen.append(asked.times)
        bench.drop("A1", interactive=False)
        bench.go()
        assert seen == [1]
        assert len(bench.platform.effects) == 1
        assert asked.times == 2
    finally:
        bench.close()


# -- the transport -------------------------------------------------------------------------------------
def test_nobody_is_held_up_while_an_answer_is_waited_for(alone):
    """The server answers only when nobody goes first any more."""
    passed: list[bool] = []

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        passed.append(alone.free.wait(SOON_S))
        conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    transport = HttpTransport(TransportSettings(), SystemClock())
    try:
        with serving(script) as server:
            transport.prepare(server.url())
            with courtesy.first():
                assert transport.send(Request(server.url(), (), b"{}")).body == b"ok"
    finally:
        transport.abort()
    assert passed == [True]


def test_nobody_is_held_up_while_a_connection_is_opened(alone):
    transport = HttpTransport(TransportSettings(), SystemClock())
    try:
        with serving(Conversation.until_closed) as server, courtesy.first():
            assert not alone.free.is_set()
            transport.prepare(server.url())
            assert alone.free.is_set()
    finally:
        transport.abort()


# -- helpers and services that read codes and sign ------------------------------------------------------
def test_nobody_is_held_up_while_a_helper_is_asked(alone, monkeypatch):
    free: list[bool] = []
    helper = HelperProcess(HelperSettings("none", ("no-such-program",)), SystemClock())
    monkeypatch.setattr(
        HelperProcess, "_running", lambda _self: free.append(alone.free.is_set()) or _Answering()
    )
    with courtesy.first():
        assert helper.call("decode", {}) == "read"
        assert not alone.free.is_set(), "what comes after the answer goes first again"
    assert free == [True]
    assert alone.free.is_set()


class _Answering:
    def write(self, _line: dict[str, Any]) -> None: ...

    def read(self, _within_s: float) -> dict[str, Any]:
        return {"id": 1, "value": "read"}


def test_nobody_is_held_up_while_a_decoding_service_is_asked(alone):
    free: list[bool] = []

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        free.append(alone.free.wait(SOON_S))
        conversation.say(b"HTTP/1.1 500 Server Error\r\nContent-Length: 0\r\n\r\n")

    with serving(script) as server:
        told = DecoderSettings("http", "", (), server.url(), int(SOON_S), "01301", acquire=False)
        decoder = ServiceDecoder(told, "H1", SystemClock())
        with courtesy.first():
            with pytest.raises(NotDecoded, match="HTTP 500"):
                decoder.decode("code")
            assert not alone.free.is_set()
        decoder.close()
    assert free == [True]


# -- intake --------------------------------------------------------------------------------------------
def test_a_small_file_is_read_first_and_its_folder_then_lets_others_pass(tmp_path, asked, monkeypatch):
    bench = InboxBench(tmp_path)
    try:
        seen: list[bool] = []
        planned = bench.plugin.plan
        monkeypatch.setattr(
            type(bench.plugin),
            "plan",
            lambda _self, *given: seen.append(courtesy._here.first) or planned(*given),
        )
        bench.drop("a.json", b'{"transaction": "GYU101", "id": "1", "data": {}}')
        bench.look()
        assert seen == [True]
        assert asked.times == 0
        assert not courtesy._here.first
    finally:
        bench.close()
