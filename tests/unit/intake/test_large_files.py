"""Large files: the real helper process, its death, a full disk on the way, and who may pass meanwhile."""

import sys

import pytest
import structlog

from agent import courtesy
from agent.errors import StoreFull
from agent.intake import heavy, preparing
from agent.intake.frames import frames_of, write_frame
from agent.intake.items import Item, passing
from agent.outbox.model import NewSubmission, Receipt, ReplyAddress, State
from agent.outbox.transaction import SqliteTransaction
from agent.sources import SourceError
from agent.sources.base import Claimed, ClaimKind
from tests.contract.outbox_world import draft, institution, query, visit
from tests.unit.intake.inbox_bench import LANE, START, large_csv

ROWS = 3000
BATCHES = 6
QUESTION = {
    "transaction": "GYD052",
    "id": "CARD-1",
    "data": {"aaz500": "519900019", "aaz501": "5199", "aac002": "519900199901011234", "aac003": "测试甲"},
}


@pytest.fixture
def large(bench, monkeypatch):
    """An inbox in which a large file lies; no larger than a quick test needs."""
    monkeypatch.setattr(preparing, "HEAVY_BYTES", 100_000)
    bench.drop("fees.csv", large_csv("F1", ROWS))
    return bench


PAUSING = """
import os, sys, time
from agent.cli.read_file import _build
from agent.intake import reader

OUT = sys.stdout.buffer

class Pausing:
    frames = 0
    def write(self, data):
        while self.frames >= 4 and not os.path.exists(GO):
            time.sleep(0.005)
        return OUT.write(data)
    def flush(self):
        self.frames += 1
        OUT.flush()

reader.CHUNK = 1
reader.serve(sys.stdin.buffer, Pausing(), _build)
"""


class Halfway:
    """A large file of which the real helper has said the half, and says the rest when it is let."""

    def __init__(self, bench, monkeypatch):
        self.bench = bench
        self._go = bench.root / "go"
        helper_of(monkeypatch, f"GO = {str(self._go)!r}\n{PAUSING}")
        bench.look_until_helped(lambda: bench.outbox.counts() == {(LANE.lane, "staging"): 3})

    @property
    def job(self):
        return self.bench.intake._queue[0].job

    def go_on(self):
        self._go.touch()


@pytest.fixture
def halfway(large, monkeypatch):
    return Halfway(large, monkeypatch)


def finished(bench):
    return "fees.csv" not in bench.claimed() + bench.waiting_names()


def states(bench):
    return [view.state for view in bench.messages()]


def test_a_large_file_is_read_by_the_helper_and_stored_whole_and_in_order(large):
    large.look_until_helped(lambda: finished(large))
    assert large.transactions() == ["GYU102"] * BATCHES
    assert set(states(large)) == {State.READY}
    assert large.result(1)["total"] == ROWS
    assert large.archived() == ["fees.csv"]


def test_each_part_of_it_gives_way_to_a_till_before_it_is_stored(large, monkeypatch):
    gave_way = []
    monkeypatch.setattr(courtesy, "give_way", lambda: gave_way.append(courtesy._here.first))
    large.look_until_helped(lambda: finished(large))
    assert large.transactions() == ["GYU102"] * BATCHES
    assert len(gave_way) > BATCHES
    assert not any(gave_way)


def test_its_lane_is_woken_though_nothing_else_was_dropped(large):
    large.look_until_helped(lambda: finished(large))
    assert large.woken == {LANE}


def test_nothing_of_it_is_to_be_sent_before_all_of_it_is_stored(large, halfway):
    def turn():
        with large.outbox.write() as tx:
            return tx.head(LANE)

    assert turn() is None
    assert large.woken == set()
    halfway.go_on()
    large.look_until_helped(lambda: finished(large))
    assert turn() is not None


def test_an_invalid_large_file_is_answered_with_its_faults(bench):
    content = large_csv("F1", 6000).replace(b"MX000007,02,", b"MX000007,99999999999,")
    bench.drop("fees.csv", content)
    bench.look_until_helped(lambda: finished(bench))
    result = bench.result(1)
    assert result["state"] == "invalid"
    assert any("/7/" in error["pointer"] for error in result["errors"])
    assert bench.rejected() == ["fees.csv"]


def test_only_queries_pass_while_it_is_read_and_the_others_follow_in_order(large):
    large.admit("A1")
    large.drop("card.json", QUESTION)
    large.admit("B2")
    large.look_until_helped(large.messages)
    large.look_until_helped(lambda: finished(large))
    large.look()
    committed = sorted(large.messages(), key=lambda view: view.submission)
    assert [view.transaction for view in committed if view.transaction != "GYU102"] == [
        "GYD052",
        "GYU101",
        "GYU101",
    ]
    first = {view.his_id: view.submission for view in reversed(committed)}
    assert first["F1"] < first["A1"] < first["B2"]


# -- the helper dies ---------------------------------------------------------------------------------
def helper_of(monkeypatch, script):
    """Another program in the helper's place."""
    monkeypatch.setattr(heavy, "helper_command", lambda: [sys.executable, "-c", script])


FRAMES = "import struct, sys, json\ndef put(frame):\n    raw = json.dumps(frame).encode()\n    \
sys.stdout.buffer.write(struct.pack('>I', len(raw)) + raw); sys.stdout.buffer.flush()\n"


def test_a_helper_that_dies_at_once_leaves_a_clear_answer_and_the_id_free(large, monkeypatch):
    with monkeypatch.context() as broken:
        helper_of(broken, "raise SystemExit(3)")
        large.look_until_helped(lambda: finished(large))
    result = large.result(1)
    assert (result["state"], [error["rule"] for error in result["errors"]]) == ("invalid", ["reader_failed"])
    assert large.rejected() == ["fees.csv"]
    large.drop("again.csv", large_csv("F1", ROWS))
    large.look_until_helped(lambda: len(large.archived()) == 1)
    assert set(states(large)) == {State.READY}
    assert len(states(large)) == BATCHES


def test_a_helper_that_is_killed_halfway_leaves_no_half_of_the_file(large, halfway, monkeypatch):
    halfway.job._process.kill()
    large.look_until_helped(lambda: finished(large))
    result = large.result(1)
    assert (result["state"], [error["rule"] for error in result["errors"]]) == ("invalid", ["reader_failed"])
    assert large.messages() == []
    assert large.rejected() == ["fees.csv"]
    large.write_results()
    halfway.go_on()
    large.drop("again.csv", large_csv("F1", ROWS))
    large.look_until_helped(lambda: len(large.archived()) == 1)
    assert states(large) == [State.READY] * BATCHES


def test_a_helper_that_breaks_off_within_a_frame_is_answered(large, monkeypatch):
    helper_of(monkeypatch, "import sys; sys.stdout.buffer.write(b'\\0\\0\\1\\0{'); sys.stdout.flush()")
    large.look_until_helped(lambda: finished(large))
    assert [error["rule"] for error in large.result(1)["errors"]] == ["reader_failed"]


def test_a_helper_that_talks_nonsense_is_answered_and_ended(large, monkeypatch):
    helper_of(monkeypatch, FRAMES + "put({'drafts': []})\nimport time\ntime.sleep(600)")
    large.look_until_helped(lambda: finished(large))
    assert [error["rule"] for error in large.result(1)["errors"]] == ["reader_failed"]


def test_a_failure_after_whole_submissions_keeps_them_and_is_answered_once(bench, monkeypatch, tmp_path):
    """The frames of a real file with two visits, broken off between them."""
    frames = tmp_path / "frames"
    bench.drop("fees.csv", large_csv("F1", 6000))
    whole = _frames_of_two_submissions(bench)
    with frames.open("wb") as pipe:
        for frame in whole:
            write_frame(pipe, frame)
    said = f"sys.stdout.buffer.write(open({str(frames)!r}, 'rb').read())"
    script = f"import sys\n{said}\nsys.stdout.flush()\nraise SystemExit(9)"
    helper_of(monkeypatch, script)
    bench.look_until_helped(lambda: finished(bench))
    assert bench.result(1)["state"] == "queued"
    assert [error["rule"] for error in bench.result(2)["errors"]] == ["reader_failed"]
    assert bench.rejected() == ["fees.csv"]


def _frames_of_two_submissions(bench):
    new = NewSubmission(
        event_id="",
        system="ministry",
        transaction="GYU102",
        id="F1@V1",
        digest=b"1",
        reply=ReplyAddress("till", "fees.csv"),
        received_at=START,
        occurred_at=START,
        drafts=(draft(visit("V1"), lane=LANE.lane),),
    )
    frames = list(frames_of(new, 20))
    frames[0]["begin"]["event_id"] = "first-of-two"
    return frames


# -- the disk ----------------------------------------------------------------------------------------
def test_a_full_disk_in_the_middle_loses_no_row_and_doubles_none(large, halfway):
    connection = large.outbox._writer.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    halfway.go_on()
    large.look_until_helped(lambda: large.intake._again_at > large.clock.monotonic())
    for _ in range(6):
        large.intake.step()
        large.clock.advance(1)
    assert not finished(large)
    connection.execute("PRAGMA max_page_count = 1000000")
    large.look_until_helped(lambda: finished(large))
    rows = connection.execute("SELECT row_from, row_to FROM message ORDER BY position").fetchall()
    assert [tuple(row) for row in rows] == [(n * 500, n * 500 + 500) for n in range(BATCHES)]


def test_a_commit_that_fails_at_the_end_publishes_once(large, monkeypatch):
    original, failures = SqliteTransaction.publish, iter([True, True, False])

    def publish(tx, submission):
        done = original(tx, submission)
        if next(failures, False):
            raise StoreFull("no room")
        return done

    monkeypatch.setattr(SqliteTransaction, "publish", publish)
    large.look_until_helped(lambda: finished(large))
    assert states(large) == [State.READY] * BATCHES
    assert [accepted.receipt for _, accepted in large.told] == [Receipt.STORED]


def test_a_restart_in_the_middle_reads_the_file_anew(large, halfway):
    large.restart()
    assert large.messages() == []
    halfway.go_on()
    large.look_until_helped(lambda: finished(large))
    assert states(large) == [State.READY] * BATCHES


def test_a_thread_that_fails_in_the_middle_goes_on_where_it_was(large, halfway, monkeypatch):
    def fail(_limit):
        raise SystemError

    with monkeypatch.context() as broken:
        broken.setattr(large.source, "take", fail)
        with pytest.raises(SystemError):
            large.intake.run()
    large.source.start()
    halfway.go_on()
    large.look_until_helped(lambda: finished(large))
    assert states(large) == [State.READY] * BATCHES
    assert [accepted.receipt for _, accepted in large.told] == [Receipt.STORED]


def test_a_large_file_that_the_helper_cannot_read_now_is_offered_again(large, monkeypatch):
    with monkeypatch.context() as locked:
        helper_of(locked, FRAMES + "put({'unreadable': 13})")
        large.look_until_helped(lambda: large.source._held == {} and "fees.csv" in large.waiting_names())
    assert large.messages() == []
    large.look_until_helped(lambda: finished(large))
    assert states(large) == [State.READY] * BATCHES


def test_a_large_file_that_stays_unreadable_is_refused_in_time_and_told_to_the_log_once(large, monkeypatch):
    helper_of(monkeypatch, FRAMES + "put({'unreadable': 13})")
    with structlog.testing.capture_logs() as lines:
        large.look_until_helped(lambda: list(large.settings.rejected.glob("*")))
    told = [line for line in lines if line["event"] == "a claimed file cannot be read now"]
    assert [line["errno"] for line in told] == [13]
    assert [error["rule"] for error in large.result(1)["errors"]] == ["incomplete_file"]


def test_a_machine_that_starts_no_process_now_is_waited_for(large, monkeypatch):
    with monkeypatch.context() as exhausted:
        exhausted.setattr(heavy, "helper_command", lambda: ["/nonexistent/helper"])
        for _ in range(3):
            large.step_for(2.1)
        assert large.messages() == []
        assert not finished(large)
    large.look_until_helped(lambda: finished(large))
    assert states(large) == [State.READY] * BATCHES


def test_a_stop_ends_the_helper(large, halfway):
    job = halfway.job
    large.stopping.set()
    large.intake.run()
    assert job._process.poll() is not None
    assert not job._pump.is_alive()


# -- who may pass ------------------------------------------------------------------------------------
def item(number, *drafts, kind=ClaimKind.FILE, is_heavy=False, **more):
    claimed = Claimed(f"e{number}", "x.json", START, 1, START, START, kind)
    if is_heavy or kind is ClaimKind.CONTROL:
        return Item(claimed, heavy=is_heavy)
    new = NewSubmission(
        event_id=f"e{number}",
        system="ministry",
        transaction="",
        id=str(number),
        digest=b"",
        reply=ReplyAddress("till", "x.json"),
        received_at=START,
        occurred_at=START,
        drafts=drafts,
        **more,
    )
    return Item(claimed, (new,))


HEAVY = item(0, is_heavy=True)
FEES = item(1, draft(visit("V1"), institution()))


def test_queries_pass_a_large_file_and_what_changes_something_does_not():
    question = item(2, query(visit("V9")))
    assert passing([HEAVY, FEES, question]) == [question]


def test_a_query_waits_for_the_small_file_before_it_that_changes_what_it_asks_about():
    same, other = item(2, query(visit("V1"))), item(3, query(visit("V2")))
    assert passing([HEAVY, FEES, same, other]) == [other]


def test_a_query_that_is_to_go_now_waits_for_none():
    question = item(2, query(visit("V1")), now=True)
    assert passing([HEAVY, FEES, question]) == [question]


def test_a_shared_institution_keeps_no_query_waiting():
    question = item(2, query(visit("V2"), institution()))
    assert passing([HEAVY, FEES, question]) == [question]


@pytest.mark.parametrize("link", [{"after": "1"}, {"replaces": "1"}])
def test_a_query_that_names_another_submission_passes_nothing(link):
    assert passing([HEAVY, item(2, query(visit("V2")), **link)]) == []


def test_control_files_pass_nothing():
    assert passing([HEAVY, item(2, kind=ClaimKind.CONTROL)]) == []
    assert SourceError.retry
