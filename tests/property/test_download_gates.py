"""Pages, files, crashes and confirmations in any order: nothing is confirmed that is no file.

A platform hands out numbered pages one at a time and refuses the next while one is open; a disk is written
or not; the database is closed and opened at any moment.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.clock import ManualClock
from agent.crypto.at_rest import generate
from agent.events import Download, Draft, Scope
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import World, accepted, draft, rejected

SHELVES = ("GYD101", "GYD009")


def call(shelf: str, transaction: str, page: int, **more: Any) -> Draft:
    scope = Scope("download", (shelf,))
    settled: dict[str, Any] = {"interactive": False, "blocks": False, "blockable": False, "cancels": False}
    body = {"shelf": shelf, "page": page}
    return draft(scope, transaction=transaction, body=body, repeatable=True, **{**settled, **more})


class Gates(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        clock, key = ManualClock(), generate(1)

        def opened() -> SqliteOutbox:
            return SqliteOutbox(self.folder / "o.db", key, clock=clock, answer_within_s=20)

        self.world = World(opened(), clock, opened)
        self.on_disk: set[tuple[str, int]] = set()
        self.open: dict[str, int | None] = dict.fromkeys(SHELVES)
        self.last = dict.fromkeys(SHELVES, 0)
        self.confirmed: list[tuple[str, int]] = []

    @rule(shelf=st.sampled_from(SHELVES))
    def ask(self, shelf: str) -> None:
        new = self.world.new("", call(shelf, shelf, 0), digest=b"")
        with self.world.outbox.write() as tx:
            tx.begin_run(shelf, new)

    @rule(more=st.booleans(), taken=st.booleans())
    def exchange(self, more: bool, taken: bool) -> None:
        """The lane's next message gets its answer; feedback may be refused."""
        head = self.world.head()
        if head is None:
            return
        shelf, page = head.draft.body["shelf"], head.draft.body["page"]
        message = self.world.send()
        if head.transaction != "GYU008":
            self._hand_out(message, shelf, more=more)
        elif taken:
            assert (shelf, page) in self.on_disk, "confirmed before it was on disk"
            if self.open[shelf] == page:
                self.open[shelf] = None
                self.confirmed.append((shelf, page))
            self.world.settle(message, accepted())
        else:
            self.world.settle(message, rejected())

    def _hand_out(self, message: int, shelf: str, *, more: bool) -> None:
        page = self.open[shelf]
        fresh = page is None
        if page is None:
            self.last[shelf] += 1
            page = self.open[shelf] = self.last[shelf]
        files = (Download(shelf, f"{shelf}-{page}.json"),) if fresh else ()
        follow_ups = [call(shelf, "GYU008", page, gated=True)]
        follow_ups += [call(shelf, shelf, 0)] if more else []
        self.world.settle(message, accepted(downloads=files, follow_ups=tuple(follow_ups)))

    @rule(many=st.integers(1, 3))
    def write(self, many: int) -> None:
        for due in self.world.outbox.due_downloads(many):
            shelf, _, page = due.name.removesuffix(".json").partition("-")
            assert (shelf, int(page)) not in self.on_disk, "written twice"
            self.on_disk.add((shelf, int(page)))
            with self.world.outbox.write() as tx:
                tx.mark_downloaded([due.number])

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @precondition(lambda self: self.world.turn())
    @rule()
    def crash_on_the_wire(self) -> None:
        """What was on the wire is sent again: it is repeatable."""
        self.world.send()
        self.world.restart()

    def teardown(self) -> None:
        """Let everything end: each page that was handed out is a file and is confirmed."""
        if not hasattr(self, "world"):
            return
        for _ in range(10 * (1 + sum(self.last.values()))):
            self.write(3)
            self.exchange(more=False, taken=True)
        assert not self.world.turn()
        handed_out = {(shelf, page) for shelf in SHELVES for page in range(1, self.last[shelf] + 1)}
        refused = {(shelf, page) for shelf, page in self.open.items() if page is not None}
        assert self.on_disk == handed_out
        assert sorted(self.confirmed) == sorted(handed_out - refused)
        self.world.outbox.close()
        shutil.rmtree(self.folder)


Gates.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestGates = Gates.TestCase
