"""A comparison as files for people and programs: JSON, CSV for a spreadsheet, and a page to be printed.

Everything in the page is text of others and escaped; it has no scripts, and forbids them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import Final

from agent import jsontext
from agent.events import JsonObject
from plugins.scanpay.reconciling.comparing import ABOUT, Comparison, Finding, Kind
from plugins.scanpay.reconciling.statement import PAYMENT, Row

_HEADINGS: Final = (
    "结论",
    "处理",
    "交易类型",
    "交易订单号",
    "本机流水号",
    "平台流水号",
    "平台交易时间",
    "本机总额",
    "平台总额",
    "平台统筹",
    "平台个人账户",
    "平台现金",
)
_AMOUNTS_FROM: Final = 7
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_STYLE: Final = (
    "body{font-family:sans-serif;font-size:12px;margin:16px}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #888;padding:3px 6px;text-align:left;word-break:break-all}"
    "td.amount{text-align:right;white-space:nowrap}"
    "tr.difference td{font-weight:bold}"
    "thead{display:table-header-group}tr{page-break-inside:avoid}"
    "@page{size:A4 landscape;margin:12mm}"
)
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Report:
    """What the files tell. ``accepted`` are the ids of differences that a person accepted."""

    hospcode: str
    operatorid: str = field(repr=False)
    cycle: str
    at: str
    comparison: Comparison
    accepted: Set[str] = frozenset()

    @property
    def open(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.comparison.differences if one.id not in self.accepted)

    def counts(self) -> JsonObject:
        return {kind.value: self.comparison.count(kind) for kind in Kind}


def as_json(report: Report) -> bytes:
    here, there = report.comparison.totals()
    told: JsonObject = {
        "hospcode": report.hospcode,
        "operatorid": report.operatorid,
        "busicycleno": report.cycle,
        "at": report.at,
        "clean": not report.open,
        "counts": report.counts(),
        "totals": {"here": f"{here:.2f}", "there": f"{there:.2f}"},
        "findings": [finding_json(one, report.accepted) for one in report.comparison.findings],
    }
    return (jsontext.write_readable(told) + "\n").encode("utf-8")


def finding_json(finding: Finding, accepted: Set[str] = frozenset()) -> JsonObject:
    return {
        "id": finding.id,
        "kind": finding.kind.value,
        "about": ABOUT[finding.kind],
        "accepted": finding.id in accepted,
        "here": _row_json(finding.here),
        "there": _row_json(finding.there),
    }


def as_csv(report: Report) -> bytes:
    """UTF-8 with a mark for spreadsheets; texts that one would take for a formula are quoted."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\r\n")
    lines.writerow(_HEADINGS)
    for finding in report.comparison.findings:
        cells = _cells(finding, report.accepted)
        lines.writerow([*(_plain(cell) for cell in cells[:_AMOUNTS_FROM]), *cells[_AMOUNTS_FROM:]])
    return written.getvalue().encode("utf-8-sig")


def as_page(report: Report) -> bytes:
    """One HTML page, differences first."""
    here, there = report.comparison.totals()
    summary = "；".join(f"{ABOUT[kind]} {report.comparison.count(kind)} 笔" for kind in Kind)
    verdict = "对账一致，可以签退" if not report.open else f"有 {len(report.open)} 处差异待处理，不能签退"
    facts = (
        ("定点医药机构", report.hospcode),
        ("操作员", report.operatorid),
        ("业务周期号", report.cycle),
        ("对账时间", report.at),
        ("本机合计", f"{here:.2f}"),
        ("平台合计", f"{there:.2f}"),
        ("笔数", summary),
        ("结论", verdict),
    )
    page = [
        '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>对账单 {escape(report.cycle)}</title><style>{_STYLE}</style></head><body>",
        "<h1>扫码支付对账单</h1><table><tbody>",
        *(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts),
        "</tbody></table><h2>明细</h2><table><thead><tr>",
        *(f"<th>{heading}</th>" for heading in _HEADINGS),
        "</tr></thead><tbody>",
        *_lines(report),
        "</tbody></table><p>经办人：____________　复核人：____________</p></body></html>\n",
    ]
    return "".join(page).encode("utf-8")


def _lines(report: Report) -> Iterator[str]:
    findings = report.comparison.findings
    for finding in sorted(findings, key=lambda one: one.kind is Kind.MATCHED):
        mark = "" if finding.kind is Kind.MATCHED else ' class="difference"'
        yield f"<tr{mark}>"
        for place, cell in enumerate(_cells(finding, report.accepted)):
            style = ' class="amount"' if place >= _AMOUNTS_FROM else ""
            yield f"<td{style}>{escape(cell)}</td>"
        yield "</tr>"


def _cells(finding: Finding, accepted: Set[str]) -> list[str]:
    here, there, row = finding.here, finding.there, finding.row
    shares = (None, None, None) if there is None else (there.fund, there.account, there.cash)
    return [
        ABOUT[finding.kind],
        _done(finding, accepted),
        "支付" if row.sign == PAYMENT else "退费",
        row.orderid,
        here.number if here else "",
        there.number if there else "",
        there.day if there else "",
        _amount(here.total if here else None),
        _amount(there.total if there else None),
        *(_amount(share) for share in shares),
    ]


def _done(finding: Finding, accepted: Set[str]) -> str:
    if finding.kind is Kind.MATCHED:
        return ""
    return "已确认" if finding.id in accepted else "待处理"


def _row_json(row: Row | None) -> JsonObject | None:
    if row is None:
        return None
    return {
        "tradetype": row.sign,
        "orderid": row.orderid,
        "number": row.number,
        "day": row.day,
        "total": _amount(row.total),
        "fund": _amount(row.fund),
        "account": _amount(row.account),
        "cash": _amount(row.cash),
    }


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
