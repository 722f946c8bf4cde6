"""Latency and throughput, with bounds that a busy machine keeps and a wrong design does not."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from agent.clock import SystemClock
from tests.unit.sources.bench import Bench, names, running


def seconds_until_taken(bench: Bench, drop: Callable[[], object]) -> float:
    began = time.perf_counter()
    drop()
    bench.acknowledge(*bench.hinted(1))
    return time.perf_counter() - began


def test_claiming_and_filing_delay_no_later_file(tmp_path: Path) -> None:
    """watchdog alone holds everything back by half a second after a file has left the folder."""
    with running(tmp_path, SystemClock(), rescan_s=3600) as bench:
        bench.source.take(1)
        took = [
            seconds_until_taken(bench, lambda number=number: bench.rename(f"{number}.json"))  # type: ignore[misc]
            for number in range(10)
        ]
        assert statistics.median(took) < 0.05


def test_files_that_others_move_out_delay_no_later_file(tmp_path: Path) -> None:
    with running(tmp_path, SystemClock(), rescan_s=3600) as bench:
        bench.source.take(1)

        def move_out_and_drop(number: int) -> None:
            bench.write(f"{number}.tmp").rename(tmp_path / "out")
            bench.rename(f"{number}.json")

        took = [
            seconds_until_taken(bench, lambda number=number: move_out_and_drop(number))  # type: ignore[misc]
            for number in range(10)
        ]
        assert statistics.median(took) < 0.05


def test_ten_thousand_files_are_taken_at_once_in_less_than_a_second(tmp_path: Path) -> None:
    dropped = [f"{number}.json" for number in range(10_000)]
    with running(tmp_path, renames=True) as bench:
        bench.source.take(1)
        for name in dropped:
            bench.write(name)
        assert bench.rescan(limit=0) == []
        began = time.thread_time()
        taken = bench.source.take(10_000)
        assert time.thread_time() - began < 1.0
        assert names(taken) == dropped


def test_rescan_of_an_empty_inbox_costs_next_to_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        took = []
        for _ in range(200):
            bench.wind(2.0)
            began = time.perf_counter()
            assert bench.source.take(1) == []
            took.append(time.perf_counter() - began)
        assert statistics.median(took) < 100e-6
