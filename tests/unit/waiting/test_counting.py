"""agent.waiting.counting: which item a trace code belongs to, and why one is refused. Codes are invented."""

from __future__ import annotations

import pytest

from agent.devices.classify import Code, CodeTable, classify
from agent.devices.model import ScanVerdict
from agent.events import WaitItem
from agent.waiting.counting import Judged, Tally

A, B = "8123456", "8765432"


def code(text: str) -> Code:
    return classify(text.encode("ascii"), CodeTable())


def box(drug: str, number: int) -> Code:
    return code(f"{drug}{number:013d}")


def scanned(
    items: tuple[WaitItem, ...], *codes: Code, chosen: int | None = None
) -> tuple[Tally, list[Judged]]:
    tally, judged = Tally(items, ()), []
    for one in codes:
        judged.append(tally.judge(one, chosen))
        counted = judged[-1].counted
        if counted is not None:
            tally = Tally(items, (*tally.scans, counted))
    return tally, judged


def test_a_code_goes_to_the_item_of_its_medicine_whatever_is_shown() -> None:
    items = (WaitItem(0, 2, A), WaitItem(1, 2, B))
    tally, _ = scanned(items, box(B, 1), box(A, 1), box(B, 2), chosen=0)
    assert {row: len(codes) for row, codes in tally.codes.items()} == {0: 1, 1: 2}


def test_without_declared_medicines_the_first_code_says_it_and_the_shown_item_takes_the_next() -> None:
    items = (WaitItem(0, 2), WaitItem(1, 2))
    tally, judged = scanned(items, box(A, 1), box(A, 2), box(A, 3))
    assert {row: len(codes) for row, codes in tally.codes.items()} == {0: 2, 1: 1}
    assert [one.verdict for one in judged] == [ScanVerdict.TAKEN] * 3


def test_the_chosen_item_takes_a_code_that_says_nothing_else() -> None:
    items = (WaitItem(0, 1), WaitItem(1, 1))
    tally, _ = scanned(items, box(A, 1), chosen=1)
    assert tally.codes == {0: (), 1: (box(A, 1).text,)}


def test_a_box_scanned_twice_is_refused_with_a_reason_and_counts_once() -> None:
    tally, judged = scanned((WaitItem(0, 3),), box(A, 1), box(A, 1))
    assert (judged[1].verdict, judged[1].counted) == (ScanVerdict.DUPLICATE, None)
    assert "已经扫过" in judged[1].says
    assert len(tally.scans) == 1


def test_one_box_is_the_same_with_and_without_its_symbology_and_separators() -> None:
    gs1 = "010690123456789210LOT7\x1d21SER0001"
    _, judged = scanned((WaitItem(0, 3),), code(gs1), code(f"]d2{gs1}"))
    assert judged[1].verdict is ScanVerdict.DUPLICATE


def test_a_box_sold_in_parts_may_be_scanned_again() -> None:
    _, judged = scanned((WaitItem(0, 2, split=True),), box(A, 1), box(A, 1))
    assert [one.verdict for one in judged] == [ScanVerdict.TAKEN, ScanVerdict.TAKEN]


@pytest.mark.parametrize(
    ("items", "codes", "says"),
    [
        ((WaitItem(0, 1, A), WaitItem(1, 1, B)), (box(A, 1), box(A, 2)), "扫够"),
        ((WaitItem(0, 1, A),), (box(B, 1),), "不在"),
    ],
)
def test_a_box_that_no_item_takes_is_refused_and_the_person_hears_why(
    items: tuple[WaitItem, ...], codes: tuple[Code, ...], says: str
) -> None:
    _, judged = scanned(items, *codes)
    assert judged[-1].verdict is ScanVerdict.WRONG_KIND
    assert says in judged[-1].says


def test_what_was_stored_is_read_back_as_it_was() -> None:
    items = (WaitItem(0, 2),)
    tally, _ = scanned(items, box(A, 1))
    assert Tally.of(items, [one.as_json() for one in tally.scans]) == tally
    assert [item.row for item in tally.open] == [0]


def test_no_code_is_shown_by_its_repr() -> None:
    tally, judged = scanned((WaitItem(0, 2),), box(A, 1))
    assert "8123456" not in repr(tally) + repr(judged)
