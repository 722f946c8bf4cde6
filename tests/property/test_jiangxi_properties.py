"""Jiangxi's fees: whatever a HIS leaves out is filled in as the province computes it, and nothing is lost in
splitting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent import jsontext
from agent.clock import ManualClock
from agent.events import JsonObject, Submission
from plugins.jiangxi.adapter import JiangxiAdapter, build
from plugins.jiangxi.codec import read_answer
from plugins.jiangxi.simulator.arithmetic import line_total
from tests.unit.jiangxi.province import URL, NoKeys, fee, fees, without

NOW = ManualClock().now()


def adapter(**options: Any) -> JiangxiAdapter:
    return build({"url": URL, "institutions": ["Y0400"], **options}, NoKeys())


MOST = Decimal("99999")  # so that no product needs more than the 13 digits of akc264
amounts = st.decimals(-MOST, MOST, places=4, allow_nan=False, allow_infinity=False)
quantities = amounts.filter(lambda number: number != 0)
left_out = st.sets(st.sampled_from(["bke384", "akc264", "bkf500", "akc190", "ckc349"]))


@st.composite
def rows(draw: st.DrawFn) -> list[JsonObject]:
    """Rows with every choice of what is left out, prices and quantities as texts or numbers."""
    found = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        price, quantity = draw(amounts), draw(quantities)
        written = draw(st.sampled_from([str, Decimal]))
        row = fee(number, akc225=written(f"{price:f}"), akc226=written(f"{quantity:f}"))
        row |= {"akc190": "V1", "ckc349": "M1", "bkf500": str(number)}
        row["akc264"] = f"{line_total(price, quantity):f}"
        found.append(without(row, *draw(left_out)))
    return found


@given(rows(), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_sums_are_the_provinces_and_every_row_goes_out_once(sent: list[JsonObject], most: int) -> None:
    data = fees(*sent, akc190="V1", ckc349="M1")
    drafts = adapter(rows_per_message=most).plan(Submission("jiangxi", "FY001", "1", data), NOW).drafts
    planned = [row for draft in drafts for row in draft.body["inputlist"]]
    assert [draft.rows for draft in drafts] == [
        (start, min(start + (most or len(sent)), len(sent)))
        for start in range(0, len(sent), most or len(sent))
    ]
    assert len(planned) == len(sent)
    for row, given_row in zip(planned, sent, strict=True):
        assert Decimal(row["akc264"]) == line_total(Decimal(row["akc225"]), Decimal(row["akc226"]))
        assert (row["akc190"], row["ckc349"]) == ("V1", "M1")
        assert row["bke384"] == given_row.get("bke384", row["bke384"])
    for draft in drafts:
        body = draft.body
        assert int(body["listsize"]) == len(body["inputlist"])
        assert Decimal(body["totalFee"]) == sum(Decimal(row["akc264"]) for row in body["inputlist"])
    slots = [row["bke384"]["$slot"] for row in planned if isinstance(row["bke384"], dict)]
    assert len(set(slots)) == len(slots)
    assert sorted(slots) == sorted(n.slot for draft in drafts for n in draft.needs)


@given(rows())
@settings(max_examples=60, deadline=None)
def test_planning_again_what_was_planned_changes_nothing(sent: list[JsonObject]) -> None:
    data = fees(*[{**fee(n), **row} for n, row in enumerate(sent, 1)], akc190="V1", ckc349="M1")
    for row in data["inputlist"]:
        row["akc264"] = f"{line_total(Decimal(row['akc225']), Decimal(row['akc226'])):f}"
    once = adapter().plan(Submission("jiangxi", "FY001", "1", data), NOW).normalised
    assert adapter().plan(Submission("jiangxi", "FY001", "1", once), NOW).normalised == once


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(texts, st.booleans())
@settings(deadline=None)
def test_any_sentence_of_the_province_is_read_as_it_was_written(sentence: str, embedded: bool) -> None:
    spec = adapter().catalog.transaction("FY001")
    output: Any = {"flag": "fail", "aae013": sentence}
    if embedded:
        output = jsontext.write(output)
    body = jsontext.write({"ireturn": "BUS00001", "msgreturn": sentence, "output": output})
    answer = read_answer(body.encode("utf-8"), spec)
    assert (answer.message, answer.output["aae013"]) == (sentence.strip(), sentence.strip())
