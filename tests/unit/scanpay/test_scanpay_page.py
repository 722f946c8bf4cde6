"""The printable report in a real browser: hostile text stays text, no script runs, A4 landscape on paper."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from plugins.scanpay.reconciling.comparing import compare
from plugins.scanpay.reconciling.reports import Report, as_page
from plugins.scanpay.reconciling.statement import Row
from tests.unit.scanpay.browser import MISSING, WHY_SKIPPED, printed, shown
from tests.unit.scanpay.test_scanpay_reports import EVIL, Page, report

pytestmark = pytest.mark.skipif(MISSING, reason=WHY_SKIPPED)

A4_LANDSCAPE = (842, 595)


def saved(folder: Path, page: bytes) -> Path:
    file = folder / "report.html"
    file.write_bytes(page)
    return file


def test_a_browser_shows_hostile_text_as_text_in_its_cell(tmp_path: Path) -> None:
    page = Page(shown(saved(tmp_path, as_page(report())), tmp_path / "profile"))
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert [cells[3] for cells in page.rows[-4:]] == [EVIL, "=1+1", "D3", "D1"]


def test_a_script_that_got_into_the_page_is_not_run(tmp_path: Path) -> None:
    script = b"<script>document.title = 'ran'</script></body>"
    smuggled = as_page(report()).replace(b"</body>", script)
    assert script in smuggled
    document = shown(saved(tmp_path, smuggled), tmp_path / "profile")
    assert "<title>对账单 C1</title>" in document


def test_a_long_report_prints_on_sheets_of_a4_across(tmp_path: Path) -> None:
    rows = [
        Row("pos", f"D{n}", f"J{n}", "2026-01-02", Decimal(n), Decimal(0), Decimal(0), Decimal(n))
        for n in range(1, 201)
    ]
    compared = compare(rows, rows[:150])
    page = as_page(Report("04010089", "0401", "C1", "2026-01-02T18:00:00+08:00", compared))
    paper = printed(saved(tmp_path, page), tmp_path / "profile")
    assert 3 <= len(paper.sheets) <= 20
    assert {(round(width), round(height)) for width, height in paper.sheets} == {A4_LANDSCAPE}
