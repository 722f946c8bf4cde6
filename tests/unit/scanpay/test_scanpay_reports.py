"""Reports of a reconciliation: what they tell, and that nothing of others' text acts in them."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from html.parser import HTMLParser

from plugins.scanpay.reconciling.comparing import Kind, compare
from plugins.scanpay.reconciling.reports import Report, as_csv, as_json, as_page
from plugins.scanpay.reconciling.statement import Row

EVIL = '"><script>alert(1)</script><img src=x onerror=y>&amp;'
VOID = {"meta"}


class Page(HTMLParser):
    """A strict reading: every element is closed in order; texts of cells in rows."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def row(orderid: str, total: str, sign: str = "pos", number: str = "J1") -> Row:
    return Row(sign, orderid, number, "2026-01-02", Decimal(total), Decimal("1.00"), Decimal(0), Decimal(0))


def report(accepted: frozenset[str] = frozenset()) -> Report:
    here = [row("D1", "5.00"), row(EVIL, "7.00", number="J2"), row("D3", "9.00", number="J3")]
    there = [row("D1", "5.00"), row(EVIL, "7.01", number="J2"), row("=1+1", "3.00", number="@J4")]
    return Report("04010089", "0401", "C1", "2026-01-02T18:00:00+08:00", compare(here, there), accepted)


def test_the_page_is_well_formed_has_no_script_and_shows_every_finding_differences_first() -> None:
    page = Page(as_page(report()).decode("utf-8"))
    assert page.open == []
    used = {tag for tag, _ in page.tags}
    assert not used & {"script", "img", "iframe", "object", "a", "link", "form", "svg"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    policy = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    found = [cells[0] for cells in page.rows[-4:]]
    assert found == ["金额不一致", "平台有，本机没有", "本机有，平台没有", "一致"]
    assert [cells[3] for cells in page.rows[-4:]] == [EVIL, "=1+1", "D3", "D1"]
    assert ["结论", "有 3 处差异待处理，不能签退"] in page.rows


def test_the_page_of_a_clean_cycle_says_that_it_may_be_closed() -> None:
    accepted = frozenset(one.id for one in report().comparison.differences)
    page = Page(as_page(report(accepted)).decode("utf-8"))
    assert ["结论", "对账一致，可以签退"] in page.rows
    assert [cells[1] for cells in page.rows[-4:]] == ["已确认", "已确认", "已确认", ""]


def test_the_json_has_counts_totals_and_both_sides_of_each_finding() -> None:
    told = json.loads(as_json(report()))
    assert told["counts"] == {
        **{kind.value: 0 for kind in Kind},
        "matched": 1,
        "missing_here": 1,
        "missing_there": 1,
        "amounts_differ": 1,
    }
    assert (told["clean"], told["totals"]) == (False, {"here": "21.00", "there": "15.01"})
    differing = next(one for one in told["findings"] if one["kind"] == "amounts_differ")
    assert (differing["here"]["total"], differing["there"]["total"]) == ("7.00", "7.01")


def test_the_table_opens_in_a_spreadsheet_and_no_text_is_a_formula() -> None:
    content = as_csv(report())
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert len(lines) == 5
    assert all(len(line) == len(lines[0]) for line in lines)
    extra = next(line for line in lines if "1+1" in line[3])
    assert (extra[3], extra[5], extra[8]) == ("'=1+1", "'@J4", "3.00")
