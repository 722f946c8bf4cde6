"""A cycle reconciled through a whole daemon: differences are found, reported, accepted, and only then is
it closed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.control import ControlClient, endpoint_at, error_code
from agent.demo.stage import eventually
from agent.errors import ControlError
from agent.outbox.model import State as MessageState
from plugins.scanpay import duties
from plugins.scanpay.orders import RECONCILED, cycle_of
from plugins.scanpay.simulator.state import Entry
from tests.unit.scanpay.till import HOSPCODE, OPERATOR, Hospital, Served, hospital, order, scan, served

ONE = 1


def now() -> datetime:
    return datetime.now(BEIJING)


def act(his: Hospital, name: str, *words: str, why: str = "") -> dict[str, Any]:
    client = ControlClient(endpoint_at(his.config.control.path), timeout_s=20)
    args = {"system": "scanpay", "name": name, "words": list(words), "who": "person", "why": why}
    return client.call("protocol.act", args)


def signed_in(his: Hospital) -> str:
    return str(his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})["data"]["busicycleno"])


def sign_out(his: Hospital, cycle: str, **keys: Any) -> str:
    return str(his.send("ST002", {"operatorid": OPERATOR, "busicycleno": cycle}, **keys)["state"])


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("statement_missing", "missing_there"),
        ("statement_extra", "missing_here"),
        ("statement_amount", "amounts_differ"),
    ],
)
def test_a_difference_keeps_a_cycle_open_until_a_person_accepts_it(
    tmp_path: Path, fault: str, kind: str
) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        cycle = signed_in(his)
        assert his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})["state"] == "accepted"
        platform.faults(f"{fault}=on:ST099")
        told = his.send("ST099", {"operatorid": OPERATOR})["data"]["reconciliation"]
        assert (told["clean"], told["open"], told["counts"][kind]) == (False, 1, 1)
        assert sign_out(his, cycle, id="OUT-1") == "invalid"

        (found,) = act(his, "differences", cycle)["data"]["differences"]
        assert (found["kind"], found["accepted"]) == (kind, False)
        with pytest.raises(ControlError) as without_reason:
            act(his, "accept", cycle, found["id"])
        assert error_code(without_reason.value) == "bad_arguments"
        done = act(his, "accept", cycle, found["id"], why="尾差")
        assert done["data"]["open"] == 0

        again = his.send("ST099", {"operatorid": OPERATOR})["data"]["reconciliation"]
        assert (again["clean"], again["counts"][kind]) == (True, 1)
        assert sign_out(his, cycle, replaces="OUT-1") == "accepted"


def test_a_clean_cycle_has_its_reports_on_disk_and_is_closed(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        cycle = signed_in(his)
        his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        his.send("ST010", {"orderid": "D1", **scan(ONE, now())})
        told = his.send("ST099", {"operatorid": OPERATOR})["data"]["reconciliation"]
        assert (told["clean"], told["counts"]["matched"]) == (True, 2)
        files = [his.config.downloads / name for name in told["reports"]]
        eventually(lambda: all(file.exists() for file in files), "reports")
        report = next(json.loads(file.read_text("utf-8")) for file in files if file.suffix == ".json")
        assert report["totals"] == {"here": "0.00", "there": "0.00"}
        assert {file.suffix for file in files} == {".json", ".csv", ".html"}
        assert his.daemon is not None
        outbox = his.daemon.outbox
        eventually(lambda: outbox.download_tallies() == [], "reports marked")
        assert sign_out(his, cycle) == "accepted"


def test_a_payment_after_a_clean_reconciliation_makes_it_stale(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        cycle = signed_in(his)
        assert his.send("ST099", {"operatorid": OPERATOR})["data"]["reconciliation"]["clean"] is True
        his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        assert sign_out(his, cycle) == "invalid"


def test_a_person_reconciles_without_a_his(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        cycle = signed_in(his)
        his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        with pytest.raises(ControlError) as not_yet:
            act(his, "differences", cycle)
        assert error_code(not_yet.value) == "not_found"
        assert len(act(his, "reconcile", cycle)["data"]["submissions"]) == 1

        def done() -> bool:
            try:
                return bool(act(his, "differences", cycle)["data"]["state"] == "clean")
            except ControlError:
                return False

        eventually(done, "reconciliation")
        assert sign_out(his, cycle) == "accepted"


@pytest.mark.parametrize("keys", [{}, {"force": True}])
def test_a_payment_that_the_platform_alone_knows_keeps_the_cycle_open_until_a_person_accepts_it(
    tmp_path: Path, keys: dict[str, Any]
) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        cycle = signed_in(his)
        world = platform.built.platform.world
        shares = world.shares(ONE, Decimal("25.00"))
        world.entries.append(Entry(cycle, "pos", "ELSEWHERE", "JS1", f"{now():%Y-%m-%d}", shares))
        assert his.send("ST099", {"operatorid": OPERATOR})["data"]["reconciliation"]["open"] == 1
        assert sign_out(his, cycle, **keys) == "invalid"
        act(his, "accept", cycle, "ELSEWHERE", why="另一台工作站的支付")
        assert sign_out(his, cycle, **keys) == "accepted"


@pytest.mark.parametrize("own", [True, False])
def test_a_refund_of_unknown_fate_keeps_the_cycle_open_that_it_was_sent_in(tmp_path: Path, own: bool) -> None:
    """Also of an order that another agent made."""
    with served() as platform, hospital(tmp_path, platform.url) as his:
        if own:
            signed_in(his)
            his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
            his.send("ST099", {"operatorid": OPERATOR})
            assert his.send("ST002", {"operatorid": OPERATOR})["state"] == "accepted"
        cycle = signed_in(his)
        platform.faults("drop_before=on:ST010,times:1", "drop_before=on:ST009")
        numbers = {} if own else {"balanceno": "JS1", "balancecode": "YZ1"}
        his.drop("ST010", {"orderid": "D1", **numbers, **scan(ONE, now())})
        until_a_person_decides(his)
        assert sign_out(his, cycle) == "invalid"


def until_a_person_decides(his: Hospital) -> None:
    """What is inquired about, as after the longest that the agent inquires."""
    assert his.daemon is not None
    outbox = his.daemon.outbox
    eventually(lambda: bool(outbox.messages(state=MessageState.INQUIRING)), "the inquiry", 20)
    (doubtful,) = outbox.messages(state=MessageState.INQUIRING)
    with outbox.write() as tx:
        tx.leave_unknown(doubtful.message, "held too long", now())


# -- by itself ------------------------------------------------------------------------------------------
def opened_yesterday(his: Hospital, cycle: str) -> None:
    """The cycle as if it had been left open overnight."""
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        known = cycle_of(tx.history("scanpay"), HOSPCODE, cycle)
        assert known is not None
        before = replace(known, opened_at=(now() - timedelta(days=1)).isoformat())
        tx.give_facts("scanpay", before.facts())


AFTER_MIDNIGHT = 'sign_out_at = "00:00"'


def closing(platform: Served) -> list[str]:
    return [call for call in platform.calls() if call in ("ST099", "ST002")]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks every second whether a cycle can be closed, so that nobody waits for it."""
    monkeypatch.setattr(duties, "LOOK_AGAIN", timedelta(seconds=1))


@pytest.mark.usefixtures("often")
def test_after_its_hour_a_cycle_is_reconciled_and_signed_out_by_itself(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, AFTER_MIDNIGHT) as his:
        cycle = signed_in(his)
        his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        opened_yesterday(his, cycle)
        eventually(lambda: closing(platform) == ["ST099", "ST002"], "the sign-out", 40)
        assert platform.effects()[-1] == (f"closed:{cycle}", 1)
        assert his.send("ST007", {**order("D2", ONE), **scan(ONE, now())})["state"] == "accepted"
        assert len(platform.built.platform.world.cycles) == 2


@pytest.mark.usefixtures("often")
def test_a_difference_found_at_night_keeps_the_cycle_open_until_a_person_accepts_it(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, AFTER_MIDNIGHT) as his:
        cycle = signed_in(his)
        his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        platform.faults("statement_missing=on:ST099")
        opened_yesterday(his, cycle)
        eventually(lambda: reconciled(his, cycle) == "open 1", "the reconciliation")
        assert sign_out(his, cycle) == "invalid"
        act(his, "accept", cycle, "D1", why="已与平台核对")
        eventually(lambda: closing(platform) == ["ST099", "ST002"], "the sign-out", 40)


def reconciled(his: Hospital, cycle: str) -> str | None:
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        return tx.history("scanpay").value(RECONCILED, (HOSPCODE, cycle))


@pytest.mark.parametrize("words", [("nobody", "C1"), ("accept", "C1"), ("differences", "")])
def test_what_nobody_can_ask_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his, pytest.raises(ControlError):
        act(his, *words, why="x")
