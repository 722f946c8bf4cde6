"""A cycle reconciled through a whole daemon: differences are found, reported, accepted, and only then is
it closed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.control import ControlClient, endpoint_at, error_code
from agent.demo.stage import eventually
from agent.errors import ControlError
from tests.unit.scanpay.till import OPERATOR, Hospital, hospital, order, scan, served

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


@pytest.mark.parametrize("words", [("nobody", "C1"), ("accept", "C1"), ("differences", "")])
def test_what_nobody_can_ask_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his, pytest.raises(ControlError):
        act(his, *words, why="x")
