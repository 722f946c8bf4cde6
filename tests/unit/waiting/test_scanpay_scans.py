"""Scanned e-credentials at a till: the field that they go to, the payment that waits, the person that nobody
asked for (ST020)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.config.device_model import UnaskedConfig
from agent.crypto.at_rest import generate
from agent.devices.model import ScanVerdict, new_event_id
from agent.errors import SubmissionInvalid
from agent.events import Event, EventKind, Reading, Submission, Wait
from agent.intake.prepare import Dropped, prepare
from agent.intake.rules import reading_rules
from agent.lifetimes import Lifetimes
from agent.outbox.model import NewSubmission
from agent.outbox.store import SqliteOutbox
from agent.waiting.feedback import Feedback
from agent.waiting.room import Speaker, WaitingRoom
from plugins.scanpay.adapter import ScanpayAdapter
from plugins.scanpay.building import build
from plugins.scanpay.building import prepare as decoding
from plugins.scanpay.simulator import codes
from tests.unit.scanpay.till import NOW, Keyring, options, order
from tests.unit.waiting.test_room import Till

TILL, PAYER = "till-1", 11
ASKED = UnaskedConfig("person", "ecredential", "scanpay", "ST020")


def adapter(decoder: str) -> ScanpayAdapter:
    built = build(options(decoder=decoder), Keyring())
    assert isinstance(built, ScanpayAdapter)
    return built


def waiting(transaction: str, kind: str = "ecredential", **data: Any) -> Submission:
    return Submission("scanpay", transaction, "D1", data, occurred_at=NOW, wait=Wait(kind, TILL, 60, ()))


@pytest.mark.parametrize(
    ("transaction", "field"),
    [
        ("ST007", "ecqrcode"),
        ("ST020", "ecrcode"),
        ("ST022", "ecqrcode"),
        ("ST023", "ecqrcode"),
        ("ST010", "ecqrcode"),
        ("ST024", "ecrcode"),
    ],
)
def test_a_scanned_code_goes_to_the_field_of_its_transaction(transaction: str, field: str) -> None:
    code = codes.mint(PAYER, NOW)
    whole = adapter("simulated").awaited(waiting(transaction), Reading("ecredential", code))
    assert whole.data == {field: code}
    assert whole.decoded is None, "it is decoded when it was scanned"


def test_until_the_scan_a_sample_of_its_form_stands_there() -> None:
    whole = adapter("simulated").awaited(waiting("ST007"), None)
    assert len(whole.data["ecqrcode"]) == 28
    assert whole.decoded is not None
    assert adapter("none").awaited(waiting("ST007"), None).decoded is None


@pytest.mark.parametrize(
    ("submission", "rule"),
    [
        (waiting("ST007", "esscard"), "await_kind"),
        (waiting("ST007", "card"), "await_kind"),
        (waiting("ST009"), "await_kind"),
        (waiting("ST999"), "await_kind"),
        (waiting("ST007", ecqrcode="4" * 28), "await_given"),
    ],
)
def test_what_no_scan_could_complete_is_refused(submission: Submission, rule: str) -> None:
    with pytest.raises(SubmissionInvalid) as caught:
        adapter("simulated").awaited(submission, None)
    assert [fault.rule for fault in caught.value.faults] == [rule]


@dataclass
class Shop:
    """A waiting room of scan-to-pay on a real outbox, with the rehearsal's decoder."""

    folder: Path
    unasked: tuple[UnaskedConfig, ...] = ()

    def __post_init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.stored: list[NewSubmission] = []
        self.outbox = SqliteOutbox(self.folder / "outbox.db", generate(1), clock=self.clock)
        self.adapter = adapter("simulated")
        self.room = WaitingRoom(
            outbox=self.outbox,
            speakers={"scanpay": Speaker(self.adapter, decoding(options(decoder="simulated")), "scanpay")},
            tables={},
            unasked=self.unasked,
            scans=self.folder / "scans",
            lifetimes=Lifetimes(self.clock),
            clock=self.clock,
            stopping=threading.Event(),
            stored=lambda receipts, _lanes: self.stored.extend(new for new, _ in receipts),
            ended=lambda: None,
            feedback=Feedback(NOW),
            cards=Till(),
        )

    def drop(self, orderid: str) -> int:
        told = {
            "transaction": "ST007",
            "id": orderid,
            "data": order(orderid, PAYER),
            "await": {"scan": "ecredential", "station": TILL, "timeout_s": 120},
        }
        rules = reading_rules("scanpay", self.adapter.catalog, {"encoding": "auto", "max_bytes": 1 << 20})
        now = self.clock.now()
        raw = json.dumps(told, ensure_ascii=False).encode("utf-8")
        (new,) = prepare(Dropped(orderid, "scanpay", f"{orderid}.json", now, now, raw), rules, self.adapter)
        with self.outbox.write() as tx:
            return tx.accept(new).submission

    def scan(self, person: int) -> ScanVerdict:
        now = self.clock.now()
        code = codes.mint(person, now).encode("ascii")
        return self.room.deliver(Event(new_event_id(now), "gun", EventKind.SCAN, TILL, now, code))

    def messages(self) -> list[tuple[str, str]]:
        return sorted((one.transaction, one.state) for one in self.outbox.messages())


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    built = Shop(tmp_path, getattr(request, "param", ()))
    yield built
    built.outbox.close()


def test_a_payment_waits_for_its_scan_and_lives_from_it(shop: Shop) -> None:
    shop.drop("D1")
    assert [view.kind for view in shop.outbox.waits()] == ["ecredential"]
    shop.clock.advance(100)  # longer than a code lives: it counts from the scan
    scanned_at = shop.clock.now()
    assert shop.scan(PAYER) is ScanVerdict.TAKEN
    assert shop.messages() == [("ST007", "ready")]
    (new,) = shop.stored
    assert new.valid_until is not None
    assert timedelta(0) < new.valid_until - scanned_at <= timedelta(minutes=5)


def test_the_code_of_another_patient_pays_nothing_and_the_his_hears_why(shop: Shop) -> None:
    submission = shop.drop("D1")
    assert shop.scan(PAYER + 1) is ScanVerdict.WRONG_KIND
    result = shop.outbox.result(submission)
    assert result is not None
    assert result["state"] == "invalid"
    assert {fault["pointer"] for fault in result["errors"]} == {"/pname", "/pidno"}


@pytest.mark.parametrize("shop", [(ASKED,)], indirect=True)
def test_a_person_who_shows_a_code_unasked_is_looked_up(shop: Shop) -> None:
    assert shop.scan(PAYER) is ScanVerdict.TAKEN
    assert shop.messages() == [("ST020", "ready")]
    assert not (shop.folder / "scans").exists()


@pytest.mark.parametrize("shop", [(ASKED,)], indirect=True)
def test_what_waits_has_the_scan_before_any_transaction_that_is_configured(shop: Shop) -> None:
    shop.drop("D1")
    assert shop.scan(PAYER) is ScanVerdict.TAKEN
    assert shop.scan(PAYER) is ScanVerdict.TAKEN
    assert shop.messages() == [("ST007", "ready"), ("ST020", "ready")]


HERE, THERE = UnaskedConfig("here", "ecredential", "scanpay", "ST022", TILL), "till-2"


@pytest.mark.parametrize(
    "shop",
    [(ASKED, HERE), (HERE, ASKED), (UnaskedConfig("there", "ecredential", "scanpay", "ST023", THERE), HERE)],
    indirect=True,
)
def test_what_is_configured_for_the_station_goes_before_what_is_for_all(shop: Shop) -> None:
    shop.scan(PAYER)
    (result,) = shop.stored
    assert result.transaction == "ST022"
