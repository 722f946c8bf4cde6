"""Laws of the ministry's codec, batches and arithmetic, held to whatever Hypothesis thinks of."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent import jsontext
from agent.catalog import load_catalog
from agent.crypto import Layout, seal
from agent.crypto.keys import generate
from agent.errors import AnswerRejected, CryptoError
from agent.events import Response
from agent.protocol.answers import tidy
from agent.protocol.batches import split
from agent.protocol.rules import Judged
from plugins.ministry.amounts import exact_fee
from plugins.ministry.codec import open_data, read_answer, write_request
from plugins.ministry.rules import RULES
from tests.unit.ministry.ministry_desk import NOW, adapter, admission, key, submission

OWN, PEER = generate(), generate()
GYU102 = load_catalog("plugins.ministry.catalog").transaction("GYU102")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(texts, values, max_size=4)


@given(data=objects, layout=st.sampled_from(Layout))
@settings(max_examples=60, deadline=None)
def test_what_is_sealed_opens_as_it_was(data: dict[str, Any], layout: Layout) -> None:
    """Both directions: the platform opens a request, the agent an answer of the same content."""
    header, body = {"access_key": "1"}, {"refid": "2", "busitype": "GYU101", "aab301": "3"}
    request = write_request("http://x/", header, body, data, OWN, PEER.public, layout)
    nodes = jsontext.read_object(request.body.decode("utf-8"))
    as_answer = {"code": "PE0000", "msg": "", "biz_data": nodes}
    outer = read_answer(jsontext.write(as_answer).encode("utf-8")).sealed
    assert outer is not None
    assert open_data(outer, PEER, OWN.public, layout) == data


@given(value=values)
def test_tidying_twice_changes_nothing(value: Any) -> None:
    assert tidy(tidy(value)) == tidy(value)


forgeries = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["PE0000", "PE0001", "PE9999", "RE0000", "0", ""]) | values,
        "msg": values,
        "biz_data": values
        | st.fixed_dictionaries(
            {"symmetric_key": texts, "sign": texts, "data": texts}, optional={"busi_code": st.just("RE0000")}
        ),
        "busi_code": st.just("RE0000"),
    },
).map(lambda nodes: jsontext.write(nodes).encode("utf-8"))


@given(body=st.binary(max_size=200) | forgeries, status=st.just(200) | st.integers(100, 599))
@settings(max_examples=300, deadline=None)
def test_nothing_unsigned_is_taken_for_a_business_answer(body: bytes, status: int) -> None:
    """Whatever comes without a valid envelope leaves the message open."""
    this = adapter()
    (draft,) = this.plan(submission("GYU101", admission()), NOW).drafts
    try:
        outcome = this.interpret(draft, {}, Response(status, {}, body))
    except (AnswerRejected, CryptoError):
        return
    assert outcome.verdict in ("unknown", "retry", "halt")


sealed_answers = st.fixed_dictionaries(
    {},
    optional={
        "busi_code": st.sampled_from(["RE0000", "RE9999", "RE1173", "RE1116", "", " RE0000 "]) | values,
        "busi_msg": values,
        "datalist": values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "akb020": st.sampled_from(["510000123456", "", "9"]),
                    "akc190": st.sampled_from(["ZY20260001", "", "9"]),
                    "ret_code": st.sampled_from(["RE0000", "RE1116", "RE1173", ""]) | values,
                },
            ),
            max_size=3,
        ),
    },
)


@given(data=sealed_answers)
@settings(max_examples=150, deadline=None)
def test_acceptance_needs_success_and_exactly_the_rows_sent(data: dict[str, Any]) -> None:
    """Whatever a verified answer says, only RE0000 with every row accepted is acceptance."""
    this = adapter()
    (draft,) = this.plan(submission("GYU101", admission()), NOW).drafts
    try:
        outcome = this.interpret(draft, {}, answer(data))
    except AnswerRejected:
        return
    told = tidy(data)
    accepted = outcome.verdict == "accepted"
    assert accepted is (
        told["busi_code"] == "RE0000"
        and [(row.get("akb020"), row.get("akc190"), row.get("ret_code")) for row in told["datalist"]]
        == [("510000123456", "ZY20260001", "RE0000")]
    )
    assert bool(outcome.refused) is (outcome.verdict == "partial")


def answer(data: dict[str, Any]) -> Response:
    envelope = seal(jsontext.write(data).encode("utf-8"), key("platform"), key("agent").public)
    nodes = {"symmetric_key": envelope.symmetric_key, "sign": envelope.sign, "data": envelope.data}
    return Response(200, {}, jsontext.write({"code": "PE0000", "biz_data": nodes}).encode("utf-8"))


@given(count=st.integers(0, 2000), limit=st.integers(1, 700))
def test_batches_hold_every_row_once_and_in_order(count: int, limit: int) -> None:
    rows = [{"aaz213_s": number} for number in range(count)]
    batches = list(split(replace(GYU102, max_rows=limit), {"datalist": rows}))
    assert [row for batch in batches for row in batch.body["datalist"]] == rows
    assert all(len(batch.body["datalist"]) <= limit for batch in batches)
    ranges = [batch.rows for batch in batches if batch.rows]
    assert [number for start, end in ranges for number in range(start, end)] == list(range(count))


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    scale = 10**places
    return st.integers(low * scale, high * scale).map(lambda number: Decimal(number) / scale)


prices = decimals(0, 10**10, 6) | decimals(0, 100, 2)
quantities = decimals(-(10**12), 10**12, 4) | decimals(-9, 9, 0)
ceilings = st.none() | decimals(0, 10**12, 4) | decimals(0, 100, 2)
ratios = st.none() | decimals(0, 1, 4)


def expected(
    price: Decimal, quantity: Decimal, ceiling: Decimal | None, ratio: Decimal | None, covered: bool
) -> tuple[Fraction, Fraction, Fraction]:
    """The document's three cases, written down as it writes them, in exact fractions."""
    unit, number = Fraction(price), Fraction(quantity)
    share = Fraction(1) if ratio is None else Fraction(ratio)
    if not covered:
        return unit * number, Fraction(0), unit * number
    if ceiling is None or ceiling == 0 or unit <= Fraction(ceiling):
        return unit * number, unit * number * share, unit * number * (1 - share)
    top = Fraction(ceiling)
    return unit * number, top * number * share, top * number * (1 - share) + (unit - top) * number


@given(price=prices, quantity=quantities, ceiling=ceilings, ratio=ratios, covered=st.booleans())
def test_fees_are_exact(
    price: Decimal, quantity: Decimal, ceiling: Decimal | None, ratio: Decimal | None, covered: bool
) -> None:
    fee = exact_fee(price, quantity, ceiling, ratio, covered=covered)
    exact = tuple(map(Fraction, (fee.total, fee.pooled, fee.own)))
    assert exact == expected(price, quantity, ceiling, ratio, covered)


def half_up(value: Fraction) -> int:
    """Whole cents, halves away from zero."""
    cents = abs(value) * 100
    rounded = floor(cents + Fraction(1, 2))
    return rounded if value >= 0 else -rounded


@given(
    price=decimals(0, 500, 6),
    quantity=decimals(-20, 20, 4),
    ceiling=st.none() | decimals(0, 500, 4),
    ratio=ratios,
    category=st.sampled_from(["01", "02", "03", "04", "09", "99"]),
    off=st.tuples(*[st.integers(-2, 2)] * 3),
)
@settings(max_examples=300)
def test_amounts_are_refused_exactly_beyond_a_cent_or_when_they_do_not_add_up(
    price: Decimal,
    quantity: Decimal,
    ceiling: Decimal | None,
    ratio: Decimal | None,
    category: str,
    off: tuple[int, int, int],
) -> None:
    exact = expected(price, quantity, ceiling, ratio, category not in ("09", "99"))
    cents = [half_up(value) + shift for value, shift in zip(exact, off, strict=True)]
    row = {
        "ala012": category,
        "akc225": f"{price:f}",
        "akc226": f"{quantity:f}",
        "aka068": "" if ceiling is None else f"{ceiling:f}",
        "aae185": "" if ratio is None else f"{ratio:f}",
        **{
            code: f"{Decimal(amount) / 100:f}"
            for code, amount in zip(("aae058", "aae020", "aae022"), cents, strict=True)
        },
    }
    faults = RULES["gyu102_amounts"](Judged(GYU102, {"datalist": [row]}, NOW.date()))
    told = [fault.field for fault in faults]
    wrong = [code for code, shift in zip(("aae058", "aae020", "aae022"), off, strict=True) if abs(shift) > 1]
    if cents[0] != cents[1] + cents[2]:
        wrong.append("aae058")
    assert told == wrong
