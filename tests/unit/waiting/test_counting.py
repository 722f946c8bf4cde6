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


GTIN_A, GTIN_B = "06901234567892", "06901234567908"
OWN_FORM = "MA.156.M0.100.1234"


@pytest.mark.parametrize("text", [OWN_FORM, f"]d201{GTIN_A}21SER1"])
def test_a_code_that_does_not_say_its_medicine_as_the_item_does_goes_to_the_shown_item(text: str) -> None:
    items = (WaitItem(0, 1, A), WaitItem(1, 1, B))
    tally, judged = scanned(items, code(text), chosen=1)
    assert judged[0].verdict is ScanVerdict.TAKEN
    assert tally.count(items[1]) == 1


def test_a_medicine_whose_item_is_full_goes_to_no_other_item_unless_a_person_says_so() -> None:
    items = (WaitItem(0, 1, A), WaitItem(1, 2))
    tally, judged = scanned(items, box(A, 1), box(A, 2))
    assert (judged[1].verdict, judged[1].counted) == (ScanVerdict.WRONG_KIND, None)
    assert "扫够" in judged[1].says
    chosen = tally.judge(box(A, 2), 1)
    assert chosen.counted is not None
    assert chosen.counted.row == 1


def test_an_item_is_known_by_what_was_declared_and_by_what_its_codes_said() -> None:
    items = (WaitItem(0, 1, B), WaitItem(1, 3, A))
    tally, _ = scanned(items, code(f"]d201{GTIN_A}21SER1"), chosen=1)
    later, judged = Tally(items, tally.scans), []
    for text in (f"]d201{GTIN_A}21SER2", f"{A}0000000000001"):
        judged.append(later.judge(code(text), 0))
    assert [one.counted.row for one in judged if one.counted] == [1, 1]
    refused = later.judge(code(f"]d201{GTIN_B}21SER1"), 1)
    assert refused.verdict is ScanVerdict.WRONG_KIND


@pytest.mark.parametrize(
    ("text", "says"),
    [(f"]d201{GTIN_A}1723010110LOT", "序列号"), (f"]d201{GTIN_A}21" + "8" * 90, "100")],
)
def test_what_the_platform_would_refuse_is_refused_while_the_box_is_at_hand(text: str, says: str) -> None:
    tally, judged = scanned((WaitItem(0, 2),), code(text), box(A, 1))
    assert [one.verdict for one in judged] == [ScanVerdict.WRONG_KIND, ScanVerdict.TAKEN]
    assert says in judged[0].says
    assert len(tally.scans) == 1


def test_what_was_stored_is_read_back_as_it_was() -> None:
    items = (WaitItem(0, 2),)
    tally, _ = scanned(items, box(A, 1))
    assert Tally.of(items, [one.as_json() for one in tally.scans]) == tally
    assert [item.row for item in tally.open] == [0]


def test_no_code_is_shown_by_its_repr() -> None:
    tally, judged = scanned((WaitItem(0, 2),), box(A, 1))
    assert "8123456" not in repr(tally) + repr(judged)
