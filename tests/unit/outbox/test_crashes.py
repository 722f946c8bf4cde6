"""Killed at any instruction, the outbox opens again with all that was committed and nothing half done."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey
from agent.outbox.model import Receipt, State
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import LANE, World, accepted, draft, visit

KEY = DataKey(1, b"k" * 32)

WORKER = """
import sys
from pathlib import Path
from agent.clock import SystemClock
from agent.crypto.at_rest import DataKey
from agent.events import Draft, Outcome, Scope, Verdict
from agent.outbox.model import LaneKey, NewSubmission, ReplyAddress
from agent.outbox.store import SqliteOutbox

clock = SystemClock()
outbox = SqliteOutbox(Path(sys.argv[1]), DataKey(1, b"k" * 32), clock=clock)
lane, first = LaneKey("ministry", "AK-1"), int(sys.argv[2])
for number in range(first, first + 100_000):
    scope = Scope("visit", (str(number % 5),))
    new = NewSubmission(
        event_id=f"e{number}", system="ministry", transaction="GYU101", id=f"H{number}",
        digest=b"%d" % number, reply=ReplyAddress("inbox", f"{number}.json"),
        received_at=clock.now(), occurred_at=clock.now(),
        drafts=(Draft("GYU101", "AK-1", {"n": number}, (scope,)),),
    )
    with outbox.write() as tx:
        tx.accept(new)
    print("stored", number, flush=True)
    with outbox.write(urgent=True) as tx:
        head = tx.head(lane)
        attempt = tx.begin(head.message, {"wire_id": f"W{number}"}, clock.now())
    print("sent", head.message, flush=True)
    with outbox.write(urgent=True) as tx:
        tx.settle(head.message, Outcome(Verdict.ACCEPTED, "RE0000"), clock.now())
    print("settled", head.message, flush=True)
    due = outbox.due_replies(clock.now(), 10)
    with outbox.write() as tx:
        tx.mark_replied([(reply.reply, reply.revision) for reply in due])
    print("replied", number, flush=True)
"""


def _kill_after(path: Path, first: int, lines: int) -> list[tuple[str, int]]:
    """Let a process work and kill it, wherever it is, when it has said so many lines; what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), str(first)], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout
        said = [worker.stdout.readline() for _ in range(lines)]
        worker.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        said += worker.stdout.readlines()
    whole = [line.split() for line in said if line.endswith("\n")]
    return [(word, int(number)) for word, number in whole]


@pytest.mark.kill
def test_a_killed_process_loses_nothing_that_it_was_told_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    random.seed(20260101)
    settled: set[int] = set()
    stored = 0
    for _ in range(6):
        said = _kill_after(path, stored + 1, random.randint(1, 40))
        settled |= {number for word, number in said if word == "settled"}
        stored = max([number for word, number in said if word == "stored"], default=stored)
        sent = [number for word, number in said if word == "sent"]
        clock = ManualClock()
        outbox = SqliteOutbox(path, KEY, clock=clock)
        views = {view.message: view for view in outbox.messages(limit=100_000)}
        assert set(range(1, stored + 1)) <= {int(view.his_id[1:]) for view in views.values()}
        assert all(views[number].state is State.ACCEPTED for number in settled)
        assert all(views[number].state is not State.READY for number in sent), "an attempt is on disk"
        assert sum(view.state in {State.IN_FLIGHT, State.INQUIRING} for view in views.values()) <= 1
        stored = max(stored, *(int(view.his_id[1:]) for view in views.values()))
        world = World(outbox, clock, lambda: SqliteOutbox(path, KEY))
        while (head := world.head()) is not None:
            assert head.inquiring or head.tries == 0
            if not head.inquiring:
                world.begin(head.message)
            world.settle(head.message, accepted())
        outbox.close()


@pytest.mark.parametrize("step", ["accept", "begin", "settle", "stage", "mark"])
def test_files_copied_in_the_middle_of_a_commit_open_as_before_it(tmp_path: Path, step: str) -> None:
    """What a loss of power leaves: whatever is in the files before the commit returned."""
    path, clock = tmp_path / "a" / "outbox.db", ManualClock()
    world = World(SqliteOutbox(path, KEY, clock=clock), clock, lambda: SqliteOutbox(path, KEY, clock=clock))
    for number in range(3):
        world.message(f"A{number}", draft(visit("v1")))
    world.deliver(accepted())
    sent = world.send() if step == "settle" else world.turn()
    new = world.new("B", draft(visit("v2")))
    due = world.outbox.due_replies(clock.now(), 10)
    copy = tmp_path / "b"
    with world.outbox.write() as tx:
        match step:
            case "accept":
                tx.accept(new)
            case "begin":
                tx.begin(sent, {"wire_id": "W9"}, clock.now())
            case "settle":
                tx.settle(sent, accepted(), clock.now())
            case "stage":
                tx.extend(tx.stage(new).submission, [draft(visit(f"s{n}")) for n in range(200)])
            case _:
                tx.mark_replied([(reply.reply, reply.revision) for reply in due])
        shutil.copytree(path.parent, copy)
    world.outbox.close()
    after = SqliteOutbox(copy / path.name, KEY, clock=clock)
    world.outbox = after
    assert len(after.messages()) == 3
    assert world.state(sent) is (State.INQUIRING if step == "settle" else State.READY)
    assert after.due_replies(clock.now(), 10) == due
    assert world.take(new).receipt is Receipt.STORED, "its event is taken in anew"
    assert after.lanes() == (LANE,)
    after.close()


def test_a_log_cut_off_anywhere_opens_with_a_whole_number_of_commits(tmp_path: Path) -> None:
    path, clock = tmp_path / "a" / "outbox.db", ManualClock()
    outbox = SqliteOutbox(path, KEY, clock=clock)
    world = World(outbox, clock, lambda: outbox)
    for number in range(12):
        world.accept(f"A{number}", draft(visit("v1")), draft(visit("v2")))
    size = path.with_name("outbox.db-wal").stat().st_size
    seen = set()
    for cut in range(0, size, size // 23):
        copy = tmp_path / f"cut-{cut}"
        shutil.copytree(path.parent, copy)
        with (copy / "outbox.db-wal").open("r+b") as log:
            log.truncate(cut)
        (copy / "outbox.db-shm").unlink()
        opened = SqliteOutbox(copy / path.name, KEY, clock=clock)
        messages = opened.messages(limit=1000)
        assert len(messages) % 2 == 0, "a submission is there with all its messages or not at all"
        assert [m.his_id for m in messages] == [f"A{n}" for n in range(len(messages) // 2) for _ in "ab"][
            ::-1
        ]
        seen.add(len(messages))
        opened.close()
    assert len(seen) > 5, "the cuts fell between different commits"
    outbox.close()
