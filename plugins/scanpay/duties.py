"""What the agent does by itself, because of what it knows: signs in and out, cancels what no HIS booked,
looks once more at what was told as not paid.

Each duty's facts say when it was begun, so that one which came to nothing is not begun again at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from agent import jsontext
from agent.clock import BEIJING
from agent.events import Awaited, Duty, Forget, History, Identifier, JsonObject, Submission, Watched
from plugins.scanpay.bodies import LOCAL, Till
from plugins.scanpay.claiming import unfinished
from plugins.scanpay.disputing import LATE_LOOK, NOW, TOLD_PAID, is_looked_at, waiting
from plugins.scanpay.keeping import name_of
from plugins.scanpay.orders import (
    BOOKING,
    Cycle,
    Order,
    State,
    has_known_differences,
    is_clean,
    open_cycles,
    order_of,
)
from plugins.scanpay.settings import SYSTEM, Settings

EVERY_S: Final = 1.0
WANTED: Final = "cycle-wanted"
"""By hospcode, member operator and region: a message waits for this till's cycle."""
CLOSING: Final = "cycle-closing"
"""By hospcode, member busicycleno: when it was last looked whether it can be closed."""
TRIED: Final = "cycle-tried"
"""By hospcode and transaction, member busicycleno: when its closing by that was last begun."""
AGAIN: Final = timedelta(seconds=60)
LOOK_AGAIN: Final = timedelta(seconds=10)
TRY_AGAIN: Final = timedelta(minutes=10)
AFTER_START: Final = timedelta(minutes=10)
_REASON: Final = "医院系统未在规定时间内确认记账"


def wanted(till: Till, since: str = "") -> Identifier:
    """The fact by which a message asks for its till's cycle."""
    value = {"operatorid": till.operatorid, "region": till.region, "since": since}
    return Identifier(WANTED, (till.hospcode,), jsontext.write(value), f"{till.operatorid}/{till.region}")


def awaited(till: Till) -> Awaited:
    return Awaited("cycle", till.cycle_key, "签到（ST001）得到业务周期号")


def duties(history: History, watched: Watched, settings: Settings) -> tuple[Duty, ...]:
    """Everything that is due at this moment."""
    found = [*_signing_in(history, watched, settings), *_late_looks(history, watched, settings)]
    if watched.heard is not None:
        found += [*_cancelling(history, watched, settings), *_signing_out(history, watched, settings)]
    return tuple(found)


# -- signing in -------------------------------------------------------------------------------------
def _signing_in(history: History, watched: Watched, settings: Settings) -> Iterator[Duty]:
    if settings.sign_in == "start" and watched.first:
        for operator in settings.operators:
            till = Till(settings.hospcode, operator, LOCAL)
            if history.value("cycle", till.cycle_key) is None:
                yield _sign_in(till, watched.now)
    for member, text in history.values(WANTED, (settings.hospcode,)).items():
        held = jsontext.read_object(text)
        till = Till(settings.hospcode, held["operatorid"], held["region"])
        if history.value("cycle", till.cycle_key) is not None:
            yield Duty(f"met/{member}", forgotten=(Forget(WANTED, (settings.hospcode,), member),))
        elif _passed(held["since"], AGAIN, watched.now):
            yield _sign_in(till, watched.now)


def _sign_in(till: Till, now: datetime) -> Duty:
    data = {"hospcode": till.hospcode, "operatorid": till.operatorid, "aae139": till.region}
    name = name_of("sign-in", till.operatorid, till.region)
    return Duty(name, _submission("ST001", data, now), given=(wanted(till, _iso(now)),))


# -- after a payment --------------------------------------------------------------------------------
def _cancelling(history: History, watched: Watched, settings: Settings) -> Iterator[Duty]:
    """What the HIS has not acknowledged in time, counted from when the agent first saw it wait."""
    hospcode = settings.hospcode
    for orderid, text in history.values(BOOKING, (hospcode,)).items():
        held = jsontext.read_object(text)
        order = order_of(history, hospcode, orderid)
        if order is None or order.doing:
            continue
        if order.state is not State.PAID:
            yield Duty("settled", forgotten=(Forget(BOOKING, (hospcode,), orderid),))
        elif not _counts(held["since"], watched):
            since = waiting(BOOKING, hospcode, orderid, _iso(watched.now), order.cycle)
            yield Duty("seen", given=(since,))
        elif settings.ack_within and _unheard(held["since"], settings.ack_within, watched):
            data = {"orderid": orderid, "busicycleno": order.cycle, "reason": _REASON}
            data |= {"operatorid": order.operatorid, "aae139": order.region}
            since = waiting(BOOKING, hospcode, orderid, _iso(watched.now), order.cycle)
            name = name_of("cancel", orderid)
            yield Duty(name, _submission("ST100", data, watched.now), given=(since,))


def _counts(since: str, watched: Watched) -> bool:
    """Whether the wait began by a clock that has not been set since."""
    if not since:
        return False
    began = datetime.fromisoformat(since)
    return began <= watched.now and not (watched.clock_set and began < watched.clock_set)


def _unheard(since: str, ack_within: timedelta, watched: Watched) -> bool:
    """Whether the time is over, and all that had come by its end was taken in. What the clock did while the
    agent was off, nobody knows: the HIS has some time after each start."""
    due = datetime.fromisoformat(since) + ack_within
    if watched.started is not None:
        due = max(due, watched.started + min(ack_within, AFTER_START))
    return watched.heard is not None and watched.heard >= due


def not_after_a_restore(history: History, hospcode: str) -> tuple[Forget, ...]:
    """No payment of a restored backup is cancelled for want of the HIS's word: it may have come since."""
    return tuple(Forget(BOOKING, (hospcode,), orderid) for orderid in history.values(BOOKING, (hospcode,)))


def _late_looks(history: History, watched: Watched, settings: Settings) -> Iterator[Duty]:
    hospcode = settings.hospcode
    for kind in (LATE_LOOK, TOLD_PAID):
        for orderid, text in history.values(kind, (hospcode,)).items():
            order = order_of(history, hospcode, orderid)
            if order is not None and order.unsettled:
                continue
            if order is None or not is_looked_at(kind, order):
                yield Duty("settled", forgotten=(Forget(kind, (hospcode,), orderid),))
            else:
                yield from _look(kind, order, jsontext.read_object(text)["since"], watched.now, settings)


def _look(kind: str, order: Order, since: str, now: datetime, settings: Settings) -> Iterator[Duty]:
    again = waiting(kind, order.hospcode, order.orderid, _iso(now), order.cycle)
    if not since:
        yield Duty("seen", given=(again,))
    elif since == NOW or _passed(since, settings.late_look_after, now):
        data = {"orderid": order.orderid, "operatorid": order.operatorid, "aae139": order.region}
        yield Duty(name_of("look", order.orderid), _submission("ST009", data, now), given=(again,))


# -- signing out ------------------------------------------------------------------------------------
def _signing_out(history: History, watched: Watched, settings: Settings) -> Iterator[Duty]:
    """After the configured time of the day, every cycle opened before it, once all was heard that came by
    then."""
    if settings.sign_out_at is None:
        return
    local = watched.now.astimezone(BEIJING)
    due = datetime.combine(local.date(), settings.sign_out_at, BEIJING)
    if local < due:
        due -= timedelta(days=1)
    if watched.heard is None or watched.heard < due:
        return
    looked = history.values(CLOSING, (settings.hospcode,))
    for cycle in open_cycles(history, settings.hospcode):
        before = bool(cycle.opened_at) and datetime.fromisoformat(cycle.opened_at) < due
        if before and _passed(looked.get(cycle.number, ""), LOOK_AGAIN, watched.now):
            yield from _closing(history, cycle, watched.now, settings.hospcode)


def _closing(history: History, cycle: Cycle, now: datetime, hospcode: str) -> Iterator[Duty]:
    yield Duty("looked", given=(Identifier(CLOSING, (hospcode,), _iso(now), cycle.number),))
    transaction = _next_step(history, cycle.number, hospcode)
    tried = history.value(TRIED, (hospcode, transaction), cycle.number) or ""
    if transaction and _passed(tried, TRY_AGAIN, now):
        data = {"operatorid": cycle.operatorid, "busicycleno": cycle.number, "aae139": cycle.region}
        begun = Identifier(TRIED, (hospcode, transaction), _iso(now), cycle.number)
        name = name_of(f"close/{transaction}", cycle.number)
        yield Duty(name, _submission(transaction, data, now), given=(begun,))


def _next_step(history: History, number: str, hospcode: str) -> str:
    """ST002 after a clean ST099, also where the agent knows of no order: the platform may. What differs
    waits for a person, and is not asked for again until an order has changed. "": nothing to do."""
    wrong = {fault.rule for fault in unfinished(history, hospcode, number)}
    if wrong - {"not_reconciled"} or has_known_differences(history, hospcode, number):
        return ""
    return "ST002" if is_clean(history, hospcode, number) else "ST099"


def _submission(transaction: str, data: JsonObject, now: datetime) -> Submission:
    return Submission(SYSTEM, transaction, "", data, occurred_at=now, internal=True)


def _passed(since: str, period: timedelta, now: datetime) -> bool:
    """Whether it is so long ago; also when it never was, or seems to lie ahead (a clock set back)."""
    if not since:
        return True
    ago = now - datetime.fromisoformat(since)
    return ago >= period or ago < -period


def _iso(now: datetime) -> str:
    return now.isoformat()
