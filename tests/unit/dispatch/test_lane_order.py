"""Order, and who takes what: the serial stream, and several workers beside it."""

import sqlite3
import threading

import pytest

from agent.clock import SystemClock
from agent.dispatch.commits import Commits
from agent.dispatch.state import LaneSettings
from agent.dispatch.steps import Ask, Rest, Send
from agent.errors import MaybeSent, NotSent, StoreFull
from agent.events import Outcome, Verdict
from agent.outbox.model import State
from tests.contract.outbox_world import LANE, QUERIES
from tests.unit.dispatch.scripted import ACCEPTED, PAY, QUERY, REFUSED, TOO_OFTEN, Lost

NO_ANSWER = MaybeSent("no answer")


def rows(bench):
    return [body["row"] for code, _, body in bench.platform.sent if code in {PAY, QUERY}]


def test_messages_leave_in_the_order_of_their_commit(bench):
    for his_id in "ABCDE":
        bench.drop(his_id)
    bench.go()
    assert rows(bench) == list("ABCDE")


def test_the_till_passes_the_night_batch(bench):
    bench.drop("night", interactive=False)
    bench.drop("till")
    bench.go()
    assert rows(bench) == ["till", "night"]


def test_a_strict_lane_lets_nobody_pass(bench_of):
    bench = bench_of(settings=LaneSettings(strict=True))
    bench.drop("night", interactive=False)
    bench.drop("till")
    bench.go()
    assert rows(bench) == ["night", "till"]


@pytest.mark.parametrize("first", [NotSent("refused"), TOO_OFTEN, NO_ANSWER, Lost(NO_ANSWER)])
def test_whatever_happens_to_the_first_of_a_visit_the_second_comes_after_it(bench, first):
    bench.drop("A", about="visit")
    last = bench.drop("B", about="visit")
    bench.platform.then(first)
    bench.go_until(lambda: bench.state_of(last) == State.ACCEPTED)
    assert rows(bench)[-1] == "B"
    assert rows(bench).count("B") == 1
    assert [body["row"] for _, body in bench.platform.effects] == ["A", "B"]


# -- commits that fail -------------------------------------------------------------------------------
class FullDisk:
    """Lets SQLite itself run out of pages, and have room again."""

    def __init__(self, bench):
        self._connection = bench.world.outbox._writer.connection

    def fill(self):
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        self._connection.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self):
        self._connection.execute("PRAGMA max_page_count = 1000000")


LARGE = Outcome(Verdict.ACCEPTED, "OK", data={"text": "x" * 100_000})


def test_an_answer_that_finds_the_disk_full_is_kept_until_there_is_room(bench):
    message, other = bench.drop("A"), bench.drop("B")
    disk, waits = FullDisk(bench), []

    def answered_on_a_full_disk():
        disk.fill()
        return LARGE

    def third_time_lucky():
        waits.append(bench.state_of(message))
        if len(waits) == 3:
            disk.make_room()

    bench.clock.meanwhile = third_time_lucky
    bench.platform.then(answered_on_a_full_disk)
    bench.go()
    assert waits == [State.IN_FLIGHT] * 3
    assert (bench.state_of(message), bench.state_of(other)) == (State.ACCEPTED, State.ACCEPTED)
    assert rows(bench) == ["A", "B"]
    assert bench.world.result(1)["data"] == LARGE.data


def test_a_stop_before_there_is_room_leads_to_an_inquiry_after_the_restart(bench):
    message = bench.drop("A")
    disk = FullDisk(bench)

    def answered_on_a_full_disk():
        disk.fill()
        return LARGE

    bench.platform.then(answered_on_a_full_disk)
    bench.clock.meanwhile = bench.stopping.set
    with pytest.raises(StoreFull):
        bench.go()
    disk.make_room()
    bench.clock.meanwhile = None
    bench.restart()
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert rows(bench) == ["A"]
    assert len(bench.platform.effects) == 1


def test_a_full_disk_in_the_middle_of_an_inquiry_loses_and_skips_nothing(bench):
    message, other = bench.drop("A"), bench.drop("B")
    bench.platform.then(Lost(NO_ANSWER))
    step = bench.lane.advance(bench.claim())
    assert isinstance(step, Ask)
    ids = bench.folder / "numbers.json"
    ids.unlink()
    ids.mkdir()
    bench.numbers._counters.clear()
    rest = bench.lane.advance(step)
    assert isinstance(rest, Rest)
    assert rows(bench) == ["A"]
    ids.rmdir()
    bench.step = rest
    bench.go_until_state(other, State.ACCEPTED)
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.effects) == 2


def test_a_choice_whose_commit_fails_is_made_again_and_skips_nobody(bench, monkeypatch):
    for his_id in "ABC":
        bench.drop(his_id)
    failures = iter([True, False, True, True, False])
    connection = bench.world.outbox._writer.connection

    class Failing:
        """Refuses some commits, as a disk does."""

        def __getattr__(self, name):
            return getattr(connection, name)

        def execute(self, statement, *values):
            if statement == "COMMIT" and next(failures, False):
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                error.sqlite_errorname = "SQLITE_IOERR"
                raise error
            return connection.execute(statement, *values)

    monkeypatch.setattr(bench.world.outbox._writer, "connection", Failing())
    bench.go_until(lambda: len(bench.platform.effects) == 3)
    assert rows(bench) == list("ABC")
    assert len(set(bench.platform.wire_ids())) == 3


# -- several workers ---------------------------------------------------------------------------------
@pytest.fixture
def queries(bench_of):
    bench = bench_of(settings=LaneSettings(parallel=3), key=QUERIES)
    bench.numbers_of = [
        bench.drop(name, QUERY, harmless=True, parallel=True, blocks=False) for name in "ABCDEF"
    ]
    return bench


def test_workers_of_one_stream_never_have_the_same_message_in_hand(queries):
    workers = [queries.lane, queries.worker(), queries.worker()]
    steps = [worker.advance(Rest(0)) for worker in workers]
    assert [step.head.message for step in steps] == queries.numbers_of[:3]
    steps[0] = workers[0].advance(steps[0])
    assert [step.head.message for step in steps] == [4, 2, 3]


def test_a_worker_that_looks_while_another_one_records_does_not_take_its_message(queries, monkeypatch):
    first, second = queries.lane, queries.worker()
    step = first.advance(Rest(0))
    seen = []

    def look(act, otherwise=None):
        seen.append(second.advance(Rest(0)).head.message)
        return finish(first._commits, act, otherwise)

    finish = Commits.finish
    monkeypatch.setattr(Commits, "finish", lambda _commits, act, otherwise=None: look(act, otherwise))
    first.advance(step)
    assert seen == [2]


def test_a_query_put_off_stays_with_its_place_and_with_one_worker(queries):
    queries.platform.then(NotSent("refused"))
    queries.lane.advance(queries.lane.advance(Rest(0)))
    queries.clock.advance(queries.state.rest_s())
    others = [queries.worker().advance(Rest(0)) for _ in range(2)]
    mine = queries.lane.advance(Rest(0))
    assert sorted(step.head.message for step in [mine, *others]) == [1, 2, 3]


def test_many_threads_send_every_query_once_and_a_serial_lane_one_at_a_time(tmp_path, bench_of):
    bench = bench_of(settings=LaneSettings(parallel=4), key=QUERIES)
    for number in range(40):
        bench.drop(f"Q{number}", QUERY, harmless=True, parallel=True, blocks=False)
    bench.clock.__class__ = SystemClock
    done = threading.Event()

    def note(settled):
        bench.settled.append(settled)
        if len(bench.settled) == 40:
            done.set()

    workers = [bench.worker() for _ in range(4)]
    for worker in workers:
        worker._commits.settled = note
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    assert done.wait(30)
    bench.stopping.set()
    for worker, thread in zip(workers, threads, strict=True):
        worker.wakeup.set()
        thread.join(10)
        assert not thread.is_alive()
    assert sorted(rows(bench)) == sorted(f"Q{number}" for number in range(40))
    assert len(set(bench.platform.wire_ids(QUERY))) == 40


def test_a_refused_message_is_told_once(bench):
    bench.drop("A")
    bench.platform.then(REFUSED)
    bench.go()
    assert [(settled.state, settled.code) for settled in bench.settled] == [(State.REJECTED, "E1")]


def test_a_parallel_message_beside_a_serial_one_is_none_of_the_serial_streams_business(bench):
    bench.drop("Q", QUERY, harmless=True, parallel=True, blocks=False)
    bench.drop("A")
    bench.go()
    assert rows(bench) == ["A"]
    assert bench.world.outbox.lanes() == (QUERIES,)
    assert LANE not in bench.world.outbox.lanes()
    assert isinstance(bench.lane.advance(Rest(0)), Rest)
    assert ACCEPTED.code == bench.world.result(2)["code"]
    assert not isinstance(bench.step, Send)
