"""From a submission to a message: tills, what is filled in and when, lives of codes, amounts, settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ConfigurationError, SubmissionInvalid
from agent.events import Completion, Decoded, Draft, Hold, Identifier, JsonObject, Plan, Submission, Verdict
from plugins.scanpay.adapter import ScanpayAdapter
from plugins.scanpay.building import build, prepare
from plugins.scanpay.settings import read_settings
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.vendor.package import PackageSealing
from tests.unit.scanpay import till

ONE = 1
OTHER = "0401008888"


class Facts:
    """A history of given facts."""

    def __init__(self, *facts: Identifier) -> None:
        self._facts = {(fact.kind, fact.key): fact.value for fact in facts}

    def value(self, kind: str, key: tuple[str, ...], member: str = "") -> str | None:
        return self._facts.get((kind, key))

    def giver(self, kind: str, key: tuple[str, ...], member: str = "") -> str:
        return ""

    def values(self, kind: str, key: tuple[str, ...]) -> Mapping[str, str]:
        found = self.value(kind, key)
        return {} if found is None else {"": found}


def adapter(**others: Any) -> ScanpayAdapter:
    return build(till.options(**others), till.Keyring())


def submission(transaction: str, data: JsonObject, **others: Any) -> Submission:
    return Submission("scanpay", transaction, "HIS-1", data, **others)


def plan(transaction: str, data: JsonObject, **others: Any) -> Plan:
    return adapter().plan(submission(transaction, data, **others), till.NOW)


def draft(transaction: str, data: JsonObject, **others: Any) -> Draft:
    return plan(transaction, data, **others).drafts[0]


def complete(one: Draft, *facts: Identifier, forced: bool = False) -> Completion:
    return adapter().complete(one, Facts(*facts), forced=forced)


def payment(**others: Any) -> JsonObject:
    return {**till.order("D1", ONE), **till.scan(ONE, till.NOW), **others}


REFUND = {"orderid": "D1", **till.scan(ONE, till.NOW)}
KNOWN = (
    Identifier("cycle", (till.HOSPCODE, till.OPERATOR, "0"), "C1"),
    Identifier("cycle", (till.HOSPCODE, till.OPERATOR, "1"), "C2"),
    Identifier("cycle", (till.HOSPCODE, OTHER, "0"), "C3"),
    Identifier("settlement", ("D1",), "JS1"),
    Identifier("payment", ("D1",), "YZ1"),
)


# -- tills --------------------------------------------------------------------------------------------
def test_a_lane_is_an_institution_and_an_operator() -> None:
    own = draft("ST010", REFUND)
    other = draft("ST010", {**REFUND, "operatorid": OTHER})
    ordered = draft("ST007", payment(orderdata=till.orderdata(operatorid=OTHER)))
    assert own.lane == f"{till.HOSPCODE}/{till.OPERATOR}"
    assert other.lane == ordered.lane == f"{till.HOSPCODE}/{OTHER}"
    assert adapter(operators=[till.OPERATOR, OTHER]).lanes() == (own.lane, other.lane)
    assert adapter(operators=[]).lanes() == (till.HOSPCODE,)


def test_what_says_whose_till_it_is_never_reaches_the_wire() -> None:
    one = draft("ST010", {**REFUND, "operatorid": OTHER, "aae139": "1"})
    sent = adapter().encode(one, {}, till.NOW).body
    assert OTHER.encode() not in sent
    assert b"aae139" not in sent


@pytest.mark.parametrize(
    ("said", "rule"),
    [({"aae139": "2"}, "table"), ({"operatorid": "9" * 65}, "length"), ({"AAE139": ["1"]}, "type")],
)
def test_what_says_whose_till_it_is_is_judged_like_the_field_that_signs_in(
    said: JsonObject, rule: str
) -> None:
    (code,) = said
    with pytest.raises(SubmissionInvalid) as refused:
        draft("ST010", {**REFUND, **said})
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.rule) == (f"/{code}", rule)
    with pytest.raises(SubmissionInvalid) as both:
        draft("ST010", {**REFUND, **said, "orderid": ""})
    assert [one.field for one in both.value.faults] == ["orderid", code.lower()]


def test_signing_in_and_out_hold_the_till_alone_and_all_else_shares_it() -> None:
    holds = {}
    for transaction, data in (
        ("ST001", {"operatorid": till.OPERATOR, "aae139": "0"}),
        ("ST002", {"operatorid": till.OPERATOR}),
        ("ST010", REFUND),
        ("ST009", {"orderid": "D1"}),
    ):
        scope = next(one for one in draft(transaction, data).scopes if one.kind == "till")
        assert scope.key == (till.HOSPCODE, till.OPERATOR)
        holds[transaction] = scope.hold
    assert holds == {
        "ST001": Hold.EXCLUSIVE,
        "ST002": Hold.EXCLUSIVE,
        "ST010": Hold.SHARED,
        "ST009": Hold.OBSERVER,
    }


# -- what is filled in --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("till_data", "cycle"), [({}, "C1"), ({"aae139": "1"}, "C2"), ({"operatorid": OTHER}, "C3")]
)
def test_numbers_of_earlier_answers_are_filled_in_at_the_claim(till_data: dict[str, str], cycle: str) -> None:
    completion = complete(draft("ST010", {**REFUND, **till_data}), *KNOWN)
    assert completion.refused == ()
    body = completion.draft.body
    assert (body["busicycleno"], body["balanceno"], body["balancecode"]) == (cycle, "JS1", "YZ1")


def test_an_order_of_another_region_is_in_that_regions_cycle() -> None:
    one = draft("ST007", payment(orderdata=till.orderdata(aae139="1")))
    assert complete(one, *KNOWN).draft.body["busicycleno"] == "C2"


def test_what_the_his_gave_stands() -> None:
    given = {"busicycleno": "MINE", "balanceno": "B", "balancecode": "C"}
    completion = complete(draft("ST010", {**REFUND, **given}), *KNOWN)
    assert {code: completion.draft.body[code] for code in given} == given


def test_what_nobody_knows_refuses_the_message_with_every_fault() -> None:
    signed_in_by_his = adapter(sign_in="off")
    refused = signed_in_by_his.complete(draft("ST010", REFUND), Facts(), forced=False).refused
    assert [fault.pointer for fault in refused] == ["/busicycleno", "/balanceno", "/balancecode"]
    assert all(fault.message for fault in refused)


def test_a_stay_is_settled_with_both_amounts_unless_forced() -> None:
    stay = Identifier("visit", ("D1",), "ZY1")
    valid = Identifier("order", ("D1",), "FW1")
    one = draft("ST022", REFUND)
    assert [fault.field for fault in complete(one, *KNOWN, stay, valid).refused] == ["akc264", "akc255"]
    assert complete(one, *KNOWN, valid).refused == ()
    assert complete(one, *KNOWN, stay, valid, forced=True).refused == ()
    amounts = draft("ST022", {**REFUND, "akc264": "10", "akc255": "1"})
    assert complete(amounts, *KNOWN, stay, valid).refused == ()


def test_a_repetition_of_st021_has_a_new_number_of_at_most_64_characters() -> None:
    one = draft("ST021", till.order("D" * 64, ONE))
    assert complete(one, *KNOWN).draft.body["orderid"] == "D" * 64
    again = complete(replace(one, doubts=1), *KNOWN).draft.body["orderid"]
    assert again == "D" * 62 + "-2"
    assert complete(replace(one, doubts=9), *KNOWN).draft.body["orderid"] == "D" * 61 + "-10"


def test_a_person_who_accepts_gives_the_numbers_that_the_answer_would_have() -> None:
    data = {"orderid": "D1", "ordervalidcode": "FW1", "akc190": "ZY1"}
    one = draft("ST023", till.admission("D1", ONE, till.NOW))
    outcome = adapter().resolved(one, {}, data)
    assert outcome.verdict is Verdict.ACCEPTED
    assert [(fact.kind, fact.value) for fact in outcome.identifiers] == [("order", "FW1"), ("visit", "ZY1")]


# -- identity -----------------------------------------------------------------------------------------
def test_what_the_agent_fills_in_or_decodes_makes_no_other_submission() -> None:
    bare = {**till.order("D1", ONE), **till.scan(ONE, till.NOW, token=False)}
    decoded = Decoded({"ectoken": "T1", "idtype": "01", "idno": "1", "username": "甲"})
    whole = {**bare, "pname": "甲", "pidno": "1"}
    first = adapter().plan(submission("ST007", whole, decoded=decoded), till.NOW)
    later = adapter(backurl="http://127.0.0.1:8/").plan(
        submission("ST007", whole), till.NOW + timedelta(hours=1)
    )
    assert first.drafts[0].body["ectoken"] == "T1"
    assert first.normalised == later.normalised
    assert first.normalised != plan("ST007", {**whole, "orderamt": "25.00", "orderdesc": "x"}).normalised


# -- lives of codes -----------------------------------------------------------------------------------
def test_a_code_lives_a_minute_and_its_token_five_from_the_moment_of_the_scan() -> None:
    scanned = till.NOW - timedelta(seconds=40)
    bare = {**till.order("D1", ONE), **till.scan(ONE, till.NOW, token=False)}
    assert plan("ST007", payment()).valid_until == till.NOW + timedelta(seconds=300)
    assert plan("ST007", payment(), scanned_at=scanned).valid_until == scanned + timedelta(seconds=300)
    assert plan("ST007", bare, scanned_at=scanned).valid_until == scanned + timedelta(seconds=60)
    decoded = Decoded({"ectoken": "T1", "idtype": "01", "idno": bare["pidno"], "username": bare["pname"]})
    read = plan("ST007", bare, scanned_at=scanned, decoded=decoded)
    assert read.valid_until == scanned + timedelta(seconds=300)
    assert "请重新扫码" in read.expired_says
    assert plan("ST021", till.order("D1", ONE)).valid_until is None


# -- amounts ------------------------------------------------------------------------------------------
CENTS = st.integers(1, 10_000_000).map(lambda cents: Decimal(cents) / 100)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(CENTS, min_size=1, max_size=4), min_size=1, max_size=3), st.integers(-3, 3))
def test_an_order_is_the_exact_sum_of_its_prescriptions(amounts: list[list[Decimal]], off: int) -> None:
    prescriptions = [
        {
            "prescriptionno": f"CF{number}",
            "prescriptionfee": f"{sum(row):.2f}",
            "prescriptionitemlistinfo": [
                till.item(str(place), f"{amount:.2f}", "1", f"{amount:.2f}")
                for place, amount in enumerate(row)
            ],
        }
        for number, row in enumerate(amounts)
    ]
    total = sum((sum(row) for row in amounts), Decimal(off) / 100)
    order = till.order("D1", ONE, orderamt=f"{total:.2f}")
    order["orderdata"]["prescriptionlistinfo"] = prescriptions
    if off == 0:
        assert draft("ST021", order).body["orderamt"] == f"{total:.2f}"
        return
    with pytest.raises(SubmissionInvalid) as refused:
        draft("ST021", order)
    assert "/orderamt" in [fault.pointer for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("price", "quantity", "amount", "fits"),
    [
        ("0.3333", "3", "1.00", True),
        ("0.0050", "1", "0.01", True),
        ("0.0050", "1", "0.00", True),
        ("0.0050", "1", "0.02", False),
        ("0.0149", "1", "0.01", True),
        ("0.0149", "1", "0.02", True),
        ("0.0149", "1", "0.00", False),
        ("0.0100", "1", "0.02", False),
        ("0.0100", "1", "0.00", False),
        ("1.0000", "3", "3.00", True),
        ("1.0000", "3", "3.01", False),
        ("1.0000", "3", "2.99", False),
        ("9999.9999", "999.99", "9999899.90", True),
    ],
)
def test_an_item_is_price_times_quantity_less_than_a_cent_off(
    price: str, quantity: str, amount: str, fits: bool
) -> None:
    order = till.order("D1", ONE)
    (prescription,) = order["orderdata"]["prescriptionlistinfo"]
    prescription["prescriptionitemlistinfo"] = [
        till.item("1", price, quantity, amount),
        till.item("2", "1", "1", "1.00"),
    ]
    prescription["prescriptionfee"] = order["orderamt"] = str(Decimal(amount) + 1)
    if fits:
        assert draft("ST021", order)
        return
    with pytest.raises(SubmissionInvalid) as refused:
        draft("ST021", order)
    (fault,) = refused.value.faults
    assert fault.pointer.endswith("/prescriptionitemlistinfo/0/amount")


def test_a_rule_that_the_platform_does_not_keep_can_be_left_out() -> None:
    data = payment(username="测试乙")
    with pytest.raises(SubmissionInvalid):
        draft("ST007", data)
    lenient = adapter(skip_rules=["st007_payer"])
    assert lenient.plan(submission("ST007", data), till.NOW).drafts


# -- settings -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("url", "ftp://x"),
        ("hospcode", "机构"),
        ("merchantcode", ""),
        ("backurl", "http://127.0.0.1/" + "x" * 200),
        ("orderovertime", 0),
        ("order_absent", ["00"]),
        ("order_absent", ["-1"]),
        ("code_lives_s", -1),
        ("token_lives_s", 301),
        ("signature_hash", "crc"),
        ("signature_fields", "transdata"),
        ("signature_empty", "yes"),
        ("infosys_signature_name", "签名"),
        ("signer_command", "python"),
        ("decoder", "magic"),
        ("decoder_business", "1"),
        ("skip_rules", ["none"]),
        ("operators", ["", "1"]),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings(till.options(**{setting: value}))
    assert setting in refused.value.message


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"signature_order": "listed"}, "signature_fields"),
        ({"signer": "package"}, "signer_command"),
        ({"decoder": "library"}, "decoder_library"),
        ({"decoder": "http"}, "decoder_url"),
    ],
)
def test_settings_that_need_another_name_it(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings(till.options(**given))
    assert named in refused.value.message


def test_nothing_is_decoded_unless_it_is_configured() -> None:
    assert prepare(till.options()) is None
    preparation = prepare(till.options(decoder="simulated"))
    assert preparation is not None
    bare = submission("ST007", {**till.order("D1", ONE), **till.scan(ONE, till.NOW, token=False)})
    assert preparation.prepare(bare, till.NOW).decoded is not None
    for unchanged in (
        submission("ST007", payment()),
        submission("ST021", till.order("D1", ONE)),
        submission("NONE", {}),
    ):
        assert preparation.prepare(unchanged, till.NOW) is unchanged
    old = replace(bare, scanned_at=till.NOW - timedelta(seconds=61))
    assert preparation.prepare(old, till.NOW) is old


def test_a_request_signed_by_a_package_is_taken_by_the_platform() -> None:
    command = [
        sys.executable,
        "-m",
        "plugins.scanpay.vendor.example_signer",
        str(till.key_folder(Hash.SHA1_HEX)),
    ]
    with till.served() as platform:
        client = till.Client(platform.url, signer="package", signer_command=command, signer_timeout_s=20)
        sealing = client.adapter.sealing
        assert isinstance(sealing, PackageSealing)
        try:
            assert client.send("ST009", {"orderid": "D1"}).code == "10"
        finally:
            sealing.close()
