"""Reconciliation files with one deliberate difference, for rehearsing how it is found."""

from __future__ import annotations

import io
import zipfile
from base64 import b64decode, b64encode
from decimal import Decimal

from plugins.scanpay.simulator.statements import Style


def tampered(file: str, fault: str, style: Style) -> str:
    """The Base64 zip with its first line left out, doubled under another order, or of another total."""
    with zipfile.ZipFile(io.BytesIO(b64decode(file))) as archive:
        name = archive.namelist()[0]
        lines = archive.read(name).decode(style.charset).split("\r\n")[:-1]
    changed = _changed(lines, fault, style.separator)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        text = "".join(f"{line}\r\n" for line in changed)
        archive.writestr(zipfile.ZipInfo(name), text.encode(style.charset))
    return b64encode(packed.getvalue()).decode("ascii")


def _changed(lines: list[str], fault: str, separator: str) -> list[str]:
    if not lines:
        return lines
    first = lines[0].split(separator)
    if fault == "statement_missing":
        return lines[1:]
    if fault == "statement_extra":
        return [*lines, separator.join([*first[:2], first[2] + "-EXTRA", first[3] + "9", *first[4:]])]
    more = str(Decimal(first[5]) + Decimal("0.01"))
    return [separator.join([*first[:5], more, *first[6:]]), *lines[1:]]
