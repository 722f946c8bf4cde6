"""agent.intake.folder: up to when all that a HIS put into an inbox is committed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agent.errors import StoreFull
from agent.intake.heavy import Job
from tests.unit.intake.inbox_bench import MEGABYTE, InboxBench, large_csv

RESCAN_S = 2.0
PATIENCE_S = 60.0


def refuse_claims(bench: InboxBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where another program holds every file."""

    def refuse(*_what: Any) -> None:
        raise PermissionError(13, "held by somebody")

    monkeypatch.setattr(bench.source._claims, "claim", refuse)


def test_an_inbox_is_heard_up_to_its_latest_rescan_and_not_by_hints_alone(bench: InboxBench) -> None:
    assert bench.intake.heard_until == -math.inf
    bench.step_for(0.0)
    scanned_at = bench.clock.monotonic()
    assert bench.intake.heard_until == scanned_at
    bench.step_for(RESCAN_S - 0.1)
    assert bench.intake.heard_until == scanned_at
    bench.step_for(0.1)
    assert bench.intake.heard_until == scanned_at + RESCAN_S


def test_what_lies_in_the_inbox_is_heard_once_it_is_committed(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.step_for(0.0)
    before = bench.intake.heard_until
    bench.admit("A1")
    with monkeypatch.context() as full:

        def refuse(*_arguments: Any, **_options: Any) -> None:
            raise StoreFull("磁盘已满", hint="请清理磁盘")

        full.setattr(bench.outbox, "write", refuse)
        bench.step_for(RESCAN_S)
        bench.step_for(RESCAN_S)
        assert (bench.claimed(), bench.intake.heard_until) == (["A1.json"], before)
    bench.look()
    assert bench.intake.heard_until == bench.clock.monotonic()


def test_an_inbox_is_not_heard_while_a_large_file_of_it_is_being_read(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.step_for(0.0)
    before = bench.intake.heard_until
    content = large_csv("A1", 20_000)
    assert len(content) > MEGABYTE
    bench.drop("A1.csv", content)
    with monkeypatch.context() as slow:
        slow.setattr(Job, "frame", lambda _job: None)
        bench.step_for(RESCAN_S)
        bench.step_for(RESCAN_S)
        assert (bench.claimed(), bench.intake.heard_until) == (["A1.csv"], before)
    bench.look_until_helped(bench.archived)
    bench.look()
    assert bench.intake.heard_until == bench.clock.monotonic()


def test_a_file_whose_place_is_not_known_yet_is_not_heard(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rescan found it; the hint that would give it its place is still on its way."""
    bench.step_for(0.0)
    before = bench.intake.heard_until
    monkeypatch.setattr(bench.source._inbox, "_drain", lambda _wall: None)
    bench.admit("A1")
    bench.step_for(RESCAN_S)
    assert (bench.waiting_names(), bench.intake.heard_until) == (["A1.json"], before)
    monkeypatch.undo()
    bench.look()
    assert bench.intake.heard_until > before


@pytest.mark.parametrize(("name", "heard"), [("A1.json", True), ("A1.ack", False)])
def test_a_file_that_nobody_can_take_is_waited_for_only_where_its_name_tells_a_decision(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch, name: str, heard: bool
) -> None:
    refuse_claims(bench, monkeypatch)
    bench.drop(name, {})
    bench.step_for(RESCAN_S)
    assert bench.intake.heard_until == -math.inf
    while bench.clock.monotonic() < 1000.0 + PATIENCE_S + 2 * RESCAN_S:
        bench.step_for(RESCAN_S)
    assert (bench.intake.heard_until > -math.inf) is heard


def test_an_inbox_that_cannot_be_seen_is_not_heard(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.step_for(0.0)
    before = bench.intake.heard_until

    def gone(*_what: Any) -> None:
        raise OSError(5, "the share is away")

    monkeypatch.setattr("agent.sources.inbox.os.scandir", gone)
    bench.step_for(RESCAN_S)
    assert bench.intake.heard_until == before
    monkeypatch.undo()
    bench.step_for(RESCAN_S)
    assert bench.intake.heard_until == bench.clock.monotonic()
