"""A scripted till, as real processes: payments under lost answers, server errors, doubled callbacks, expired
codes and kills. The platform's ledger and the agent's agree to the cent, no order is paid twice, none is
forgotten.

The platform sends each result to the agent's listener: before its answer, in a race with ST009, twice, or
late, about orders that it denied until they had been told as not paid.

The long run has a command of its own, ``make till-long``;
``HIS_AGENT_TILL_PAYMENTS`` and ``HIS_AGENT_TILL_SEED`` change it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
from collections import Counter
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.demo.processes import Platform, Station, ended, eventually
from plugins.scanpay.simulator.sealing import Hash
from tests.acceptance.conftest import QUICK
from tests.unit.scanpay.till import key_folder, key_texts, options, order, scan

SEED = int(os.environ.get("HIS_AGENT_TILL_SEED", "20260111"))
LONG = int(os.environ.get("HIS_AGENT_TILL_PAYMENTS", "1000"))
FAULTS = (
    "park=every:20,on:ST007,negatives:1000",
    "drop_after=p:0.06,on:ST007",
    "drop_before=p:0.02,on:ST007",
    "callback_only=p:0.02,on:ST007",
    "http500_after=p:0.03,on:ST007",
    "http500_before=p:0.02,on:ST007",
    "code_expired=p:0.02,on:ST007",
    "callback_twice=p:0.05,on:ST007",
    "delay_after=p:0.1,on:ST007+ST009,seconds:0.2",
)
"""A tenth of the answers lost, and a twentieth of the orders denied until the end; the delays let callbacks
overtake answers."""
TILLS = tuple(f"040100890{number}" for number in range(3))
HELD = ("paid", "disputed")
"""Orders whose money the platform holds."""
ENDS = {"accepted": ("paid",), "rejected": ("not-paid", "disputed", "cancelled")}
"""What the ledger may say of an order whose payment was told so."""

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix; Windows has its own run"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Shop:
    """Three tills at one workstation, and the platform."""

    def __init__(self, root: Path, seed: int) -> None:
        folder = key_folder(Hash.SHA1_HEX)
        faults = tuple(f"fault={fault}" for fault in FAULTS)
        self.platform = Platform(
            root / "platform",
            "scanpay",
            (f"keys={folder}", "guards=off", "callbacks=on", f"seed={seed}", *faults),
        )
        self.platform.start()
        address = f"127.0.0.1:{free_port()}"
        settings = {
            **options(f"{self.platform.url}/"),
            "operators": list(TILLS),
            "query_margin_s": 1,
            "backurl": f"http://{address}/callback",
            "listener": {"address": address, "peers": ["127.0.0.1"]},
            **QUICK,
        }
        self.station = Station(root / "station", {"scanpay": settings}, key_texts())
        self.amounts: dict[str, Decimal] = {}

    def pay(self, number: int) -> None:
        """One patient at the next till; the amount says which."""
        orderid, amount = f"T{number:05d}", Decimal(1100 + 7 * number) / 100
        self.amounts[orderid] = amount
        data: dict[str, Any] = {**order(orderid, number, f"{amount:.2f}"), "orderovertime": "0"}
        data["orderdata"]["operatorid"] = TILLS[number % len(TILLS)]
        data |= scan(number, datetime.now(BEIJING))
        content = {"transaction": "ST007", "id": orderid, "data": data}
        self.station.drop("scanpay", f"{orderid}.json", json.dumps(content, ensure_ascii=False).encode())

    def results(self) -> dict[str, dict[str, Any]]:
        found = {one["id"]: one for one in self.station.final_results("scanpay").values()}
        return {orderid: found[orderid] for orderid in self.amounts if orderid in found}

    def alarms(self) -> list[dict[str, Any]]:
        """What tells the HIS of orders that were told as not paid and are paid."""
        folder = self.station.downloads("ST009")
        found = sorted(folder.glob("disputed-*.json")) if folder.is_dir() else []
        return [json.loads(path.read_text("utf-8")) for path in found]

    def take_up(self, alarm: dict[str, Any]) -> None:
        """The HIS does what an alarm offers."""
        offer = alarm["offer"]
        data = {**offer["data"], "reason": "医院未记账"}
        content = {"transaction": offer["transaction"], "id": f"X{alarm['orderid']}", "data": data}
        name = f"X{alarm['orderid']}.json"
        self.station.drop("scanpay", name, json.dumps(content, ensure_ascii=False).encode())

    def cancelled(self) -> set[str]:
        """The orders whose cancellation the HIS was told."""
        ended = self.station.final_results("scanpay").values()
        return {one["id"].removeprefix("X") for one in ended if one["transaction"] == "ST100"}

    def struck(self) -> Counter[str]:
        """How often each fault befell a request."""
        switches = self.platform.admin("faults")["faults"]
        return Counter({one["name"]: one["fired"] for one in switches})

    def standing(self) -> Counter[str]:
        """How often each order is paid at the platform."""
        found: Counter[str] = Counter()
        for entry in self.platform.admin("ledger?limit=1000000")["entries"]:
            if entry["key"].startswith("pay:"):
                found[entry["key"].removeprefix("pay:")] += entry["change"]
        return found

    def ledger(self) -> dict[str, dict[str, Any]]:
        """The agent's own."""
        asked = {"system": "scanpay", "name": "orders", "words": [], "who": "test", "why": ""}
        told = self.station.call("protocol.act", **asked)["data"]
        return {one["orderid"]: one for cycle in told["cycles"] for one in cycle["orders"]}

    def close(self) -> None:
        self.station.close()
        self.platform.close()


def play(shop: Shop, payments: int, kills: int, chance: random.Random) -> None:
    """Patients one after another; the agent dies at random moments and is started again."""
    dying = sorted(chance.sample(range(payments), kills))
    shop.station.start()
    for number in range(payments):
        shop.pay(number)
        if number in dying:
            moment = time.monotonic() + chance.uniform(0.0, 0.3)
            eventually(partial(_past, moment), "the moment of the kill", 5)
            process = shop.station.process
            assert process is not None
            shop.station.kill()
            assert process.wait() == -signal.SIGKILL
            assert ended(process)
            shop.station.start()


def _past(moment: float) -> bool:
    return time.monotonic() >= moment


def agree(shop: Shop) -> Counter[str]:
    """Both ledgers, and what the HIS was told; returns how the orders stand."""
    results, standing, ledger = shop.results(), shop.standing(), shop.ledger()
    assert sorted(results) == sorted(shop.amounts) == sorted(ledger)
    assert {count for count in standing.values() if count} == {1}
    paid = {orderid for orderid, count in standing.items() if count}
    assert {orderid for orderid, one in ledger.items() if one["state"] in HELD} == paid
    for orderid, one in ledger.items():
        assert one["state"] in ENDS[results[orderid]["state"]], (orderid, one["state"])
    here = sum((Decimal(one["amount"]) for one in ledger.values() if one["state"] in HELD), Decimal(0))
    assert here == sum((shop.amounts[orderid] for orderid in paid), Decimal(0))
    return Counter(one["state"] for one in ledger.values())


def pay_late(shop: Shop) -> set[str]:
    """The platform pays what it had denied, and says so; the HIS is told, and cancels as it is offered."""
    late = {key[0] for key in shop.platform.admin("parked")["parked"]}
    assert {shop.results()[orderid]["state"] for orderid in late} == {"rejected"}
    assert shop.platform.admin("parked", "POST")["committed"] == len(late)
    eventually(lambda: len(shop.alarms()) >= len(late), "the alarms")
    assert sorted(alarm["orderid"] for alarm in shop.alarms()) == sorted(late)
    assert agree(shop)["disputed"] == len(late)
    for alarm in shop.alarms():
        shop.take_up(alarm)
    eventually(lambda: shop.cancelled() == late, "the cancellations")
    assert agree(shop)["cancelled"] == len(late)
    return late


def run(root: Path, payments: int, kills: int, patience_s: float) -> Counter[str]:
    shop = Shop(root, SEED)
    try:
        play(shop, payments, kills, random.Random(SEED))
        eventually(lambda: len(shop.results()) >= payments, f"{payments} results", patience_s)
        found = agree(shop)
        assert found["paid"] + found["not-paid"] == payments
        assert pay_late(shop)
        ways = Counter(f"{one['state']}/{one['settled_by']}" for one in shop.results().values())
        heard = shop.platform.admin("state")["callbacks_heard"]
        return ways + shop.struck() + Counter({"callbacks heard": heard})
    finally:
        shop.close()


def test_a_till_under_faults_and_kills_agrees_with_the_platform_to_the_cent(tmp_path: Path) -> None:
    found = run(tmp_path, 60, 3, 60)
    for way in ("accepted/answer", "accepted/inquiry", "rejected/inquiry", "drop_after", "callback_twice"):
        assert found[way], way
    assert found["callbacks heard"] > found["accepted/answer"]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_payments_agree_with_the_platform_to_the_cent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(tmp_path, LONG, max(3, LONG // 40), 600)
    assert all(found[fault.partition("=")[0]] for fault in FAULTS)
    with capsys.disabled():
        sys.stdout.write(f"\n{LONG} payments (seed {SEED}): {dict(found)}\n")
