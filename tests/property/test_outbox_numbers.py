"""Whatever stops, fails or is restored in between: no number of a series and day is given twice."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey
from agent.errors import SerialsExhausted
from agent.events import Series
from agent.numbers import Numbers
from agent.outbox.store import SqliteOutbox

SERIES = [Series("refid", 3, daily=True), Series("bke384", 4, daily=False)]
DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(3)]


class Drawing(RuleBasedStateMachine):
    """Two nodes of one access key. Either file may be lost or set back, never both at once."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="numbers-"))
        self.given: set[tuple[str, str, int]] = set()
        self.nodes: dict[int, tuple[SqliteOutbox, Numbers]] = {}
        for node in (0, 1):
            (self.folder / str(node)).mkdir()
            self._start(node)

    def _files(self, node: int) -> tuple[Path, Path]:
        return self.folder / str(node) / "outbox.db", self.folder / str(node) / "numbers.json"

    def _start(self, node: int) -> None:
        database, marks = self._files(node)
        outbox = SqliteOutbox(database, DataKey(1, b"k" * 32), clock=ManualClock())
        self.nodes[node] = outbox, Numbers(outbox, marks, node, 2)

    def teardown(self) -> None:
        for outbox, _ in self.nodes.values():
            outbox.close()
        shutil.rmtree(self.folder)

    @rule(
        node=st.sampled_from([0, 1]),
        series=st.sampled_from(SERIES),
        day=st.sampled_from(DAYS),
        count=st.integers(1, 12),
        fails=st.booleans(),
    )
    def draw(self, node: int, series: Series, day: date, count: int, fails: bool) -> None:
        outbox, numbers = self.nodes[node]
        drawn: list[int] = []
        try:
            with outbox.write() as tx:
                for _ in range(count):
                    drawn.append(numbers.draw(series, day, tx))
                if fails:
                    raise KeyboardInterrupt
        except (KeyboardInterrupt, SerialsExhausted):
            pass
        for number in drawn:
            key = (series.name, str(day) if series.daily else "", number)
            assert key not in self.given, f"{key} was given twice"
            assert 1 <= number < 10**series.digits
            self.given.add(key)

    @rule(node=st.sampled_from([0, 1]), lost=st.sampled_from(["nothing", "database", "marks"]))
    def restart(self, node: int, lost: str) -> None:
        self.nodes[node][0].close()
        database, marks = self._files(node)
        if lost == "database":
            database.unlink()
        self._start(node)
        if lost == "database":
            self._make_good(node)
        elif lost == "marks":
            marks.unlink(missing_ok=True)
            self._make_good(node)

    def _make_good(self, node: int) -> None:
        """What one file lost comes back from the other with the next draws of each series."""
        outbox, numbers = self.nodes[node]
        for series in SERIES:
            for day in DAYS if series.daily else DAYS[:1]:
                try:
                    with outbox.write() as tx:
                        number = numbers.draw(series, day, tx)
                except SerialsExhausted:
                    continue
                key = (series.name, str(day) if series.daily else "", number)
                assert key not in self.given
                self.given.add(key)


TestDrawing = Drawing.TestCase
TestDrawing.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
