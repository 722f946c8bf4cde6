"""Routing: to what waits, else to a transaction, else to a file; never nowhere."""

from __future__ import annotations

import pytest

from agent.devices.classify import CodeTable, classify
from agent.devices.model import ScanVerdict
from agent.devices.routing import Goal, Route, Target, route

GYU010 = Target("ministry", "GYU010", "qrcode")
TARGETS = {"esscard": GYU010}


@pytest.mark.parametrize(
    ("sent", "waiting", "expected"),
    [
        (b"ECWI530100100000601234", {"esscard"}, Route(Goal.WAITING, "esscard", ScanVerdict.TAKEN)),
        (b"ECWI530100100000601234", set(), Route(Goal.TRANSACTION, "esscard", ScanVerdict.TAKEN, GYU010)),
        (b"ECWI530100100000601234", {"card"}, Route(Goal.TRANSACTION, "esscard", ScanVerdict.TAKEN, GYU010)),
        (b"6901234567892", {"tracecode"}, Route(Goal.FILE, "ean13", ScanVerdict.WRONG_KIND)),
        (b"6901234567892", set(), Route(Goal.FILE, "ean13", ScanVerdict.NOBODY_WAITS)),
        (b"0106901234567892210042", {"esscard"}, Route(Goal.WAITING, "esscard", ScanVerdict.TAKEN)),
        (
            b"0106901234567892210042",
            {"tracecode", "esscard"},
            Route(Goal.WAITING, "tracecode", ScanVerdict.TAKEN),
        ),
    ],
)
def test_a_code_goes_where_it_is_wanted(sent: bytes, waiting: set[str], expected: Route) -> None:
    assert route(classify(sent, CodeTable()), waiting, TARGETS) == expected
