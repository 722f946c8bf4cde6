"""agent.waiting.room on a real outbox with Jiangxi's adapter: what becomes of each event."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent import courtesy
from agent.clock import ManualClock
from agent.config.device_model import UnaskedConfig
from agent.crypto.at_rest import generate
from agent.devices.model import ScanVerdict, new_event_id
from agent.errors import ControlError, StoreError
from agent.events import Event, EventKind, Proofs, Submission
from agent.intake.prepare import Dropped, prepare
from agent.intake.rules import reading_rules
from agent.lifetimes import Lifetimes
from agent.outbox.model import Accepted, WaitView
from agent.outbox.store import SqliteOutbox
from agent.submissions import ReadingRules
from agent.waiting.feedback import Feedback
from agent.waiting.handlers import StationHandlers
from agent.waiting.room import Speaker, WaitingRoom
from plugins.jiangxi.adapter import JiangxiAdapter
from tests.unit.jiangxi.province import line

NOW = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
TILL = "till-1"
CARD = "ECWI360000000000000014"
ROW = {
    "ake001": "X-A01AD-K038-A001",
    "ake002": "演练药",
    "ake005": "YP0001",
    "ake006": "演练药片",
    "bke384": "Y0400202601010000000001",
    "bkc502": "演练医师",
    "bkc503": "LOT7",
    "bkc504": "20250101",
    "bkc506": "1",
    "bkc507": "0",
    "bkc511": "LS0001",
    "bkc516": "2",
    "bkc517": "20260101",
    "bkc518": "演练药师",
    "aka030": "1",
}


@dataclass
class Till:
    """The devices' part of the room."""

    wanted: list[str] = field(default_factory=list)

    def want(self, waits: Any) -> None:
        self.wanted = [view.kind for view in waits]

    def hold(self, view: WaitView, event: Event) -> None:
        raise AssertionError("no card is authenticated here")

    def holds(self, submission: int) -> bool:
        return False

    def answered(self, submission: int, proofs: Proofs | None) -> None:
        assert proofs is None, "no card is held here"


@dataclass
class House:
    folder: Path
    clock: ManualClock
    outbox: SqliteOutbox
    adapter: JiangxiAdapter
    rules: ReadingRules
    unasked: tuple[UnaskedConfig, ...] = ()
    till: Till = field(default_factory=Till)

    def __post_init__(self) -> None:
        self.room = WaitingRoom(
            outbox=self.outbox,
            speakers={"jiangxi": Speaker(self.adapter, None, "jiangxi")},
            tables={},
            unasked=self.unasked,
            scans=self.folder / "scans",
            lifetimes=Lifetimes(self.clock),
            clock=self.clock,
            stopping=threading.Event(),
            stored=lambda _receipts, _lanes: None,
            ended=lambda: None,
            feedback=Feedback(self.clock.now()),
            cards=self.till,
        )
        self.start = self.room.feedback.last

    def drop(self, transaction: str, kind: str, data: Any, **wait: Any) -> Accepted:
        told = {
            "transaction": transaction,
            "id": f"{transaction}-1",
            "data": data,
            "await": {"scan": kind, "station": TILL, **wait},
        }
        now = self.clock.now()
        raw = json.dumps(told).encode()
        dropped = Dropped(f"drop-{transaction}", "jiangxi", "a.json", now, now, raw)
        (new,) = prepare(dropped, self.rules, self.adapter)
        with self.outbox.write() as tx:
            return tx.accept(new)

    def event(self, text: str) -> Event:
        now = self.clock.now()
        return Event(new_event_id(now), "gun", EventKind.SCAN, TILL, now, text.encode())

    def scan(self, text: str) -> ScanVerdict:
        return self.room.deliver(self.event(text))

    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text("utf-8")) for path in (self.folder / "scans").glob("scan-*.json")]

    def said(self) -> list[str]:
        return [told.verdict for told in self.room.feedback.after(self.start, TILL)]

    def the_wait(self) -> WaitView:
        (view,) = self.outbox.waits()
        return view


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    clock = ManualClock(NOW)
    outbox = SqliteOutbox(tmp_path / "outbox.db", generate(1), clock=clock)
    adapter = line().adapter
    rules = reading_rules("jiangxi", adapter.catalog, {"encoding": "auto", "max_bytes": 1 << 20})
    yield House(tmp_path, clock, outbox, adapter, rules, getattr(request, "param", ()))
    outbox.close()


ASKED = UnaskedConfig("cards", "esscard", "jiangxi", "CX003")


def upload(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"akb020": "Y0400", "akc190": "0" * 18, "kc25list": list(rows or (ROW,))}


def box(number: int) -> str:
    return f"8123456{number:013d}"


def test_a_scan_completes_what_waits_and_the_same_event_again_changes_nothing(house: House) -> None:
    accepted = house.drop("CX003", "esscard", {})
    event = house.event(CARD)
    assert house.room.deliver(event) is ScanVerdict.TAKEN
    assert house.outbox.waits() == []
    (message,) = house.outbox.messages_of(accepted.submission)
    assert message.state == "ready"
    assert house.room.deliver(event) is ScanVerdict.TAKEN
    assert house.kept() == []
    assert len(house.outbox.messages()) == 1


def test_a_scan_whose_reading_the_stop_cut_short_leaves_the_wait_for_the_next_start(house: House) -> None:
    class CutShort:
        def prepare(self, submission: Submission, now: datetime) -> Submission:
            house.room.stopping.set()
            return replace(submission, transaction="cut short")

        def close(self) -> None:
            """Nothing was opened."""

    accepted = house.drop("CX003", "esscard", {})
    house.room.speakers = {"jiangxi": Speaker(house.adapter, CutShort(), "jiangxi")}
    with pytest.raises(StoreError, match="正在停止"):
        house.scan(CARD)
    assert house.the_wait().submission == accepted.submission
    house.room.stopping.clear()
    house.room.speakers = {"jiangxi": Speaker(house.adapter, None, "jiangxi")}
    assert house.scan(CARD) is ScanVerdict.TAKEN
    assert [message.state for message in house.outbox.messages_of(accepted.submission)] == ["ready"]


def test_a_scan_is_read_before_whatever_is_done_in_bulk(house: House) -> None:
    seen: list[bool] = []

    class Reading:
        def prepare(self, submission: Submission, now: datetime) -> Submission:
            seen.append(courtesy._here.first)
            return submission

        def close(self) -> None:
            """Nothing was opened."""

    house.drop("CX003", "esscard", {})
    house.room.speakers = {"jiangxi": Speaker(house.adapter, Reading(), "jiangxi")}
    assert house.scan(CARD) is ScanVerdict.TAKEN
    assert seen == [True]
    assert not courtesy._here.first


def test_what_arrives_unasked_is_a_file_and_the_person_hears_that_nobody_waits(house: House) -> None:
    assert house.scan(CARD) is ScanVerdict.NOBODY_WAITS
    (kept,) = house.kept()
    assert (kept["kind"], kept["text"], kept["station"]) == ("esscard", CARD, TILL)


@pytest.mark.parametrize("house", [(ASKED,)], indirect=True)
def test_what_arrives_unasked_becomes_the_transaction_of_its_kind_once(house: House) -> None:
    event = house.event(CARD)
    assert house.room.deliver(event) is ScanVerdict.TAKEN
    assert house.room.deliver(event) is ScanVerdict.TAKEN
    assert [message.transaction for message in house.outbox.messages()] == ["CX003"]
    assert house.kept() == []


def test_a_wrong_kind_completes_nothing_and_is_kept(house: House) -> None:
    house.drop("CX003", "esscard", {})
    assert house.scan(box(1)) is ScanVerdict.WRONG_KIND
    assert len(house.kept()) == 1
    assert house.the_wait().kind == "esscard"


def test_trace_codes_are_counted_a_duplicate_is_refused_and_the_last_can_be_undone(house: House) -> None:
    house.drop("SQ002", "tracecode", upload())
    assert house.scan(box(1)) is ScanVerdict.TAKEN
    assert house.scan(box(1)) is ScanVerdict.DUPLICATE
    assert house.room.undo(house.the_wait(), "operator")
    assert house.scan(box(2)) is ScanVerdict.TAKEN
    assert house.scan("]C0" + box(3)) is ScanVerdict.TAKEN
    assert house.outbox.waits() == []
    assert house.said() == ["taken", "duplicate", "undone", "taken", "taken"]


class Cancelling:
    """The outbox, where the HIS cancels just after one has looked what waits."""

    def __init__(self, outbox: SqliteOutbox) -> None:
        self._outbox = outbox

    def waits(self) -> list[WaitView]:
        views = self._outbox.waits()
        with self._outbox.write() as tx:
            for view in views:
                tx.cancel(view.submission, "HIS", "", NOW)
        return views

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)


@pytest.mark.parametrize("boxes", ["1", "2"])
def test_a_code_whose_wait_is_cancelled_in_the_same_moment_is_kept_whole(house: House, boxes: str) -> None:
    house.drop("SQ002", "tracecode", upload({**ROW, "bkc516": boxes}))
    house.room.outbox = Cancelling(house.outbox)
    assert house.scan(box(1)) is ScanVerdict.NOBODY_WAITS
    assert [kept["text"] for kept in house.kept()] == [box(1)]
    assert house.outbox.messages()[0].state == "cancelled"


def test_a_wall_clock_set_back_does_not_lengthen_the_wait(house: House) -> None:
    accepted = house.drop("CX003", "esscard", {}, timeout_s=60)
    house.room.look()
    assert house.till.wanted == ["esscard"]
    house.clock.set_wall(NOW.replace(hour=1))
    house.clock.advance(61)
    house.room.look()
    result = house.outbox.result(accepted.submission)
    assert result is not None
    assert result["state"] == "expired"
    assert house.till.wanted == []


def test_a_full_folder_refuses_the_event_so_that_it_is_given_again(house: House) -> None:
    (house.folder / "scans").write_text("in the way")
    with pytest.raises(StoreError):
        house.scan(CARD)
    (house.folder / "scans").unlink()
    assert house.scan(CARD) is ScanVerdict.NOBODY_WAITS


@pytest.mark.parametrize(
    ("transaction", "kind", "data", "rule"),
    [
        ("CX003", "card", {}, "await_kind"),
        ("CX003", "esscard", {"qrCodeStr": CARD}, "await_given"),
        ("SQ002", "tracecode", upload({**ROW, "bkc516": "0.5"}), "await_count"),
        ("SQ002", "tracecode", upload({**ROW, "kc56list": [box(1)]}), "await_items"),
        ("SQ002", "tracecode", upload({**ROW, "bkc506": "7"}), "value"),
    ],
)
def test_what_could_never_be_completed_is_refused_before_anybody_scans(
    house: House, transaction: str, kind: str, data: Any, rule: str
) -> None:
    accepted = house.drop(transaction, kind, data)
    result = house.outbox.result(accepted.submission)
    assert result is not None
    assert result["state"] == "invalid"
    assert result["errors"][0]["rule"] == rule
    assert house.outbox.waits() == []


class Names:
    names = frozenset({TILL})

    def states(self) -> list[Any]:
        return []


def test_which_of_two_waits_is_cancelled_is_never_guessed(house: House) -> None:
    code, card = house.drop("SQ002", "tracecode", upload()), house.drop("CX003", "esscard", {})
    handlers = StationHandlers(house.room, Names(), house.outbox, lambda: None)  # type: ignore[arg-type]
    asked = {"station": TILL, "kind": "", "why": "", "who": "operator"}
    with pytest.raises(ControlError, match="--kind") as refused:
        handlers.cancel(asked)
    assert refused.value.details["code"] == "ambiguous"
    assert len(house.outbox.waits()) == 2
    handlers.cancel({**asked, "kind": "esscard"})
    assert house.the_wait().submission == code.submission
    result = house.outbox.result(card.submission)
    assert result is not None
    assert result["state"] == "cancelled"
