"""Whatever is dropped however, taken, given back, filed or cut short by crashes: every file becomes
durable exactly once, and in the order in which it came."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sources import Claimed
from tests.unit.sources.bench import Bench, files, running

ACTS = st.one_of(
    st.tuples(st.just("rename"), st.integers(1, 3)),
    st.tuples(st.just("write"), st.integers(1, 3)),
    st.tuples(st.just("take"), st.integers(1, 4)),
    st.tuples(st.just("take and give back"), st.integers(1, 4)),
    st.tuples(st.just("take and crash"), st.integers(1, 4)),
    st.tuples(st.just("commit and crash"), st.integers(1, 4)),
    st.tuples(st.just("wind"), st.sampled_from([0, 1, 2, 20])),
    st.tuples(st.just("crash"), st.just(0)),
)


class Story:
    """A folder, what was dropped into it, and a ledger in the place of the outbox."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.dropped: list[str] = []
        self.ledger: dict[str, str] = {}

    def act(self, act: str, count: int) -> None:
        if act in ("rename", "write"):
            for _ in range(count):
                name = f"{len(self.dropped)}.json"
                (self.bench.rename if act == "rename" else self.bench.write)(name, name.encode())
                self.dropped.append(name)
        elif act == "wind":
            self.bench.wind(count / 4)
        elif act == "crash":
            self.restart()
        else:
            self.take(act, count)

    def take(self, act: str, count: int) -> None:
        claims = self.bench.source.take(count)
        if act == "take and give back":
            for claimed in claims:
                self.bench.source.give_back(claimed)
            return
        durable = claims[: len(claims) // 2] if act == "take and crash" else claims
        for claimed in durable:
            self.commit(claimed)
        if act in ("take and crash", "commit and crash"):
            self.bench.acknowledge(*claims[: len(durable) // 2])
            self.restart()
        else:
            self.bench.acknowledge(*claims)

    def restart(self) -> None:
        self.bench.wind(0.001)
        self.bench.restart()

    def commit(self, claimed: Claimed) -> None:
        content = self.bench.source.read(claimed).decode()
        assert content == claimed.name
        assert not claimed.incomplete
        self.ledger.setdefault(claimed.event_id, content)

    def finish(self) -> None:
        for _ in range(100):
            self.take("take", 100)
            if len(self.ledger) == len(self.dropped) and len(files(self.bench.inbox)) == 0:
                break
            if not self.bench.source.wakeup.wait(0.02):
                self.bench.wind(max(0.01, self.bench.source.due_in()))


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=14))
def test_every_file_becomes_durable_exactly_once_and_in_order(acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as root, running(Path(root)) as bench:
        story = Story(bench)
        for act, count in acts:
            story.act(act, count)
        story.finish()
        assert list(story.ledger.values()) == story.dropped
        assert list(story.ledger) == sorted(story.ledger)
        filed = [Path(name).name for name in files(Path(root) / "archive")] if story.dropped else []
        assert sorted(filed) == sorted(story.dropped)
