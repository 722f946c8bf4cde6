"""What the outbox costs by itself, in microseconds: ``python -m bench.outbox_claims [pending]``.

Fills a database of its own with messages that wait, then measures, with all of them pending: storing one
more, the durable commit that settles a message and claims the next, claiming alone, the results that
are due, and opening after a clean close.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.clock import SystemClock
from agent.crypto.at_rest import generate
from agent.events import Draft, Hold, Outcome, Scope, Verdict
from agent.outbox.model import LaneKey, NewSubmission, ReplyAddress
from agent.outbox.store import SqliteOutbox

LANE = LaneKey("ministry", "AK-1")
CLOCK = SystemClock()
PIECE = 2000


def submission(number: int) -> NewSubmission:
    """A small message of a visit that three others share."""
    visit = Scope("visit", ("H-0001", str(number // 4)))
    institution = Scope("institution", ("H-0001",), Hold.SHARED, broad=True)
    body = {"akc190": str(number), "text": "y" * 200}
    return NewSubmission(
        event_id=f"event-{number}",
        system=LANE.system,
        transaction="GYU101",
        id=f"HIS-{number}",
        digest=b"%d" % number,
        reply=ReplyAddress("inbox", f"{number}.json"),
        received_at=CLOCK.now(),
        occurred_at=CLOCK.now(),
        drafts=(Draft("GYU101", LANE.lane, body, (visit, institution)),),
    )


def fill(outbox: SqliteOutbox, pending: int) -> float:
    """Returns the microseconds that storing one took, in commits of many."""
    news = 0.0
    for begin in range(0, pending, PIECE):
        batch = [submission(number) for number in range(begin, min(begin + PIECE, pending))]
        started = time.perf_counter()
        with outbox.write() as tx:
            for new in batch:
                tx.accept(new)
        news += time.perf_counter() - started
        print(f"\r{begin + len(batch):,} pending", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return news / pending * 1e6


def median(act: Callable[[int], object], times: int = 300) -> tuple[float, float]:
    """Median microseconds of an act, on the clock and on the processor."""
    wall, cpu = [], []
    for number in range(times):
        started, spent = time.perf_counter(), time.thread_time()
        act(number)
        wall.append((time.perf_counter() - started) * 1e6)
        cpu.append((time.thread_time() - spent) * 1e6)
    return statistics.median(wall), statistics.median(cpu)


def measure(outbox: SqliteOutbox, pending: int) -> dict[str, tuple[float, float]]:
    def accept(number: int) -> None:
        with outbox.write() as tx:
            tx.accept(submission(pending + number))

    def claim(_: int) -> None:
        with outbox.write(urgent=True) as tx:
            assert tx.head(LANE)

    with outbox.write(urgent=True) as tx:
        head = tx.head(LANE)
        assert head
        tx.begin(head.message, {"wire_id": "first"}, CLOCK.now())
    flying = [head.message]

    def deliver(number: int) -> None:
        with outbox.write(urgent=True) as tx:
            tx.settle(flying[0], Outcome(Verdict.ACCEPTED, "RE0000", data={"akc190": "1"}), CLOCK.now())
            head = tx.head(LANE)
            assert head
            flying[0] = head.message
            tx.begin(head.message, {"wire_id": str(number)}, CLOCK.now())

    def reply(_: int) -> None:
        due = outbox.due_replies(CLOCK.now(), 1)
        with outbox.write() as tx:
            tx.mark_replied([(one.reply, one.revision) for one in due])

    return {
        "accept, one commit": median(accept),
        "settle + head + begin, one commit": median(deliver),
        "head": median(claim),
        "due_replies + mark_replied, one commit": median(reply),
    }


def main() -> None:
    pending = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path, key = Path(folder) / "outbox.db", generate(1)
        outbox = SqliteOutbox(path, key, answer_within_s=1e9)
        print(f"{'accept, in commits of ' + str(PIECE):42}{fill(outbox, pending):10.0f} µs")
        for name, (wall, cpu) in measure(outbox, pending).items():
            print(f"{name:42}{wall:10.0f} µs{cpu:10.0f} µs processor")
        outbox.close()
        started = time.perf_counter()
        outbox = SqliteOutbox(path, key, answer_within_s=1e9)
        print(f"{'open after a clean close':42}{(time.perf_counter() - started) * 1e3:10.0f} ms")
        print(f"{'size per message':42}{path.stat().st_size / pending:10.0f} bytes")
        outbox.close()


if __name__ == "__main__":
    main()
