"""Results that the platform sends by itself: they settle what is inquired about, race with ST009 without
harm, and change nothing twice."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.demo.stage import eventually
from agent.outbox.model import State as MessageState
from plugins.scanpay.orders import State, order_of
from plugins.scanpay.simulator.callbacks import Callback
from tests.unit.scanpay.till import HOSPCODE, OPERATOR, Hospital, Served, hospital, order, scan, served

ONE = 1
LISTENER = (
    "[systems.scanpay.listener]",
    'address = "127.0.0.1:0"',
    'peers = ["127.0.0.0/8"]',
    "max_kb = 64",
)


def now() -> datetime:
    return datetime.now(BEIJING)


def port_of(his: Hospital) -> int:
    assert his.daemon is not None
    listener = his.daemon.listeners["scanpay"]
    assert listener.ready.wait(10)
    return listener.port


def post(his: Hospital, body: bytes, path: str = "/callback", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(his), timeout=10)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def till(root: Path, *switches: str) -> Iterator[tuple[Served, Hospital, list[Callback]]]:
    """A hospital that listens; what its platform would send is caught, to be sent when a test says so."""
    with served(callbacks="on") as platform, hospital(root, platform.url, *LISTENER) as his:
        caught: list[Callback] = []
        setattr(platform.built.callbacks, "put", caught.append)  # noqa: B010 - an instance's own, caught
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults(*switches)
        yield platform, his, caught


def pay(his: Hospital, orderid: str = "D1") -> Path:
    return his.drop("ST007", {**order(orderid, ONE), **scan(ONE, now())})


def state_of(his: Hospital, orderid: str = "D1") -> State | None:
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        known = order_of(tx.history("scanpay"), HOSPCODE, orderid)
    return None if known is None else known.state


def inquiring(his: Hospital) -> bool:
    assert his.daemon is not None
    return bool(his.daemon.outbox.messages(state=MessageState.INQUIRING))


def records(his: Hospital) -> list[dict[str, Any]]:
    assert his.daemon is not None
    return [one for one in his.daemon.outbox.audit_records(0, 1000) if one["kind"] == "notice.heard"]


def test_a_callback_settles_what_no_inquiry_could(tmp_path: Path) -> None:
    """ST009 does not answer at all: only the platform's own word tells."""
    with till(tmp_path, "drop_after=on:ST007", "drop_before=on:ST009") as (_, his, caught):
        result = pay(his)
        eventually(lambda: bool(caught) and inquiring(his), "inquiry")
        assert post(his, caught[0].body) == (200, b"respcode=00&aprcode=00")
        paid = his.result(result)
        assert (paid["state"], paid["settled_by"], paid["data"]["paystatus"]) == ("accepted", "inquiry", "2")
        assert state_of(his) is State.PAID


def test_a_callback_said_again_changes_nothing(tmp_path: Path) -> None:
    with till(tmp_path) as (_, his, caught):
        his.result(pay(his))
        assert [post(his, caught[0].body)[0] for _ in range(3)] == [200, 200, 200]
        assert len(records(his)) == 1
        assert state_of(his) is State.PAID


def test_a_callback_during_the_inquiry_and_the_inquiry_agree_whoever_is_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ST009's answer is on its way while the callback is committed; the order is settled once. Said again
    later, when ST009 has been heard, it changes nothing."""
    with till(tmp_path, "drop_after=on:ST007", "delay_after=on:ST009,seconds:3") as (platform, his, caught):
        result = pay(his)
        eventually(lambda: bool(caught) and inquiring(his), "inquiry")
        assert post(his, caught[0].body)[0] == 200
        first = his.result(result)
        assert first["state"] == "accepted"
        eventually(lambda: "ST009" in platform.calls(), "the late answer")
        refunded = his.send("ST010", {"orderid": "D1", **scan(ONE, now())})
        assert refunded["state"] == "accepted"
        assert json.loads(result.read_text("utf-8")) == first
        assert post(his, caught[0].body)[0] == 200
        assert state_of(his) is State.REFUNDED
    assert "cannot be stored" not in capsys.readouterr().out


def test_callbacks_of_many_threads_settle_once(tmp_path: Path) -> None:
    with till(tmp_path, "drop_after=on:ST007", "drop_before=on:ST009") as (_, his, caught):
        result = pay(his)
        eventually(lambda: bool(caught) and inquiring(his), "inquiry")
        told: list[int] = []
        threads = [
            threading.Thread(target=lambda: told.append(post(his, caught[0].body)[0])) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told == [200] * 6
        assert his.result(result)["state"] == "accepted"
        assert len(records(his)) == 1


def test_a_callback_that_says_paid_of_what_was_told_as_not_paid_makes_it_disputed(tmp_path: Path) -> None:
    with till(tmp_path) as (platform, his, caught):
        his.result(pay(his, "D1"))
        platform.faults("apr_failed=on:ST007")
        refused = his.result(pay(his, "D2"))
        assert refused["state"] == "rejected"
        assert state_of(his, "D2") is State.NOT_PAID
        platform.faults()
        world = platform.built.platform.world
        world.orders["D2"] = world.orders["D1"]
        world.orders["D2"].orderid = "D2"
        platform.built.platform._call_back("D2")
        assert [post(his, caught[-1].body)[0] for _ in range(2)] == [200, 200]
        assert state_of(his, "D2") is State.DISPUTED
        assert [one["details"].get("alarm") for one in records(his)] == ["paid_after_not_paid"]


@pytest.mark.parametrize("harm", ["forged", "unsigned", "changed", "nothing", "many"])
def test_what_is_not_the_platforms_word_is_refused_and_changes_nothing(tmp_path: Path, harm: str) -> None:
    with till(tmp_path, "drop_after=on:ST007", "drop_before=on:ST009") as (platform, his, caught):
        pay(his)
        eventually(lambda: bool(caught) and inquiring(his), "inquiry")
        platform.built.platform._call_back("D1", forged=True)
        good, forged = caught[0].body, caught[-1].body
        body = {
            "forged": forged,
            "unsigned": good.partition(b"&pltfirmsignature=")[0],
            "changed": good.replace(b"orderid=D1", b"orderid=D2"),
            "nothing": b"",
            "many": b"a=1&" * 300,
        }[harm]
        assert post(his, body) == (403, b"refused")
        assert inquiring(his)
        assert records(his) == []
        assert post(his, good)[0] == 200


def test_nothing_listens_unless_it_is_configured(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        assert his.daemon is not None
        assert his.daemon.listeners == {}
