"""What a till sends, and its platform: the rehearsal of scan-to-pay behind the bench's clock.

The platform is the simulator as it is, with its state, its checks and its signatures; all that is added is
when the first byte of each payment arrived.
"""

from __future__ import annotations

import json
import sys
from asyncio import run as run_loop
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.clock import BEIJING, SystemClock
from agent.events import JsonObject
from agent.rehearsal.messages import Call
from agent.rehearsal.people import invented_identity
from bench.server import Run, http, serve
from plugins.scanpay.simulator import codes
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.serve import build

SCANPAY = "scanpay"
STATION = "till-1"
PAYMENT = "ST007"
HOSPCODE, OPERATOR = "04010089", "0401008999"
AMOUNT = "25.00"
_KEYS = {
    "scanpay/merchant-private": "merchant-private.pem",
    "scanpay/infosys-private": "infosys-private.pem",
    "scanpay/platform-public": "platform.cer",
}


def make_keys(folder: Path) -> dict[str, str]:
    """Rehearsal keys in ``folder``; returns the agent's, by their names in its keyring."""
    read_sealing(folder, Hash.SHA1_HEX, datetime.now(BEIJING))
    return {name: (folder / file).read_text("ascii") for name, file in _KEYS.items()}


def settings(url: str) -> dict[str, Any]:
    return {
        "url": url,
        "hospcode": HOSPCODE,
        "merchantcode": "DD04010089",
        "infosyscode": "SYS100361",
        "hospname": "演练医院",
        "operators": [OPERATOR],
        "backurl": "http://127.0.0.1:9/callback",
        "decoder": "simulated",
    }


def order_id(number: int) -> str:
    return f"BENCH{number:06d}"


def code(number: int) -> str:
    """What the app of the person who pays order ``number`` shows now."""
    return codes.mint(number, datetime.now(BEIJING))


def payment(number: int) -> JsonObject:
    """ST007 for an invented person and one prescription of two items, without its code."""
    identity = invented_identity(number)
    today = f"{datetime.now(BEIJING):%Y%m%d}"
    data = {
        "ordertype": "hissscan",
        "orderid": order_id(number),
        "orderamt": AMOUNT,
        "pname": identity.aac003,
        "pidno": identity.aac002,
        "orderdata": {
            "operatorid": OPERATOR,
            "medicaltype": "11",
            "outpatientno": f"MZ{number:06d}",
            "bkc012": "BL0001",
            "ake010": today,
            "outpatienttime": today,
            "prescriptionlistinfo": [
                {
                    "prescriptionno": "CF1",
                    "prescriptionfee": AMOUNT,
                    "prescriptionitemlistinfo": [
                        _item("1", "5.0000", "2", "10.00", today),
                        _item("2", "15.00", "1", "15.00", today),
                    ],
                }
            ],
        },
    }
    return {"transaction": PAYMENT, "id": order_id(number), "data": data}


def waiting(number: int) -> JsonObject:
    """The payment, waiting for the station's scanner."""
    return {**payment(number), "await": {"scan": "ecredential", "station": STATION}}


def scanned(number: int) -> JsonObject:
    """The payment with a code that the HIS scanned itself, just now."""
    whole = payment(number)
    whole["data"]["ecqrcode"] = code(number)
    return {**whole, "scanned_at": datetime.now(BEIJING).isoformat()}


def _item(number: str, price: str, quantity: str, amount: str, today: str) -> JsonObject:
    return {
        "prescriptionorderno": number,
        "hoschargeprocode": f"H{number}",
        "hoschargeproname": "演练药品",
        "chargeprocode": f"C{number}",
        "chargepromame": "演练药品",
        "chargesort": "11",
        "chargesort111": "01",
        "unitprice": price,
        "num": quantity,
        "amount": amount,
        "unit": "盒",
        "days": "1",
        "prescribetime": today,
        "prescribedeptcode": "K01",
    }


# -- the platform ----------------------------------------------------------------------------------------
class Till(Run):
    """Keeps when each payment arrived, by its order; ``report`` tells what the ledger holds as well."""

    def __init__(self, keys: Path) -> None:
        self._built = build({"keys": str(keys)}, SystemClock())
        super().__init__([], lambda _: 0)

    def begin(self) -> None:
        super().begin()
        self._built.rehearsal.reset()
        self.payments: dict[str, int] = {}

    def answer(self, arrived: int, body: bytes) -> bytes:
        call = Call("POST", "/", "", {}, body)
        transaction, _, order = self._built.platform.subject(call).wire_id.partition("/")
        if transaction == PAYMENT:
            self.payments.setdefault(order, arrived)
        self.arrived.append(arrived)
        return http(self._built.rehearsal(call).body)

    def report(self) -> bytes:
        asked = Call("GET", "/_rehearsal/ledger", "limit=1000000", {}, b"")
        entries = json.loads(self._built.rehearsal(asked).body)["entries"]
        paid = [entry["key"].removeprefix("pay:") for entry in entries if entry["key"].startswith("pay:")]
        return http(json.dumps({"arrived": self.payments, "paid": paid}).encode())


def main() -> None:
    """The platform's process: the folder of its keys as argument."""
    run_loop(serve(Till(Path(sys.argv[1])), 0.0))


if __name__ == "__main__":
    main()
