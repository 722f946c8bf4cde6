"""What a message must belong to: a cycle of its region, and the payer whom its order names (document, 3.2.1:
本地结算传本地业务周期号、异地结算传异地业务周期号; note of pname).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from agent.errors import Fault
from agent.events import Draft, History, JsonObject
from agent.protocol.values import text_of
from plugins.scanpay.bodies import OTHER_REGION, Till
from plugins.scanpay.orders import Order, cycle_of, order_of

_OF_ITS_ORDER: Final = frozenset({"ST010", "ST022", "ST024"})
_IN_A_CYCLE: Final = frozenset({"ST007", "ST021", "ST023"}) | _OF_ITS_ORDER
_LOCAL_ONLY: Final = frozenset({"ST021", "ST022"})
"""【注】暂不支持异地结算 (3.2.3, 3.2.4; anomalies S33)."""


def in_its_region(draft: Draft, history: History, hospcode: str) -> Draft:
    """The draft in the region of its order: of an order that this agent knows, no HIS has to say it again."""
    if draft.transaction not in _OF_ITS_ORDER:
        return draft
    order = order_of(history, hospcode, text_of(draft.body.get("orderid")))
    return draft if order is None else replace(draft, memo={**draft.memo, "region": order.region})


def cycle_faults(draft: Draft, till: Till, history: History) -> Iterator[Fault]:
    """A cycle that the HIS names must be open and of the region; of another agent's nothing is known."""
    code = draft.transaction
    if code in _LOCAL_ONLY and till.region == OTHER_REGION:
        yield Fault("/aae139", "value", "预生成支付订单和验码支付暂不支持异地结算", field="aae139")
    known = cycle_of(history, till.hospcode, text_of(draft.body.get("busicycleno")))
    if code not in _IN_A_CYCLE or known is None:
        return
    if not known.open:
        yield _wrong("这个账期已签退，请用未签退的业务周期号，或不填")
    elif known.region != till.region:
        yield _wrong("业务周期号与结算地不符：本地结算用本地账期，异地结算用异地账期")


def payer_of(body: JsonObject) -> str:
    """Names the payer of an order (ST021: pname, pidno) without saying who it is; "" where it has none."""
    return _digest(text_of(body.get("pname")), text_of(body.get("pidno")))


def payer_faults(draft: Draft, order: Order) -> Iterator[Fault]:
    """ST022: the code must be the payer's whom ST021 named (note of pname in 3.2.1)."""
    if draft.transaction != "ST022":
        return
    holder = _digest(text_of(draft.body.get("username")), text_of(draft.body.get("idno")))
    if order.payer and holder and holder != order.payer:
        yield Fault("/idno", "value", "电子凭证持有人不是预生成订单的支付人，不能支付", field="idno")


def _digest(name: str, number: str) -> str:
    if not name or not number:
        return ""
    return hashlib.sha256(f"{name.casefold()}\n{number.casefold()}".encode()).hexdigest()


def _wrong(told: str) -> Fault:
    return Fault("/busicycleno", "wrong_cycle", told, field="busicycleno")
