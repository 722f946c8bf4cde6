"""aptorderackdata (4.5) of a paid order: registration, entered items, settlement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from agent.events import JsonObject
from plugins.scanpay.simulator.state import Order, Shares

_NOUGHTS: Final = (
    *("ckc120", "ckc121", "akc808", "bkc029", "bkc030", "ckc155", "bkc032", "ake029", "ckc170", "ake035"),
    *("bkc037", "bkc038", "bkc039", "ake026", "akc806", "bkc075", "bkc076", "bkc135", "akc802", "akc803"),
    *("akc804", "ckc103", "akc805", "bkc131", "bkc132", "bkc133"),
)
"""Mandatory amounts that this platform never has."""


def settlement(order: Order, hospcode: str, now: datetime) -> JsonObject:
    """The whole tree; ``{}`` for an order that is not paid."""
    if order.shares is None:
        return {}
    return {
        "registerret": _registration(order, hospcode),
        "orderentryret": list(_items(order, hospcode)),
        "balanceret": _balance(order, order.shares, hospcode, now),
    }


def _registration(order: Order, hospcode: str) -> JsonObject:
    details = order.details
    return {
        "bkc012": details.get("bkc012", ""),
        "operatorid": details.get("operatorid", ""),
        "outpatientno": details.get("outpatientno", ""),
        "medicaltype": details.get("medicaltype", ""),
        "hospcode": hospcode,
        "bac001": f"{order.person:012d}",
        "akc190": order.akc190 or order.balanceno,
    }


def _items(order: Order, hospcode: str) -> list[JsonObject]:
    return [
        {
            **{
                code: item.get(code, "")
                for code in ("hoschargeprocode", "unitprice", "num", "unit", "chargeprocode", "chargesort")
            },
            "hosChargeProname": item.get("hoschargeproname", ""),
            "hospcode": hospcode,
            "aae072": prescription.get("prescriptionno", ""),
            "aae019": item.get("amount", ""),
            "bkc028": f"{order.balanceno[-6:]}{number:04d}",
        }
        for prescription in order.details.get("prescriptionlistinfo") or []
        for number, item in enumerate(prescription.get("prescriptionitemlistinfo") or [], 1)
    ]


def _balance(order: Order, shares: Shares, hospcode: str, now: datetime) -> JsonObject:
    amounts: dict[str, Any] = dict.fromkeys(_NOUGHTS, "0.00")
    return {
        "bkc012": order.details.get("bkc012", ""),
        "hosrcode": hospcode,
        "balanceno": order.balanceno,
        "balancetime": f"{now:%Y-%m-%d %H:%M:%S}",
        **amounts,
        "akc264": f"{shares.total:.2f}",
        "akc801": f"{shares.total:.2f}",
        "akc255": f"{shares.account:.2f}",
        "akc087after": f"{shares.balance - shares.account:.2f}",
        "ake039": f"{shares.fund:.2f}",
        "akc260": f"{shares.fund:.2f}",
        "akc261": f"{shares.cash:.2f}",
        "bke088": order.balanceno,
        "bke089": order.balancecode,
    }
