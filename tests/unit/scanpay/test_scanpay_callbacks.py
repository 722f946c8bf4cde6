"""Results that the platform sends by itself: they settle what is inquired about, race with ST009 without
harm, and change nothing twice."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.demo.stage import eventually
from agent.errors import AnswerRejected, ControlError
from agent.hookspecs import Incoming, Notice
from agent.outbox.model import State as MessageState
from plugins.scanpay.building import build
from plugins.scanpay.disputing import TOLD_PAID
from plugins.scanpay.hearing import hear
from plugins.scanpay.orders import State, order_of
from plugins.scanpay.simulator.callbacks import Callback
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.wire import write_form
from tests.unit.scanpay.test_scanpay_reconciling import act
from tests.unit.scanpay.till import (
    HOSPCODE,
    OPERATOR,
    Hospital,
    Keyring,
    Served,
    hospital,
    key_folder,
    key_texts,
    options,
    order,
    scan,
    served,
)

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
def till(
    root: Path, *switches: str, settings: tuple[str, ...] = ()
) -> Iterator[tuple[Served, Hospital, list[Callback]]]:
    """A hospital that listens; what its platform would send is caught, to be sent when a test says so."""
    with served(callbacks="on") as platform, hospital(root, platform.url, *settings, *LISTENER) as his:
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


def looks(his: Hospital) -> dict[str, str]:
    """What the agent has yet to look at because of callbacks."""
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        return dict(tx.history("scanpay").values(TOLD_PAID, (HOSPCODE,)))


def settled_as_paid(his: Hospital) -> int:
    """How often a payment's end was recorded."""
    assert his.daemon is not None
    ends = [one for one in his.daemon.outbox.audit_records(0, 1000) if one["kind"] == "message.accepted"]
    return len(ends) - 1  # the sign-in


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


def test_st009_first_and_the_callback_after_it_settle_once(tmp_path: Path) -> None:
    with till(tmp_path, "drop_after=on:ST007") as (_, his, caught):
        paid = his.result(pay(his))
        assert (paid["state"], paid["settled_by"]) == ("accepted", "inquiry")
        assert post(his, caught[0].body)[0] == 200
        assert [one["details"] for one in records(his)] == [{"system": "scanpay", "settled": 0}]
        assert settled_as_paid(his) == 1


# -- told as not paid, and paid after all ---------------------------------------------------------------
QUICK = (
    "query_margin_s = 1",
    "negatives = 2",
    "negative_quiet_s = 0.1",
    "transport = { answer_timeout_s = 1 }",
)
PARKED = "park=on:ST007,negatives:1000,times:1"
"""The platform answers "no such order" until the order is told as not paid, and pays then."""


def told_as_not_paid(platform: Served, his: Hospital, orderid: str = "D1") -> dict[str, Any]:
    data = {**order(orderid, ONE), **scan(ONE, now()), "orderovertime": "0"}
    told = his.send("ST007", data)
    assert (told["state"], told["settled_by"]) == ("rejected", "inquiry")
    assert state_of(his, orderid) is State.NOT_PAID
    assert platform.admin("POST", "parked") == {"committed": 1}
    return told


def alarms(his: Hospital) -> list[dict[str, Any]]:
    folder = his.config.downloads / "ST009"
    found = sorted(folder.glob("disputed-*.json")) if folder.is_dir() else []
    return [json.loads(path.read_text("utf-8")) for path in found]


def test_an_order_told_as_not_paid_that_a_callback_calls_paid_is_disputed_and_can_be_cancelled(
    tmp_path: Path,
) -> None:
    with till(tmp_path, PARKED, settings=QUICK) as (platform, his, caught):
        told = told_as_not_paid(platform, his)
        eventually(lambda: bool(caught), "the callback")
        assert [post(his, caught[0].body)[0] for _ in range(2)] == [200, 200]
        assert state_of(his) is State.DISPUTED
        assert [one["details"].get("alarm") for one in records(his)] == ["paid_after_not_paid"]
        eventually(lambda: bool(alarms(his)), "the alarm")
        (alarm,) = alarms(his)
        assert (alarm["alarm"], alarm["orderid"], alarm["orderamt"]) == ("disputed", "D1", "25.00")

        again = his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        assert again["errors"][0]["rule"] == "order_used"
        cycle = alarm["offer"]["data"]["busicycleno"]
        early = his.send("ST002", {"operatorid": OPERATOR, "busicycleno": cycle})
        assert "disputed" in [fault["rule"] for fault in early["errors"]]

        offer = alarm["offer"]
        cancelled = his.send(offer["transaction"], {**offer["data"], "reason": "医院未记账"})
        assert cancelled["state"] == "accepted"
        assert state_of(his) is State.CANCELLED
        assert [one for one in platform.effects() if one[0] == "pay:D1"] == [("pay:D1", 1), ("pay:D1", -1)]
        assert told["message"]


def test_an_order_told_as_not_paid_that_a_later_look_finds_paid_is_disputed(tmp_path: Path) -> None:
    """No callback at all: the agent's own second look finds it."""
    with till(tmp_path, PARKED, settings=(*QUICK, "late_look_after_s = 1")) as (platform, his, _caught):
        told_as_not_paid(platform, his)
        eventually(lambda: bool(alarms(his)), "the alarm")
        assert alarms(his)[0]["offer"]["transaction"] == "ST100"
        assert state_of(his) is State.DISPUTED


def test_a_dispute_that_a_person_accepts_counts_as_paid(tmp_path: Path) -> None:
    with till(tmp_path, PARKED, settings=QUICK) as (platform, his, caught):
        told_as_not_paid(platform, his)
        eventually(lambda: bool(caught), "the callback")
        assert post(his, caught[0].body)[0] == 200
        eventually(lambda: bool(alarms(his)), "the alarm")
        (cycle,) = platform.built.platform.world.cycles
        assert state_of(his) is State.DISPUTED
        for others in ("all", "D2"):
            with pytest.raises(ControlError):
                act(his, "accept", cycle, others, why="医院已补记账")
        assert act(his, "accept", cycle, "D1", why="医院已补记账")["data"]["paid"] == ["D1"]
        assert state_of(his) is State.PAID
        told = his.send("ST099", {"operatorid": OPERATOR})["data"]["reconciliation"]
        assert (told["clean"], told["counts"]["matched"]) == (True, 1)
        assert his.send("ST002", {"operatorid": OPERATOR, "busicycleno": cycle})["state"] == "accepted"


def test_a_hiss_own_question_that_finds_it_paid_has_it_disputed(tmp_path: Path) -> None:
    with till(tmp_path, PARKED, settings=QUICK) as (platform, his, _caught):
        told_as_not_paid(platform, his)
        assert his.send("ST009", {"orderid": "D1"})["data"]["paystatus"] == "2"
        eventually(lambda: bool(alarms(his)), "the alarm")
        assert state_of(his) is State.DISPUTED


def test_a_callback_that_st009_does_not_confirm_raises_an_alarm_without_an_offer(tmp_path: Path) -> None:
    """The platform contradicts itself: a person has to ask it, and nothing is cancelled on its word."""
    with till(tmp_path) as (platform, his, caught):
        his.result(pay(his, "D1"))
        platform.faults("apr_failed=on:ST007")
        assert his.result(pay(his, "D2"))["state"] == "rejected"
        world = platform.built.platform.world
        world.orders["D2"] = replace(world.orders["D1"], orderid="D2")
        platform.built.platform._call_back("D2")
        del world.orders["D2"]
        assert post(his, caught[-1].body)[0] == 200
        assert state_of(his, "D2") is State.DISPUTED
        eventually(lambda: bool(alarms(his)), "the alarm")
        (alarm,) = alarms(his)
        assert (alarm["orderid"], alarm["paystatus"], "offer" in alarm) == ("D2", "", False)
        assert state_of(his, "D2") is State.DISPUTED


def test_a_callback_before_the_answer_leaves_the_order_to_its_own_message(tmp_path: Path) -> None:
    """Early: the payment's answer is still on its way. It settles the order; no look, no dispute follows."""
    with till(tmp_path, "delay_after=on:ST007,seconds:1") as (platform, his, caught):
        result = pay(his)
        eventually(lambda: bool(caught), "the callback")
        assert state_of(his) is State.ASKED
        assert post(his, caught[0].body)[0] == 200
        paid = his.result(result)
        assert (paid["state"], paid["settled_by"]) == ("accepted", "answer")
        assert state_of(his) is State.PAID
        assert looks(his) == {}
        assert "ST009" not in platform.calls()


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


def signed_by_platform(**changed: str) -> bytes:
    """A result with a signature that is another one each time (SM2)."""
    told = {
        "transtype": "ST009",
        "orderid": "D1",
        "respcode": "00",
        "aprcode": "00",
        "transdata": "<transdata><orderid>D1</orderid><paystatus>2</paystatus></transdata>",
    }
    sealing = read_sealing(key_folder(Hash.SM3), Hash.SM3, now())
    return write_form(sealing.signed({**told, **changed}))


def heard(body: bytes) -> Notice:
    given = options(signature_hash="sm3")
    hearing = hear(build(given, Keyring(key_texts(Hash.SM3))))
    return hearing.heard(Incoming("/callback", {}, body))


def test_a_result_that_is_signed_anew_is_the_same_and_another_is_not() -> None:
    first, again = signed_by_platform(), signed_by_platform()
    assert first != again
    assert heard(first).key == heard(again).key
    assert heard(first).scope.key == ("D1",)
    assert heard(signed_by_platform(hospcode=HOSPCODE)).key != heard(first).key


@pytest.mark.parametrize("changed", [{"hospcode": "99999999"}, {"orderid": "D2"}, {"transtype": "ST007"}])
def test_a_result_for_somebody_or_something_else_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(AnswerRejected):
        heard(signed_by_platform(**changed))


def test_nothing_listens_unless_it_is_configured(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        assert his.daemon is not None
        assert his.daemon.listeners == {}
