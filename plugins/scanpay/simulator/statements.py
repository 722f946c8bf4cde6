"""The reconciliation file of a cycle (3.3.2.2), as zip in Base64.

What the document does not say (S20) is the style: the column separator, the character set, the sign of a
refund's amounts.
"""

from __future__ import annotations

import io
import zipfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from plugins.scanpay.simulator.state import Entry


@dataclass(frozen=True, slots=True)
class Style:
    """How the file is written."""

    separator: str = "|"
    charset: str = "utf-8"
    negative_refunds: bool = True


def statement(cycle: str, entries: Sequence[Entry], style: Style) -> str:
    """Base64 of a zip with one text file."""
    text = "".join(f"{_line(entry, style)}\r\n" for entry in entries)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{cycle}.txt"), text.encode(style.charset))
    return b64encode(packed.getvalue()).decode("ascii")


def _line(entry: Entry, style: Style) -> str:
    sign = Decimal(-1) if entry.sign == "nag" and style.negative_refunds else Decimal(1)
    shares = entry.shares
    amounts = (shares.total, shares.fund, shares.account, shares.cash)
    columns = [entry.cycle, entry.sign, entry.orderid, entry.number, entry.day]
    return style.separator.join([*columns, *(f"{sign * amount:.2f}" for amount in amounts)])
