"""Helper processes: real processes that answer, refuse, hang, die and talk nonsense."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import agent.helpers
from agent.backoff import Backoff
from agent.clock import Clock, ManualClock, SystemClock
from agent.demo.processes import eventually
from agent.errors import HelperDied, HelperRefused, HelperTimedOut, HelperUnavailable
from agent.helpers.client import HelperProcess
from agent.helpers.process import HelperSettings

ODD = Path(__file__).with_name("odd_helper.py")


def odd(*arguments: str, clock: Clock | None = None, start_within_s: float = 20.0) -> HelperProcess:
    settings = HelperSettings("odd", (sys.executable, str(ODD), *arguments), start_within_s=start_within_s)
    return HelperProcess(settings, clock or SystemClock(), Backoff(first_s=0.0, cap_s=0.0))


@pytest.fixture
def helper() -> Iterator[HelperProcess]:
    helper = odd()
    yield helper
    helper.close()


def test_a_call_returns_the_value_and_the_process_stays_for_the_next(helper: HelperProcess) -> None:
    first = helper.call("add", {"a": 1, "b": 2})
    second = helper.call("add", {"a": 20, "b": 22})
    assert (first["sum"], second["sum"]) == (3, 42)
    assert first["process"] == second["process"] == helper.process_id


def test_chinese_survives_whatever_the_code_page(helper: HelperProcess) -> None:
    assert helper.call("add", {"a": "张㐀", "b": "𠀀\n"})["sum"] == "张㐀𠀀\n"


def test_a_refusal_carries_the_librarys_number_and_costs_no_restart(helper: HelperProcess) -> None:
    helper.call("add", {"a": 1, "b": 1})
    before = helper.process_id
    with pytest.raises(HelperRefused) as caught:
        helper.call("refuse", {})
    assert (caught.value.reason, caught.value.number) == ("driver", -2201)
    assert "-2201" in str(caught.value)
    assert helper.process_id == before


def test_a_defect_of_the_helper_is_refused_without_its_text(helper: HelperProcess) -> None:
    with pytest.raises(HelperRefused) as caught:
        helper.call("fail", {})
    assert caught.value.reason == "defect"
    assert "张三" not in f"{caught.value!r} {caught.value} {caught.value.details}"


def test_an_unknown_call_is_refused(helper: HelperProcess) -> None:
    with pytest.raises(HelperRefused, match="unknown_call"):
        helper.call("subtract", {})


def test_what_the_library_prints_does_not_disturb_the_protocol(helper: HelperProcess) -> None:
    assert helper.call("chatter", {}) == "quiet"
    assert helper.call("chatter", {}) == "quiet"


def test_a_helper_that_dies_costs_one_call(helper: HelperProcess) -> None:
    with pytest.raises(HelperDied):
        helper.call("die", {})
    assert helper.process_id is None
    assert helper.call("add", {"a": 1, "b": 2})["sum"] == 3


def test_a_helper_that_dies_between_calls_costs_none(helper: HelperProcess) -> None:
    helper.call("add", {"a": 1, "b": 2})
    process = psutil.Process(helper.process_id)
    process.kill()
    process.wait(10)
    assert helper.call("add", {"a": 1, "b": 2})["sum"] == 3


def test_a_call_that_hangs_is_ended_and_the_next_one_answered(helper: HelperProcess, tmp_path: Path) -> None:
    helper.call("add", {"a": 0, "b": 0})
    with pytest.raises(HelperTimedOut):
        helper.call("hang", {"mark": str(tmp_path / "hung")}, within_s=0.3)
    assert helper.process_id is None
    hung = (tmp_path / "hung").read_text()
    assert not psutil.pid_exists(int(hung))
    assert helper.call("add", {"a": 1, "b": 2})["sum"] == 3


def test_a_line_beyond_the_limit_is_no_answer(helper: HelperProcess) -> None:
    assert len(helper.call("spoil", {"length": 100_000})) == 100_000
    with pytest.raises(HelperDied):
        helper.call("spoil", {"length": 1_100_000})


@pytest.mark.parametrize(
    ("mode", "error", "says"),
    [
        ("missing", HelperUnavailable, "装不上厂商的库"),
        ("garbage", HelperDied, "不是约定的格式"),
        ("future", HelperUnavailable, "协议版本"),
    ],
)
def test_a_helper_that_cannot_serve_says_why(mode: str, error: type[Exception], says: str) -> None:
    helper = odd(mode)
    with pytest.raises(error, match=says):
        helper.call("add", {"a": 1, "b": 2})
    helper.close()


def test_a_helper_that_never_greets_is_ended() -> None:
    helper = odd("deaf", start_within_s=0.2)
    with pytest.raises(HelperTimedOut):
        helper.call("add", {"a": 1, "b": 2})
    assert helper.process_id is None


def test_a_helper_that_reads_nothing_costs_a_long_call_its_time_limit_only() -> None:
    # More than any pipe holds: writing it never ends.
    helper = odd("unread")
    with pytest.raises(HelperTimedOut):
        helper.call("add", {"a": "x" * 4_000_000, "b": ""}, within_s=0.5)
    assert helper.process_id is None
    helper.close()


def test_failures_in_a_row_pause_the_next_start_until_the_clock_allows_it() -> None:
    clock = ManualClock()
    helper = HelperProcess(
        HelperSettings("odd", (sys.executable, str(ODD), "missing")), clock, Backoff(first_s=8.0)
    )
    with pytest.raises(HelperUnavailable, match="装不上"):
        helper.call("add", {})
    with pytest.raises(HelperUnavailable, match="稍后自动重新启动"):
        helper.call("add", {})
    clock.advance(8.0)
    with pytest.raises(HelperUnavailable, match="装不上"):
        helper.call("add", {})
    clock.advance(4.0)  # the second pause is at least as long as half of 16 s
    with pytest.raises(HelperUnavailable, match="稍后自动重新启动"):
        helper.call("add", {})


def test_a_command_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    helper = HelperProcess(HelperSettings("none", (str(tmp_path / "none.exe"),)), SystemClock())
    with pytest.raises(HelperUnavailable, match="无法启动"):
        helper.call("add", {})


def test_calls_from_many_threads_take_turns(helper: HelperProcess) -> None:
    sums: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: sums.append(helper.call("add", {"a": n, "b": n})["sum"]))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(sums) == [2 * n for n in range(20)]


def test_a_closed_helper_is_gone_and_stays_so(helper: HelperProcess) -> None:
    helper.call("add", {"a": 1, "b": 2})
    process = psutil.Process(helper.process_id)
    helper.close()
    assert not process.is_running()
    with pytest.raises(HelperUnavailable, match="已停用"):
        helper.call("add", {})


def test_closing_ends_a_call_under_way(helper: HelperProcess, tmp_path: Path) -> None:
    mark, ended = tmp_path / "hung", []

    def call() -> None:
        with pytest.raises(HelperDied) as caught:
            helper.call("hang", {"mark": str(mark)}, within_s=600)
        ended.append(caught.value.code)

    caller = threading.Thread(target=call)
    caller.start()
    eventually(mark.exists, "the call under way")
    helper.close()
    caller.join(20)
    assert ended == ["helper_died"]
    assert helper.process_id is None


def test_closing_ends_a_start_under_way() -> None:
    deaf, ended = odd("deaf", start_within_s=600), []

    def call() -> None:
        with pytest.raises(HelperDied) as caught:
            deaf.call("add", {})
        ended.append(caught.value.code)

    caller = threading.Thread(target=call)
    caller.start()
    eventually(lambda: deaf.process_id is not None, "the process")
    deaf.close()
    caller.join(20)
    assert ended == ["helper_died"]


def test_a_helper_ends_when_its_agent_is_gone_even_within_a_call(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(ODD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        call = {"id": 1, "call": "hang", "arguments": {"mark": str(tmp_path / "hung")}}
        process.stdin.write(json.dumps(call).encode("ascii") + b"\n")
        process.stdin.close()
        assert process.wait(20) == 0


def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    documentation = agent.helpers.__doc__ or ""
    found = re.search(r"A whole helper::\n\n(.*?)\n\nand its use::", documentation, re.DOTALL)
    assert found
    example = tmp_path / "adder.py"
    example.write_text("\n".join(line[4:] for line in found[1].splitlines()))
    adder = HelperProcess(HelperSettings("adder", (sys.executable, str(example))), SystemClock())
    assert adder.call("add", {"a": 1, "b": 2}) == {"sum": 3}
    with pytest.raises(HelperRefused, match="negative -1"):
        adder.call("add", {"a": 1, "b": -2})
    adder.close()


def test_serving_needs_nothing_of_the_agent() -> None:
    script = "import sys, agent.helpers.serving; print([n for n in sys.modules if n.startswith('agent.')])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=ODD.parents[3]
    )
    assert done.stdout.strip() == "['agent.helpers', 'agent.helpers.serving']"
