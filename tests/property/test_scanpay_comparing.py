"""Comparing both sides of a cycle: nothing is lost, nothing counts twice, and order does not matter."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.scanpay.reconciling.comparing import Comparison, Finding, Kind, compare
from plugins.scanpay.reconciling.statement import Row

rows = st.builds(
    Row,
    sign=st.sampled_from(["pos", "nag"]),
    orderid=st.sampled_from(["D1", "D2", "D3"]),
    number=st.sampled_from(["", "J1", "J2", "J3"]),
    day=st.just("2026-01-02"),
    total=st.sampled_from([Decimal("1.00"), Decimal("1.01"), Decimal("2.00")]),
    fund=st.sampled_from([None, Decimal("0.50"), Decimal("0.60")]),
)
sides = st.lists(rows, max_size=8)
quick = settings(deadline=None, max_examples=100)


def kinds(comparison: Comparison) -> Counter[Kind]:
    return Counter(one.kind for one in comparison.findings)


@quick
@given(here=sides, there=sides)
def test_each_row_of_either_side_is_in_exactly_one_finding(here: list[Row], there: list[Row]) -> None:
    findings = compare(here, there).findings
    assert Counter(one.here for one in findings if one.here) == Counter(here)
    assert [one.there for one in findings if one.there] == there


@quick
@given(here=sides)
def test_a_side_compared_with_itself_is_matched_whatever_the_order(here: list[Row]) -> None:
    numbered = [replace(row, number=f"J{n}") for n, row in enumerate(here)]
    assert kinds(compare(numbered, list(reversed(numbered)))) == Counter(
        {Kind.MATCHED: len(here)} if here else {}
    )


@quick
@given(here=sides, there=sides)
def test_what_is_called_matched_agrees_in_everything_that_both_know(
    here: list[Row], there: list[Row]
) -> None:
    for one in compare(here, there).findings:
        if one.kind is Kind.MATCHED:
            assert one.here is not None
            assert one.there is not None
            assert (one.here.sign, one.here.orderid) == (one.there.sign, one.there.orderid)
            assert one.here.number in ("", one.there.number)
            assert all(
                a is None or b is None or a == b
                for a, b in zip(one.here.amounts, one.there.amounts, strict=True)
            )


@quick
@given(here=sides, there=sides)
def test_the_sides_swapped_miss_what_the_others_missed(here: list[Row], there: list[Row]) -> None:
    own, other_side = ([replace(row, number=row.number or "J1") for row in side] for side in (here, there))
    one, other = kinds(compare(own, other_side)), kinds(compare(other_side, own))
    assert (one[Kind.MISSING_HERE], one[Kind.MISSING_THERE]) == (
        other[Kind.MISSING_THERE],
        other[Kind.MISSING_HERE],
    )


@quick
@given(here=sides, there=sides)
def test_the_totals_differ_by_what_the_differences_sum_up_to(here: list[Row], there: list[Row]) -> None:
    comparison = compare(here, there)
    own, platforms = comparison.totals()

    def gap(finding: Finding) -> Decimal:
        return (finding.here.total if finding.here else Decimal(0)) - (
            finding.there.total if finding.there else Decimal(0)
        )

    assert own - platforms == sum((gap(one) for one in comparison.differences), Decimal(0))


@quick
@given(here=sides, there=sides, unsettled=st.sets(st.sampled_from(["D1", "D2"])))
def test_what_differs_about_an_unsettled_order_is_nothing_to_be_accepted(
    here: list[Row], there: list[Row], unsettled: set[str]
) -> None:
    plain, judged = compare(here, there), compare(here, there, unsettled)
    for before, after in zip(plain.findings, judged.findings, strict=True):
        about_it = before.row.orderid in unsettled and before.kind is not Kind.MATCHED
        assert after.kind is (Kind.UNSETTLED if about_it else before.kind)


@quick
@given(one=rows, other=rows)
def test_a_finding_of_other_content_has_another_id(one: Row, other: Row) -> None:
    first, second = Finding(Kind.MISSING_HERE, None, one), Finding(Kind.MISSING_HERE, None, other)
    assert (first.id == second.id) is (one == other)
    assert first.id != Finding(Kind.MISSING_THERE, one, None).id


def test_a_line_whose_number_is_not_known_here_is_the_orders_line_there() -> None:
    """As after an inquiry that did not name the settlement; another order's number is another matter."""
    here = Row("pos", "D1", "", "2026-01-02", Decimal("25.00"), None, None, None)
    there = Row("pos", "D1", "JS1", "2026-01-02", Decimal("25.00"), None, None, None)
    assert [one.kind for one in compare([here], [there]).findings] == [Kind.MATCHED]
    other = Row("pos", "D1", "JS2", "2026-01-02", Decimal("25.00"), None, None, None)
    assert [one.kind for one in compare([other], [there]).findings] == [Kind.NUMBERS_DIFFER]
