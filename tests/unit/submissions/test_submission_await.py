"""agent.submissions.awaiting: what a HIS may write in ``await``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.events import Wait, WaitItem
from agent.submissions.awaiting import Unfit, read_wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {"scan": "tracecode", "station": "till-1", "timeout_s": 60}


def test_everything_that_may_be_written_is_read() -> None:
    told = {**GOOD, "items": [{"row": 0, "count": 2, "drug": "8123456"}, {"row": 3, "count": 1}]}
    items = (WaitItem(0, 2, "8123456"), WaitItem(3, 1))
    assert read_wait(told, NOW) == Wait("tracecode", "till-1", 60, items)


def test_a_csv_header_writes_it_as_json_text() -> None:
    assert read_wait('{"scan": "card", "station": "一号窗口"}', NOW) == Wait("card", "一号窗口", 120)


@pytest.mark.parametrize(
    "change",
    [
        {"scan": "barcode"},
        {"scan": None},
        {"station": ""},
        {"station": "till 1"},
        {"timeout_s": 0},
        {"timeout_s": True},
        {"timeout_s": 3601},
        {"timeout_s": "60"},
        {"colour": 1},
        {"items": {}, "scan": "tracecode", "timeout_s": 1.5},
        {"items": [{"row": 0}]},
        {"items": [{"row": -1, "count": 1}]},
        {"items": [{"row": 0, "count": 0}]},
        {"items": [{"row": 0, "count": 1, "drug": "12"}]},
        {"items": [{"row": 0, "count": 1}, {"row": 0, "count": 1}]},
        {"items": [{"row": 0, "count": 1}], "scan": "card"},
    ],
)
def test_what_is_written_otherwise_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unfit) as refused:
        read_wait({**GOOD, **change}, NOW)
    assert refused.value.rule == "await_form"


@pytest.mark.parametrize("value", [1, [], "scan", "[1]"])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        read_wait(value, NOW)
