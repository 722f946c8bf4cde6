"""The options that all rehearsal servers have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.rehearsal.faults import Switch
from agent.rehearsal.serving import Common, read_common


def test_without_options_there_are_only_defaults() -> None:
    assert read_common({}, (), 7015) == Common(port=7015)


def test_all_options_are_read_whether_given_as_text_or_value() -> None:
    options = {
        "port": "0",
        "seed": 4,
        "fault": ["drop_after=every:7", "delay=seconds:2"],
        "ledger": "ledger.jsonl",
        "ready_file": Path("ready.json"),
        "own": "x",
    }
    assert read_common(options, ("own",), 7015) == Common(
        port=0,
        faults=(Switch("drop_after", every=7), Switch("delay", seconds=2.0)),
        seed=4,
        ledger=Path("ledger.jsonl"),
        ready_file=Path("ready.json"),
    )


def test_one_fault_may_be_a_plain_text() -> None:
    assert read_common({"fault": "park"}, (), 1).faults == (Switch("park"),)


@pytest.mark.parametrize(
    "options", [{"prot": 1}, {"port": "x"}, {"port": 65536}, {"seed": -1}, {"fault": "x=1"}]
)
def test_a_wrong_option_is_a_configuration_error(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_common(options, (), 7015)
    assert caught.value.hint
