"""A scripted till, as real processes: payments under lost answers, server errors, doubled callbacks, expired
codes and kills. The platform's ledger and the agent's agree to the cent, no order is paid twice, none is
forgotten.

``HIS_AGENT_TILL_PAYMENTS`` and ``HIS_AGENT_TILL_SEED`` change the long run (marker ``long``).
"""

from __future__ import annotations

import json
import os
import random
import signal
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
    "drop_after=p:0.07,on:ST007",
    "drop_before=p:0.03,on:ST007",
    "http500_after=p:0.03,on:ST007",
    "http500_before=p:0.02,on:ST007",
    "code_expired=p:0.02,on:ST007",
    "callback_twice=p:0.05,on:ST007",
)
TILLS = tuple(f"040100890{number}" for number in range(3))
ENDS = {"accepted": "paid", "rejected": "not-paid"}

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix; Windows has its own run"),
]


class Shop:
    """Three tills at one workstation, and the platform."""

    def __init__(self, root: Path, seed: int) -> None:
        folder = key_folder(Hash.SHA1_HEX)
        faults = tuple(f"fault={fault}" for fault in FAULTS)
        self.platform = Platform(
            root / "platform", "scanpay", (f"keys={folder}", "guards=off", f"seed={seed}", *faults)
        )
        self.platform.start()
        settings = {
            **options(f"{self.platform.url}/"),
            "operators": list(TILLS),
            "query_margin_s": 1,
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
        return {one["id"]: one for one in self.station.final_results("scanpay").values()}

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


def agree(shop: Shop, payments: int) -> Counter[str]:
    results, standing, ledger = shop.results(), shop.standing(), shop.ledger()
    assert sorted(results) == sorted(shop.amounts) == sorted(ledger)
    assert len(results) == payments
    assert {count for count in standing.values() if count} == {1}
    states = {orderid: ENDS[result["state"]] for orderid, result in results.items()}
    assert {orderid: one["state"] for orderid, one in ledger.items()} == states
    paid = {orderid for orderid, count in standing.items() if count}
    assert {orderid for orderid, one in ledger.items() if one["state"] == "paid"} == paid
    here = sum((Decimal(one["amount"]) for one in ledger.values() if one["state"] == "paid"), Decimal(0))
    assert here == sum((shop.amounts[orderid] for orderid in paid), Decimal(0))
    return Counter(f"{one['state']}/{one['settled_by']}" for one in results.values())


def run(root: Path, payments: int, kills: int, patience_s: float) -> Counter[str]:
    shop = Shop(root, SEED)
    try:
        play(shop, payments, kills, random.Random(SEED))
        eventually(lambda: len(shop.results()) >= payments, f"{payments} results", patience_s)
        return agree(shop, payments)
    finally:
        shop.close()


def test_a_till_under_faults_and_kills_agrees_with_the_platform_to_the_cent(tmp_path: Path) -> None:
    found = run(tmp_path, 60, 3, 60)
    assert found["accepted/answer"]
    assert found["accepted/inquiry"]
    assert any(kind.startswith("rejected") for kind in found)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_payments_agree_with_the_platform_to_the_cent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(tmp_path, LONG, max(3, LONG // 40), 600)
    with capsys.disabled():
        sys.stdout.write(f"\n{LONG} payments (seed {SEED}): {dict(found)}\n")
