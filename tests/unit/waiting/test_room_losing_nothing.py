"""Every scan that completes nothing is kept for the HIS: too late, or of another medicine."""

from __future__ import annotations

from typing import Any

import pytest

from agent.devices.model import ScanVerdict
from agent.outbox.base import Outbox
from agent.outbox.model import WaitView
from tests.unit.waiting.test_room import CARD, ROW, TILL, House, box, house, upload

__all__ = ["house"]


class Stale:
    """An outbox whose list of waits was read a moment before somebody cancelled."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waits = outbox.waits()

    def waits(self) -> list[WaitView]:
        return self._waits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)


def cancel_behind_its_back(house: House) -> None:
    view = house.the_wait()
    house.room.outbox = Stale(house.outbox)
    with house.outbox.write() as tx:
        tx.cancel(view.submission, "operator", "", house.clock.now())
    assert house.outbox.waits() == []


@pytest.mark.parametrize(
    ("transaction", "kind", "data", "text"),
    [
        ("CX003", "esscard", {}, CARD),
        ("SQ002", "tracecode", upload({**ROW, "bkc516": "1"}), box(1)),
        ("SQ002", "tracecode", upload({**ROW, "bkc516": "3"}), box(1)),
    ],
    ids=["a code", "the last box", "one box of many"],
)
def test_a_scan_that_comes_as_the_wait_is_cancelled_is_kept_and_the_person_told(
    house: House, transaction: str, kind: str, data: Any, text: str
) -> None:
    house.drop(transaction, kind, data)
    cancel_behind_its_back(house)
    assert house.scan(text) is ScanVerdict.NOBODY_WAITS
    (kept,) = house.kept()
    assert (kept["kind"], kept["text"], kept["verdict"]) == (kind, text, "nobody_waits")
    assert house.said() == ["nobody_waits"]


def test_a_box_that_no_row_takes_is_kept_and_a_duplicate_is_not(house: House) -> None:
    items = [{"row": 0, "count": 2, "drug": "8123456"}]
    house.drop("SQ002", "tracecode", upload(), items=items)
    assert house.scan(box(1)) is ScanVerdict.TAKEN
    assert house.scan(box(1)) is ScanVerdict.DUPLICATE
    assert house.kept() == []
    other = "8999999" + "0" * 13
    assert house.scan(other) is ScanVerdict.WRONG_KIND
    (kept,) = house.kept()
    assert (kept["text"], kept["drug"], kept["verdict"]) == (other, "8999999", "wrong_kind")
    told = house.room.feedback.after(house.start, TILL)[-1]
    assert "不在正在等待的清单中" in told.says
    assert house.room.tally(house.the_wait()).count(house.room.tally(house.the_wait()).items[0]) == 1


def test_an_expired_wait_takes_nothing_even_before_it_is_ended(house: House) -> None:
    house.drop("CX003", "esscard", {}, timeout_s=60)
    house.room.look()
    house.clock.advance(61)
    assert house.scan(CARD) is ScanVerdict.NOBODY_WAITS
    assert len(house.kept()) == 1


def test_a_code_that_fits_two_kinds_goes_to_the_one_that_waits(house: House) -> None:
    """28 digits that are a GS1 code with its check digit may be an e-credential, too."""
    text = "0106901234567892" + "21" + "1234567890"
    house.drop("SQ002", "tracecode", upload({**ROW, "bkc516": "1"}))
    assert house.scan(text) is ScanVerdict.TAKEN
    assert house.outbox.waits() == []
