"""plugins.scanpay.duties: when a payment is cancelled that the HIS has not acknowledged: never before all was
heard that came in time, whatever becomes of the clock, and not without telling the HIS."""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.demo.stage import eventually
from agent.events import Identifier, Submission, Watched
from agent.rehearsal.server import Answer, Call, RehearsalServer
from plugins.scanpay import disputing
from plugins.scanpay.orders import BOOKING, State
from tests.unit.scanpay.test_scanpay_desk import ONE, TWO, now, order_in, waiting_for_receipt
from tests.unit.scanpay.test_scanpay_orders import (
    CYCLE,
    IDS,
    Held,
    acknowledge,
    all_due,
    due,
    paid_order,
    payment,
)
from tests.unit.scanpay.test_scanpay_planning import adapter
from tests.unit.scanpay.till import HOSPCODE, NOW, PATIENCE_S, Hospital, hospital, order, scan, served


def unbooked(since: datetime = NOW) -> tuple[Identifier, ...]:
    """A payment that has waited for its receipt since then."""
    waits = disputing.waiting(BOOKING, HOSPCODE, "D1", since.isoformat(), "C1")
    return (*paid_order().facts(), waits)


# -- what was heard ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seconds", "heard_s", "begun"),
    [(31, None, []), (31, 29.9, []), (3000, 29.9, []), (29.9, 29.9, []), (31, 30, ["ST100"])],
)
def test_a_payment_is_cancelled_once_all_was_heard_that_came_before_its_receipt_was_due(
    seconds: float, heard_s: float | None, begun: list[str]
) -> None:
    heard = None if heard_s is None else NOW + timedelta(seconds=heard_s)
    watched = Watched(NOW + timedelta(seconds=seconds), first=False, heard=heard)
    assert due(*unbooked(), watched=watched, ack_within_s=30) == begun


def test_a_receipt_behind_a_file_that_takes_long_to_read_counts_as_it_came(tmp_path: Path) -> None:
    """A scan's code is being decoded all the time that the HIS has to acknowledge the payment before it."""
    asked, decoded = threading.Event(), threading.Event()

    def answer(_call: Call) -> Answer:
        asked.set()
        decoded.wait(PATIENCE_S)
        return Answer(status=500)

    with served() as platform, RehearsalServer(answer) as server:
        lines = ('decoder = "http"', f'decoder_url = "{server.url}/decode"', "ack_within_s = 1")
        with hospital(tmp_path, platform.url, *lines) as his:
            his.send("ST007", payment("D1", ONE))
            his.drop("ST007", {**order("D2", TWO), **scan(TWO, now(), token=False)})
            assert asked.wait(PATIENCE_S)
            acknowledge(his, "HIS-1")
            assert his.daemon is not None
            next_look, over = his.daemon.scheduler._look_at, time.monotonic() + 3.0
            eventually(lambda: next_look["scanpay"] > over, "a look after its time was over", PATIENCE_S)
            decoded.set()
            eventually(lambda: not waiting_for_receipt(his), "the receipt", PATIENCE_S)
            assert "ST100" not in platform.calls()
            assert order_in(his).state is State.PAID


def test_a_system_is_heard_as_far_as_the_inbox_of_it_that_is_furthest_behind(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.stop()
        folder = "[folders.scanpay]"
        his.configure((folder, f'[folders.second]\nsystem = "scanpay"\n{folder}'))
        his.start()
        assert his.daemon is not None
        heard_until, (one, other) = his.daemon.scheduler.heard_until, his.daemon.intakes
        one.heard_until = math.inf
        assert heard_until("scanpay") < math.inf
        assert heard_until("another system") == math.inf
        other.heard_until = math.inf
        assert heard_until("scanpay") == math.inf


# -- the clock --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("set_by_s", [-300, -10, 40, 3600])
def test_a_clock_that_was_set_makes_the_wait_for_a_receipt_begin_anew(set_by_s: float) -> None:
    clock_set = NOW + timedelta(seconds=set_by_s)
    seen = Watched(clock_set + timedelta(seconds=1), first=False, heard=clock_set, clock_set=clock_set)
    (again,) = all_due(*unbooked(), watched=seen, ack_within_s=30)
    assert (again.name, again.submission) == ("seen", None)
    held = (*paid_order().facts(), *again.given)
    for seconds, begun in ((30.0, []), (31.0, ["ST100"])):
        now = clock_set + timedelta(seconds=seconds)
        assert due(*held, watched=replace(seen, now=now, heard=now), ack_within_s=30) == begun


def test_a_wait_that_lies_ahead_by_the_clock_of_this_start_begins_anew() -> None:
    (again,) = all_due(*unbooked(NOW + timedelta(days=1)), ack_within_s=30)
    assert (again.name, again.submission) == ("seen", None)


@pytest.mark.parametrize(("ack_within_s", "grace_s"), [(30, 30), (86400, 600)])
def test_a_receipt_may_come_for_a_while_after_each_start_however_late_it_seems(
    ack_within_s: int, grace_s: int
) -> None:
    started = NOW + timedelta(days=2)
    for seconds, begun in ((grace_s - 1, []), (grace_s, ["ST100"])):
        now = started + timedelta(seconds=seconds)
        watched = Watched(now, first=False, heard=now, started=started)
        assert due(*unbooked(), watched=watched, ack_within_s=ack_within_s) == begun


# -- what the HIS is told ---------------------------------------------------------------------------------
def told(his: Hospital) -> list[Any]:
    """What was left for the HIS about orders that were cancelled without its asking."""
    folder = his.config.downloads / "ST009"
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("cancelled-*.json"))]


@pytest.mark.parametrize("lost", [False, True])
def test_a_his_whose_payment_was_cancelled_for_want_of_its_receipt_is_told_so(
    tmp_path: Path, lost: bool
) -> None:
    """Also where the answer to ST100 is lost, and ST009 tells what became of it."""
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 1") as his:
        if lost:
            platform.faults("drop_after=on:ST100")
        paid = his.send("ST007", payment("D1"))
        eventually(lambda: bool(told(his)), "the notice", PATIENCE_S)
        (notice,) = told(his)
        assert (paid["state"], order_in(his).state) == ("accepted", State.CANCELLED)
        assert (notice["alarm"], notice["orderid"], notice["paystatus"]) == ("cancelled", "D1", "4")
        assert (notice["orderamt"], notice["busicycleno"]) == ("25.00", order_in(his).cycle)
        assert "没有按时确认记账" in notice["message"]
        assert "offer" not in notice


def test_a_his_is_told_also_where_a_person_says_that_the_cancellation_was_done() -> None:
    data = {"orderid": "D1", "busicycleno": "C1", "reason": "医院系统未在规定时间内确认记账"}
    submission = Submission("scanpay", "ST100", "", data, internal=True)
    (*_, draft) = adapter().plan(submission, NOW).drafts
    completion = adapter().complete(draft, Held(CYCLE, *unbooked()), forced=False)
    assert completion.refused == ()
    (notice,) = adapter().resolved(completion.draft, IDS, {}).downloads
    assert (notice.name, notice.content["alarm"]) == (f"cancelled-{IDS['wire_id']}.json", "cancelled")


def test_a_his_that_asked_for_the_cancellation_is_told_by_its_result_alone(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 7200") as his:
        his.send("ST007", payment("D1"))
        assert his.send("ST100", {"orderid": "D1", "reason": "记账失败"})["state"] == "accepted"
        assert (order_in(his).state, told(his)) == (State.CANCELLED, [])
