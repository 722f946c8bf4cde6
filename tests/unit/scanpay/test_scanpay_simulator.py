"""The rehearsed platform by itself: what it refuses, what it keeps, what its switches do."""

from __future__ import annotations

import http.client
import io
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.errors import ConfigurationError, SignatureRejected
from agent.events import Outcome, Request, Verdict
from agent.rehearsal.people import invented_identity
from agent.rehearsal.server import Answer, Call, RehearsalServer
from plugins.scanpay.forms import read_form
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.serve import build
from plugins.scanpay.simulator.wire import write_form
from tests.unit.scanpay.till import (
    HOSPCODE,
    NOW,
    OPERATOR,
    Client,
    Served,
    admission,
    item,
    key_folder,
    order,
    orderdata,
    scan,
    served,
)

ONE, TWO = 1, 2


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def platform(clock: ManualClock) -> Iterator[Served]:
    with served(clock) as running:
        yield running


def sign_in(client: Client, region: str = "0", operator: str = OPERATOR) -> str:
    told = client.send("ST001", {"hospcode": HOSPCODE, "operatorid": operator, "aae139": region})
    assert told.verdict is Verdict.ACCEPTED, told
    return str(told.data["busicycleno"])


def full_order(orderid: str, cycle: str, person: int = ONE, amount: str = "25.00", **others: Any) -> Any:
    details = {"hospcode": HOSPCODE, "hospname": "演练医院", **orderdata(amount)}
    return {
        **order(orderid, person, amount),
        "orderdata": details,
        "busicycleno": cycle,
        "ordertime": "2026-01-02 09:00:00",
        "orderovertime": "5",
        "backurl": "http://127.0.0.1:9/",
        **others,
    }


def pay(client: Client, orderid: str, cycle: str, person: int = ONE, **others: Any) -> Outcome:
    return client.send("ST007", {**full_order(orderid, cycle, person, **others), **scan(person, NOW)})


def refused(outcome: Outcome) -> str:
    assert outcome.verdict is Verdict.REJECTED, outcome
    return outcome.code


# -- envelope and form --------------------------------------------------------------------------------
def test_who_is_not_registered_or_signs_with_another_key_is_refused(platform: Served) -> None:
    data = {"orderid": "D1"}
    assert refused(Client(platform.url, merchantcode="DD1").send("ST009", data)) == "10"
    stranger = Client(platform.url)
    draft = stranger.adapter.probe("")
    assert draft is not None
    request = stranger.adapter.encode(draft, {}, NOW)
    pairs = dict(read_form(request.body).pairs)
    changed = Request(request.url, request.headers, write_form({**pairs, "version": "1.1"}))
    assert b"respcode=11" in stranger.post(changed).body


def test_the_documents_form_is_demanded(platform: Served) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    assert refused(pay(client, "D1", cycle, ordertype="other")) == "13"
    assert refused(pay(client, "D1", cycle, ordertime="2026-01-02")) == "13"
    assert refused(pay(client, "D1", cycle, backurl="")) == "13"
    assert (
        refused(client.send("ST099", {"hospcode": "1", "operatorid": OPERATOR, "busicycleno": cycle})) == "13"
    )
    assert platform.effects() == [(f"cycle:{cycle}", 1)]


@pytest.mark.parametrize(
    "changed",
    [
        {"orderamt": "25.01"},
        {"orderdata": {"prescriptionfee": "24.00"}},
        {"orderdata": {"amount": "9.00"}},
    ],
    ids=["order", "prescription", "item"],
)
def test_amounts_that_do_not_agree_are_refused_and_the_order_never_was(
    platform: Served, changed: dict[str, Any]
) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    data = full_order("D1", cycle)
    prescription = data["orderdata"]["prescriptionlistinfo"][0]
    if "orderamt" in changed:
        data["orderamt"] = changed["orderamt"]
    elif "prescriptionfee" in changed["orderdata"]:
        prescription["prescriptionfee"] = "24.00"
    else:
        prescription["prescriptionitemlistinfo"][0] = item("1", "5", "2", "9.00")
        prescription["prescriptionfee"] = data["orderamt"] = "24.00"
    assert refused(client.send("ST007", {**data, **scan(ONE, NOW)})) == "14"
    assert refused(client.send("ST009", {"orderid": "D1"})) == "10"


def test_an_encrypted_rehearsal_speaks_des_both_ways(clock: ManualClock) -> None:
    with served(clock, hash="sha256", envelope="des") as platform:
        client = Client(platform.url, signature_hash="sha256", envelope="des")
        paid = pay(client, "D1", sign_in(client))
        assert paid.data["orderid"] == "D1"
        plain = Client(platform.url, signature_hash="sha256")
        assert refused(plain.send("ST009", {"orderid": "D1"})) == "11"


def test_a_rehearsal_may_speak_sm2() -> None:
    with served(hash_=Hash.SM3) as platform:
        assert sign_in(Client(platform.url, Hash.SM3))


# -- money --------------------------------------------------------------------------------------------
def test_money_is_kept_to_the_cent_and_given_back(platform: Served) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    before = Decimal(client.send("ST020", scan(ONE, NOW, field="ecrcode")).data["bac048"])
    paid = pay(client, "D1", cycle, amount="33.33")
    shares = paid.data["aptorderackdata"]["balanceret"]
    assert (shares["akc264"], shares["akc260"], shares["akc255"], shares["akc261"]) == (
        *("33.33", "19.99", "13.34"),
        "0.00",
    )
    assert Decimal(shares["akc087after"]) == before - Decimal("13.34")
    numbers = {"balanceno": shares["balanceno"], "balancecode": paid.data["balancecode"]}
    wrong = {"orderid": "D1", "busicycleno": cycle, **numbers, "balancecode": "X", **scan(ONE, NOW)}
    assert refused(client.send("ST010", wrong)) == "13"
    back = client.send("ST010", {**wrong, **numbers})
    assert back.data["totalfee"] == "33.33"
    assert refused(client.send("ST010", {**wrong, **numbers})) == "11"
    after = client.send("ST020", scan(ONE, NOW, field="ecrcode")).data["bac048"]
    assert Decimal(after) == before


def test_a_known_order_is_refused_unless_the_rehearsal_is_unguarded(clock: ManualClock) -> None:
    for guards, codes in (("on", "11"), ("off", "00")):
        with served(clock, guards=guards) as platform:
            client = Client(platform.url)
            cycle = sign_in(client)
            pay(client, "D1", cycle)
            assert pay(client, "D1", cycle).code == codes
            doubled = platform.admin("GET", "ledger/summary")["duplicates"]
            assert doubled == ({} if guards == "on" else {"pay:D1": 2})


def test_codes_and_tokens_die_and_belong_to_one_person(platform: Served, clock: ManualClock) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    other = full_order("D1", cycle, TWO)
    assert refused(client.send("ST007", {**other, **scan(ONE, NOW)})) == "15"
    bare = {**full_order("D1", cycle), **scan(ONE, NOW, token=False)}
    assert refused(client.send("ST007", bare)) == "13"
    forged = {**full_order("D1", cycle), **scan(ONE, NOW), "ectoken": "EC1"}
    assert refused(client.send("ST007", forged)) == "12"
    clock.advance(301)
    assert refused(pay(client, "D1", cycle)) == "12"


def test_without_a_second_check_the_code_alone_pays_for_a_minute(clock: ManualClock) -> None:
    with served(clock, second_check="off") as platform:
        client = Client(platform.url)
        cycle = sign_in(client)
        bare = {**full_order("D1", cycle), **scan(ONE, NOW, token=False)}
        clock.advance(61)
        assert refused(client.send("ST007", bare)) == "12"
        fresh = {**full_order("D1", cycle), **scan(ONE, NOW + timedelta(seconds=30), token=False)}
        assert client.send("ST007", fresh).verdict is Verdict.ACCEPTED


# -- cycles, stays, cancellation ------------------------------------------------------------------------
def test_orders_stay_in_open_cycles_of_their_region(platform: Served) -> None:
    client = Client(platform.url)
    local, other = sign_in(client), sign_in(client, "1")
    assert refused(pay(client, "D1", other)) == "16"
    assert refused(pay(client, "D1", "unknown")) == "16"
    details = {"hospcode": HOSPCODE, "operatorid": OPERATOR, "busicycleno": local}
    assert client.send("ST002", details).verdict is Verdict.ACCEPTED
    assert refused(client.send("ST002", details)) == "16"
    assert refused(pay(client, "D1", local)) == "16"


def test_a_payment_is_cancelled_in_its_own_cycle_only(clock: ManualClock) -> None:
    for shown, status in (("status", "4"), ("absent", None)):
        with served(clock, cancelled=shown) as platform:
            client = Client(platform.url)
            first, second = sign_in(client), sign_in(client, operator="2")
            pay(client, "D1", first)
            cancel = {"orderid": "D1", "reason": "演练", "busicycleno": second}
            assert refused(client.send("ST100", cancel)) == "16"
            assert client.send("ST100", {**cancel, "busicycleno": first}).verdict is Verdict.ACCEPTED
            told = client.send("ST009", {"orderid": "D1"})
            assert told.data.get("paystatus") == status
            assert platform.effects()[-1] == ("pay:D1", -1)


def test_a_stay_is_settled_by_the_amounts_of_the_original_interface_or_taken_back(platform: Served) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    stay = client.send("ST023", {**admission("D1", ONE, NOW), "busicycleno": cycle})
    valid = {"orderid": "D1", "ordervalidcode": stay.data["ordervalidcode"], "busicycleno": cycle}
    amounts = {"akc264": "100.00", "akc255": "10.00"}
    assert refused(client.send("ST022", {**valid, **scan(ONE, NOW)})) == "13"
    assert refused(client.send("ST022", {**valid, **amounts, **scan(TWO, NOW)})) == "15"
    unsound = {**valid, **scan(ONE, NOW), "akc264": "100.00", "akc255": "90.00"}
    assert refused(client.send("ST022", unsound)) == "14"
    assert client.send("ST022", {**valid, **amounts, **scan(ONE, NOW)}).data["orderamt"] == "100.00"
    assert refused(client.send("ST024", {**valid, **scan(ONE, NOW, field="ecrcode")})) == "11"


# -- statements -----------------------------------------------------------------------------------------
def lines(file: str, charset: str = "utf-8") -> list[str]:
    with zipfile.ZipFile(io.BytesIO(b64decode(file))) as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode(charset)
    assert text == "" or text.endswith("\r\n")
    return text.split("\r\n")[:-1]


def test_a_statement_has_the_payments_and_refunds_of_its_cycle(clock: ManualClock) -> None:
    style: dict[str, Any] = {"separator": "tab", "charset": "gbk", "refunds": "positive"}
    with served(clock, **style) as platform:
        client = Client(platform.url)
        cycle = sign_in(client)
        paid = pay(client, "D1", cycle)
        balance = paid.data["aptorderackdata"]["balanceret"]
        numbers = {"balanceno": balance["balanceno"], "balancecode": paid.data["balancecode"]}
        client.send("ST010", {"orderid": "D1", "busicycleno": cycle, **numbers, **scan(ONE, NOW)})
        asked = {"hospcode": HOSPCODE, "operatorid": OPERATOR, "busicycleno": cycle}
        first, second = (line.split("\t") for line in lines(client.send("ST099", asked).data["file"], "gbk"))
        assert first == [
            cycle,
            "pos",
            "D1",
            balance["balanceno"],
            "2026-01-02",
            "25.00",
            "15.00",
            "10.00",
            "0.00",
        ]
        assert (second[1], second[5]) == ("nag", "25.00")


@pytest.mark.parametrize(
    ("fault", "difference"),
    [("statement_missing", -1), ("statement_extra", 1), ("statement_amount", 0)],
)
def test_a_statement_can_have_one_difference(platform: Served, fault: str, difference: int) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    pay(client, "D1", cycle)
    pay(client, "D2", cycle)
    asked = {"hospcode": HOSPCODE, "operatorid": OPERATOR, "busicycleno": cycle}
    sound = lines(client.send("ST099", asked).data["file"])
    platform.faults(f"{fault}=on:ST099")
    spoilt = lines(client.send("ST099", asked).data["file"])
    assert len(spoilt) - len(sound) == difference
    assert spoilt != sound


# -- faults, callbacks, restarts ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "verdict", "paid"),
    [
        ("resp_failed", Verdict.REJECTED, False),
        ("resp_broken", Verdict.UNKNOWN, False),
        ("apr_failed", Verdict.REJECTED, False),
        ("apr_broken", Verdict.UNKNOWN, False),
        ("apr_broken_after", Verdict.UNKNOWN, True),
        ("code_expired", Verdict.REJECTED, False),
    ],
)
def test_a_switch_makes_the_answer_wrong_and_says_whether_it_took_effect(
    platform: Served, fault: str, verdict: Verdict, paid: bool
) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    platform.faults(f"{fault}=on:ST007")
    assert pay(client, "D1", cycle).verdict is verdict
    assert (("pay:D1", 1) in platform.effects()) is paid


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature"])
def test_a_switch_spoils_the_signature_of_what_took_effect(platform: Served, fault: str) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    platform.faults(f"{fault}=on:ST007")
    with pytest.raises(SignatureRejected):
        pay(client, "D1", cycle)
    assert ("pay:D1", 1) in platform.effects()


def test_an_order_may_be_paying_for_some_inquiries(platform: Served) -> None:
    client = Client(platform.url)
    cycle = sign_in(client)
    platform.faults("paying=on:ST007")
    with pytest.raises((http.client.HTTPException, OSError)):
        pay(client, "D1", cycle)
    platform.faults()
    statuses = [client.send("ST009", {"orderid": "D1"}).data["paystatus"] for _ in range(4)]
    assert statuses == ["1", "1", "1", "2"]


def test_results_are_called_back_signed_twice_and_forged_as_switched(clock: ManualClock) -> None:
    came: list[bytes] = []

    def listen(call: Call) -> Answer:
        came.append(call.body)
        return Answer()

    with RehearsalServer(listen) as listener, served(clock, callbacks="on") as platform:
        client = Client(platform.url)
        cycle = sign_in(client)
        pay(client, "D1", cycle, backurl=f"{listener.url}/callback")
        platform.faults("callback_twice=on:ST007")
        pay(client, "D2", cycle, backurl=f"{listener.url}/callback")
        platform.faults("callback_forged=on:ST007")
        pay(client, "D3", cycle, backurl=f"{listener.url}/callback")
        platform.built.callbacks.stop()
        told = [read_form(body) for body in came]
        orders = [one.value("orderid") for one in told]
        assert orders == ["D1", "D2", "D2", "D2", "D3", "D3"]
        client.adapter.sealing.open(told[0], "")
        with pytest.raises(SignatureRejected):
            client.adapter.sealing.open(told[-1], "")


def test_a_killed_rehearsal_knows_from_its_ledger_what_it_did(tmp_path: Path, clock: ManualClock) -> None:
    ledger = str(tmp_path / "ledger.jsonl")
    with served(clock, ledger=ledger) as platform:
        client = Client(platform.url)
        cycle = sign_in(client)
        paid = pay(client, "D1", cycle)
        counts = platform.admin("GET", "state")
    with served(clock, ledger=ledger) as platform:
        client = Client(platform.url)
        assert platform.admin("GET", "state") == counts
        told = client.send("ST009", {"orderid": "D1"})
        assert told.data["balancecode"] == paid.data["balancecode"]
        assert refused(pay(client, "D1", cycle)) == "11"


def test_options_are_checked_before_anything_is_served(clock: ManualClock) -> None:
    for given in ({}, {"keys": "k", "hash": "crc"}, {"keys": "k", "unknown": "1"}):
        with pytest.raises(ConfigurationError):
            build(given, clock)


def test_rehearsal_keys_are_made_once_and_kept(tmp_path: Path, clock: ManualClock) -> None:
    folder = key_folder(Hash.SHA1_HEX)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    build({"keys": str(folder)}, clock)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    damaged = tmp_path / "keys"
    damaged.mkdir()
    (damaged / "platform-private.pem").write_text("no key")
    with pytest.raises(ConfigurationError):
        build({"keys": str(damaged)}, clock)


def test_the_people_of_a_rehearsal_are_invented() -> None:
    number = invented_identity(ONE).aac002
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], weights, strict=True))
    assert "10X98765432"[total % 11] != number[17]
