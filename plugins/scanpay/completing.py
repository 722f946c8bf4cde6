"""What the agent fills in for a HIS: at once from its settings, at the claim from what earlier answers gave.

===================== =================================================================
hospcode, hospname    settings; also within orderdata
backurl               settings (mandatory on the wire, anomalies S16)
ordertime             the moment of the submission
orderovertime         settings
busicycleno           the till's open cycle (ST001)
ordervalidcode        the order's (ST021, ST023)
balanceno, -code      the payment's (ST007, ST022)
===================== =================================================================

What the HIS gave stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from agent.catalog import FieldSpec, TransactionSpec
from agent.catalog.spelling import find
from agent.catalog.values import is_absent
from agent.clock import BEIJING
from agent.errors import Fault
from agent.events import Completion, Draft, History, JsonObject
from agent.protocol.values import text_of
from plugins.scanpay import claiming
from plugins.scanpay.belonging import in_its_region
from plugins.scanpay.bodies import Till, about
from plugins.scanpay.duties import awaited, wanted
from plugins.scanpay.orders import order_of
from plugins.scanpay.settings import Settings

CYCLE, ORDER, PAYMENT, SETTLEMENT, VISIT = "cycle", "order", "payment", "settlement", "visit"
"""Kinds of facts; the catalog names all but ``settlement`` (balanceno by orderid)."""

_BY_ORDER: Final[Mapping[str, tuple[str, str]]] = {
    "ordervalidcode": (
        ORDER,
        "本机没有这个订单的防伪码，请填写 ordervalidcode，或先预生成订单（ST021）、登记（ST023）",
    ),
    "balanceno": (SETTLEMENT, "本机没有这个订单的结算编号，请填写 balanceno"),
    "balancecode": (PAYMENT, "本机没有这个订单的支付验证码，请填写 balancecode"),
}
_NO_CYCLE: Final = "这个操作员还没有签到（ST001），请先签到或填写 busicycleno"
_IN_AN_OPEN_CYCLE: Final = frozenset({"ST001", "ST002", "ST099", "ST100"})
"""What never causes a sign-in: a new cycle is of no use to it."""
_AMOUNTS: Final = ("akc264", "akc255")
_MOST_NUMBER: Final = 64
LATE: Final = ("busicycleno", *_BY_ORDER)
"""Fields that may still be empty when a submission is stored."""


def with_defaults(spec: TransactionSpec, data: JsonObject, settings: Settings, now: datetime) -> JsonObject:
    """The business object with what the settings know."""
    values = {
        "hospcode": settings.hospcode,
        "backurl": settings.backurl,
        "ordertime": f"{now.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        "orderovertime": str(settings.orderovertime),
    }
    filled = _filled(spec.request, data, values)
    details = find(filled, "orderdata")
    if isinstance(details, dict) and details:
        fields = next((field.children for field in spec.request if field.code == "orderdata"), ())
        inner = {"hospcode": settings.hospcode, "hospname": settings.hospname}
        filled = {**filled, _key(filled, "orderdata"): _filled(fields, details, inner)}
    return filled


def missing_late(spec: TransactionSpec, data: JsonObject) -> tuple[str, ...]:
    """The fields of :data:`LATE` that the HIS left out; ST001 is what gives a cycle (S11)."""
    if spec.code == "ST001":
        return ()
    return tuple(f.code for f in spec.request if f.code in LATE and is_absent(find(data, f.code)))


def complete(
    draft: Draft, spec: TransactionSpec, history: History, settings: Settings, *, forced: bool
) -> Completion:
    """A draft with what earlier answers gave; refused where nobody knows a mandatory value, the scanned
    code could not be read, or the ledger of orders knows that it is wrong. What only lacks the till's cycle
    waits for its sign-in, and causes it."""
    draft = in_its_region(draft, history, settings.hospcode)
    agent = about(draft)
    known = dict(_known(spec, draft.body, agent.till, history, settings.hospcode))
    body = {**draft.body, **{code: value for code, (value, _) in known.items() if value}}
    if spec.renew and draft.doubts:
        body[spec.renew] = renewed(text_of(body[spec.renew]), draft.doubts)
    waits = settings.sign_in != "off" and spec.code not in _IN_AN_OPEN_CYCLE and not _has_cycle(known)
    lacking = [
        code for code, (value, _) in known.items() if not value and not (waits and code == "busicycleno")
    ]
    missing = [_missing(spec, code, known[code][1]) for code in lacking]
    late = [] if forced else list(_amounts_wanted(spec, body, history))
    whole = replace(draft, body=body)
    wrong = tuple(claiming.faults(whole, history, settings.hospcode))
    refused = (*agent.faults, *missing, *late)
    firm = tuple(fault for fault in wrong if not forced or claiming.is_firm(fault, draft))
    if refused or firm:
        return Completion(whole, refused=(*refused, *firm), alone=not refused)
    if waits:
        return Completion(whole, awaits=(awaited(agent.till),), given=(wanted(agent.till),))
    whole, given = claiming.claimed(whole, history, settings.hospcode)
    return Completion(whole, warnings=wrong, given=given)


def _has_cycle(known: Mapping[str, tuple[str, str]]) -> bool:
    """Whether the HIS gave a cycle, or the till has one."""
    return "busicycleno" not in known or bool(known["busicycleno"][0])


def renewed(number: str, doubts: int) -> str:
    """The number under which a transaction is repeated that nothing settles (catalog: ``renew``): what came
    of the earlier ones stays unused for ever. At most 64 characters."""
    ending = f"-{doubts + 1}"
    return number[: _MOST_NUMBER - len(ending)] + ending


def _known(
    spec: TransactionSpec, body: JsonObject, till: Till, history: History, hospcode: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each late field that is empty, with its value, "" when it is not known, and what to say then."""
    orderid = (text_of(body.get("orderid")),)
    for code in missing_late(spec, body):
        if (
            code == "busicycleno"
            and spec.code == "ST100"
            and (order := order_of(history, hospcode, *orderid))
        ):
            yield code, (order.cycle, _NO_CYCLE)
        elif code == "busicycleno":
            yield code, (history.value(CYCLE, till.cycle_key) or "", _NO_CYCLE)
        else:
            kind, told = _BY_ORDER[code]
            yield code, (history.value(kind, orderid) or "", told)


def _amounts_wanted(spec: TransactionSpec, body: JsonObject, history: History) -> Iterator[Fault]:
    """ST022 after ST023 settles what the original interface calculated: both amounts (S13)."""
    orderid = (text_of(body.get("orderid")),)
    if spec.code != "ST022" or history.value(VISIT, orderid) is None:
        return
    for code in _AMOUNTS:
        if not text_of(body.get(code)):
            yield _missing(spec, code, "出院结算必须填写预结算得到的金额")


def _missing(spec: TransactionSpec, code: str, told: str) -> Fault:
    name = next((field.name for field in spec.request if field.code == code), "")
    return Fault(f"/{code}", "missing", told, field=code, name=name)


def _filled(fields: Iterable[FieldSpec], data: JsonObject, values: Mapping[str, str]) -> JsonObject:
    added = {f.code: values[f.code] for f in fields if values.get(f.code) and is_absent(find(data, f.code))}
    kept = {key: value for key, value in data.items() if key.strip().lower() not in added}
    return {**kept, **added}


def _key(data: JsonObject, code: str) -> str:
    return next(key for key in data if key.strip().lower() == code)
