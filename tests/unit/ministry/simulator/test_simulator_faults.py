"""Every fault switch of the ministry's rehearsal is observable from outside, by answer and by effect."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest

from agent.clock import ManualClock
from agent.errors import SignatureRejected
from plugins.ministry.simulator.handler import FAULTS
from tests.unit.ministry.simulator.forms import admission, admissions, fee, fees
from tests.unit.ministry.simulator.rehearsed import PATH, Rehearsed, rehearsed

STAY = "stay:51010000001/ZY0001"


@pytest.fixture
def rehearsal() -> Iterator[Rehearsed]:
    with rehearsed(crowd=3) as running:
        yield running


@pytest.mark.parametrize("fault", ["drop_after", "reset_after"])
def test_an_admission_whose_answer_is_lost_is_found_by_inquiry(rehearsal: Rehearsed, fault: str) -> None:
    province = rehearsal.province
    rehearsal.faults({"name": fault, "times": 1})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        province.send("GYU101", admissions())
    told = province.ask("GYU101", province.refid(1))
    assert told.busi == "RE0000"
    assert told.data["hisdata"]["datalist"][0]["ret_code"] == "RE0000"
    assert rehearsal.effects() == [STAY]


def test_an_admission_dropped_before_processing_is_not_there(rehearsal: Rehearsed) -> None:
    province = rehearsal.province
    rehearsal.faults({"name": "drop_before", "times": 1})
    with pytest.raises(http.client.RemoteDisconnected):
        province.send("GYU101", admissions())
    told = province.ask("GYU101", province.refid(1))
    assert (told.busi, told.data["hisdata"]) == ("RE1106", {})
    assert rehearsal.effects() == []


def test_a_parked_admission_commits_after_its_negative_inquiry_and_not_before(rehearsal: Rehearsed) -> None:
    province = rehearsal.province
    rehearsal.faults({"name": "park", "times": 1})
    with pytest.raises(http.client.RemoteDisconnected):
        province.send("GYU101", admissions())
    refid = province.refid(1)
    assert rehearsal.admin("GET", "parked") == {"parked": [["510000001", "GYU101", refid]]}
    assert rehearsal.effects() == []
    assert province.ask("GYU102", refid).busi == "RE1106"  # the same number, another transaction
    assert rehearsal.effects() == []
    assert province.ask("GYU101", refid).busi == "RE1106"
    assert rehearsal.effects() == [STAY]
    assert province.ask("GYU101", refid).data["hisdata"]["datalist"][0]["ret_code"] == "RE0000"
    assert province.send("GYU101", admissions()).rows == ["RE1116"]
    assert rehearsal.effects() == [STAY]


def test_a_parked_admission_may_wait_for_two_negative_inquiries(rehearsal: Rehearsed) -> None:
    province = rehearsal.province
    rehearsal.faults("park=times:1,negatives:2")
    with pytest.raises(http.client.RemoteDisconnected):
        province.send("GYU101", admissions())
    assert [province.ask("GYU101", province.refid(1)).busi for _ in range(3)] == [
        "RE1106",
        "RE1106",
        "RE0000",
    ]


def test_without_guards_a_resend_after_a_negative_answer_shows_as_a_duplicate() -> None:
    with rehearsed(guards="off") as rehearsal:
        province = rehearsal.province
        rehearsal.faults("park=times:1")
        with pytest.raises(http.client.RemoteDisconnected):
            province.send("GYU101", admissions())
        assert province.ask("GYU101", province.refid(1)).busi == "RE1106"
        assert province.send("GYU101", admissions()).rows == ["RE0000"]
        assert rehearsal.admin("GET", "ledger/summary")["duplicates"] == {STAY: 2}


def test_a_parked_request_that_is_sent_again_takes_effect_once_by_the_rules(
    rehearsal: Rehearsed,
) -> None:
    province = rehearsal.province
    rehearsal.faults("park=times:1")
    with pytest.raises(http.client.RemoteDisconnected):
        province.send("GYU101", admissions())
    assert province.send("GYU101", admissions()).rows == ["RE0000"]
    assert province.ask("GYU101", province.refid(1)).busi == "RE1106"
    late = province.ask("GYU101", province.refid(1)).data["hisdata"]
    assert late["datalist"][0]["ret_code"] == "RE1116"
    assert rehearsal.effects() == [STAY]


@pytest.mark.parametrize(("fault", "effects"), [("http500_before", []), ("http500_after", [STAY])])
def test_http_500_comes_with_and_without_processing(
    rehearsal: Rehearsed, fault: str, effects: list[str]
) -> None:
    rehearsal.faults(fault)
    assert rehearsal.province.send("GYU101", admissions()).status == 500
    assert rehearsal.effects() == effects


@pytest.mark.parametrize(
    ("fault", "code", "effects"),
    [
        ("PE0002", "PE0002", []),
        ("PE1001", "PE1001", []),
        ("PE2001", "PE2001", []),
        ("PE9999", "PE9999", []),
        ("PE1002", "PE1002", [STAY]),
        ("PE2002", "PE2002", [STAY]),
        ("PE9999_after", "PE9999", [STAY]),
    ],
)
def test_pe_codes_come_with_processing_where_their_meaning_implies_it(
    rehearsal: Rehearsed, fault: str, code: str, effects: list[str]
) -> None:
    rehearsal.faults(fault)
    told = rehearsal.province.send("GYU101", admissions())
    assert (told.code, told.data) == (code, {})
    assert told.message
    assert rehearsal.effects() == effects
    calls = rehearsal.admin("GET", "calls")["calls"]
    assert (calls[0]["faults"], calls[0]["code"]) == ([fault], code)


def test_a_bad_signature_does_not_verify_though_the_request_took_effect(rehearsal: Rehearsed) -> None:
    rehearsal.faults("bad_signature")
    with pytest.raises(SignatureRejected):
        rehearsal.province.send("GYU101", admissions())
    assert rehearsal.effects() == [STAY]


def test_a_bad_signature_leaves_a_refused_envelope_as_it_is(rehearsal: Rehearsed) -> None:
    rehearsal.faults("bad_signature")
    assert rehearsal.province.send("GYU000", {}, sign=None).code == "PE0001"


def test_another_answer_verifies_but_has_another_requests_rows(rehearsal: Rehearsed) -> None:
    province = rehearsal.province
    people = rehearsal.built.platform.world.people
    crowd = [person for person in people.values() if person.aac003.startswith("演练人员")]
    rehearsal.faults("other_answer=skip:1")
    first, second = (
        admission(aac002=person.aac002, aac003=person.aac003, akc190=f"ZY{number}")
        for number, person in enumerate(crowd[:2])
    )
    province.send("GYU101", admissions(first))
    told = province.send("GYU101", admissions(second))
    assert told.headers["request_id"].endswith("001")
    assert told.data["datalist"][0]["akc190"] == "ZY0"
    assert rehearsal.effects() == ["stay:51010000001/ZY0", "stay:51010000001/ZY1"]


@pytest.mark.parametrize("fault", ["RE1173", "RE1108", "RE1112", "RE1136"])
def test_a_business_fault_is_sealed_and_processes_nothing(rehearsal: Rehearsed, fault: str) -> None:
    rehearsal.faults({"name": fault, "times": 1})
    told = rehearsal.province.send("GYU101", admissions())
    assert (told.code, told.busi) == ("PE0000", fault)
    assert rehearsal.effects() == []
    assert rehearsal.province.ask("GYU101", rehearsal.province.refid(1)).busi == "RE1106"


def test_a_truncated_answer_ends_in_the_middle(rehearsal: Rehearsed) -> None:
    rehearsal.faults("truncated")
    with pytest.raises(http.client.IncompleteRead):
        rehearsal.province.send("GYU101", admissions())
    assert rehearsal.effects() == [STAY]


@pytest.mark.parametrize("fault", ["drip=seconds:20", "delay=seconds:20", "delay_after=seconds:20"])
def test_a_slow_answer_is_slow_by_the_clock_and_sound(rehearsal: Rehearsed, fault: str) -> None:
    clock = rehearsal.clock
    assert isinstance(clock, ManualClock)
    rehearsal.faults(fault)
    begun, told = clock.monotonic(), []
    asking = threading.Thread(target=lambda: told.append(rehearsal.province.send("GYU000", {}).busi))
    asking.start()
    while asking.is_alive():
        clock.advance(0.5)
        asking.join(0.005)
    assert told == ["RE0000"]
    assert clock.monotonic() - begun >= 20


def test_hang_up_answers_and_then_closes_the_kept_connection(rehearsal: Rehearsed) -> None:
    rehearsal.faults("hang_up=times:1")
    headers, body = rehearsal.province.request("GYU000", {})
    connection = http.client.HTTPConnection("127.0.0.1", rehearsal.server.port, timeout=30)
    connection.request("POST", PATH, json.dumps(body), headers)
    response = connection.getresponse()
    assert response.getheader("connection") == "keep-alive"
    assert response.read()
    assert connection.sock is not None
    assert connection.sock.recv(1) == b""
    connection.close()


def test_a_switch_strikes_only_the_transactions_it_names(rehearsal: Rehearsed) -> None:
    rehearsal.faults("http500_before=on:GYU102+GYU103")
    assert rehearsal.province.send("GYU101", admissions()).rows == ["RE0000"]
    assert rehearsal.province.send("GYU102", fees(fee())).status == 500


def test_faults_can_be_given_at_the_start() -> None:
    with rehearsed(fault=["http500_before=every:2"]) as rehearsal:
        assert [rehearsal.province.send("GYU000", {}).status for _ in range(3)] == [200, 500, 200]


def test_every_fault_of_the_ministry_has_a_test_here() -> None:
    with open(__file__, encoding="utf-8") as source:  # noqa: PTH123 - its own text is what is asked for
        text = source.read()
    assert [kind.name for kind in FAULTS if f'"{kind.name}' not in text] == []
