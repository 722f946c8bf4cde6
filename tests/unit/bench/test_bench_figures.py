"""Medians, percentiles and targets of the bench."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import Target, percentile, ratio
from bench.report import save, targets, text
from bench.syncs import count_syncs


@pytest.mark.parametrize(("part", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.991, 100)])
def test_percentile_is_the_smallest_value_that_the_part_does_not_exceed(part: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), part) == expected


def test_percentile_of_few_values_is_one_of_them() -> None:
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([1.0, 2.0, 9.0], 0.99) == 9.0


def test_ratio_compares_neighbours_not_medians() -> None:
    assert ratio([10, 20, 90], [10, 40, 100]) == 0.9


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (Target("x", 0.8, 0.8, at_least=True), True),
        (Target("x", 0.79, 0.8, at_least=True), False),
        (Target("x", 8.0, 8.0), True),
        (Target("x", 8.1, 8.0), False),
    ],
)
def test_bound_itself_is_reached(target: Target, reached: bool) -> None:
    assert target.reached is reached


FINDINGS = {
    "machine": "a machine",
    "rounds": 3,
    "plain 0 ms": {"a": [1000.0] * 3, "a'": [5000.0] * 3, "b": [600.0] * 3, "c": [700.0, 850.0, 900.0]},
    "idle": {
        "p50": [5.0, 6.0, 7.0],
        "p99": [20.0, 31.0, 40.0],
        "daemon_mb": [50.0] * 3,
        "helpers_mb": [11.0] * 3,
        "cpu_percent": [0.1] * 3,
    },
    "syncs": {"database": 1.25},
}


def test_report_judges_what_was_measured_and_nothing_else() -> None:
    judged = {target.name: target.reached for target in targets(FINDINGS)}
    assert judged == {
        "plain 0 ms: c / a": True,
        "rename to first byte, p50": True,
        "rename to first byte, p99": False,
        "resident memory, helpers included": False,
        "CPU when idle": True,
    }


def test_report_shows_medians_ratios_and_misses() -> None:
    shown = text(FINDINGS)
    assert "(c)  the agent, file to result" in shown
    assert "0.85" in shown
    assert "1.25" in shown
    assert shown.count("MISSED") == 2


def test_report_is_kept_with_its_judgement(tmp_path: Path) -> None:
    save(FINDINGS, tmp_path / "result.json")
    assert '"measured": 0.85' in (tmp_path / "result.json").read_text("utf-8")


def test_only_syncs_within_the_run_are_counted_and_by_what_is_synced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "results").mkdir(parents=True)
    trace = tmp_path / "trace"
    trace.write_text(
        "\n".join(
            [
                f"7 99.9 fdatasync(4<{data}/outbox.db-wal>) = 0",
                f"7 100.1 fdatasync(4<{data}/outbox.db-wal>) = 0",
                f"9 100.2 fsync(5<{data}/results/plain/a.json.tmp>) = 0",
                f"9 100.3 fsync(6<{data}/results>) = 0",
                f"7 100.4 fdatasync(4<{data}/outbox.db>) = 0",
                "7 100.5 +++ exited with 0 +++",
                f"7 100.6 fsync(6<{data}/results> <unfinished ...>",
                f"7 200.1 fdatasync(4<{data}/outbox.db-wal>) = 0",
            ]
        )
    )
    counted = count_syncs(trace, 100, 200, data, messages=2)
    assert counted == {"database": 1.0, "folder results": 1.0, "file in results": 0.5}


def test_a_till_is_judged_by_the_median_of_its_rounds() -> None:
    rounds = {"payments": [200.0, 210.0, 220.0], "p50": [9.0, 10.0, 11.0], "most": [50.0, 60.0, 300.0]}

    def told(*p99: float) -> dict[str, object]:
        series = {f"upload scanner {name}": values for name, values in {**rounds, "p99": list(p99)}.items()}
        return {"machine": "a machine", "rounds": 3, "till": series}

    (target,) = targets(told(40.0, 60.0, 250.0))
    assert (target.name, target.measured) == ("scan to first byte of ST007, upload scanner p99", 60.0)
    assert target.reached
    assert not targets(told(40.0, 61.0, 62.0))[0].reached
    (line,) = [line for line in text(told(40.0, 60.0, 250.0)).splitlines() if line.startswith("upload")]
    assert line.split() == ["upload", "scanner", "630", "10.0", "60.0", "40", "60", "250", "300.0"]
