"""A scanned e-credential goes to ecqrcode or ecrcode, whichever the transaction has. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agent.catalog import Catalog
from agent.catalog.spelling import find
from agent.events import Decoded, Reading, Submission
from agent.protocol.awaiting import code_place, taken
from agent.protocol.values import text_of
from plugins.scanpay.scanning import HOLDER_FIELDS, code_field
from plugins.scanpay.settings import Settings

ECREDENTIAL: Final = "ecredential"
_SAMPLE: Final = "0" * 28
_HOLDER: Final = dict(zip(HOLDER_FIELDS, ("0" * 16, "01", "0" * 18, "待扫码"), strict=True))
"""What decoding will give, in its form; without a decoder the HIS has to give it."""
_PAYER: Final = {"idno": "pidno", "username": "pname"}
"""Where ST007 says once more who holds the code."""


def awaited(
    catalog: Catalog, settings: Settings, submission: Submission, reading: Reading | None
) -> Submission:
    """See ProtocolAdapter."""
    code = (
        code_field(catalog.transaction(submission.transaction)) if submission.transaction in catalog else ""
    )
    places = {(submission.transaction, ECREDENTIAL): code_place(code, _SAMPLE)} if code else {}
    whole = taken(submission, places, reading)
    if reading is not None or settings.decoder.kind == "none":
        return whole
    return replace(whole, decoded=Decoded({**_HOLDER, **_payer(submission)}))


def _payer(submission: Submission) -> dict[str, str]:
    """Whom the HIS expects: until the scan, nobody else holds the code."""
    data = submission.data
    named = {field: text_of(find(data, field) or find(data, payer)) for field, payer in _PAYER.items()}
    return {field: text for field, text in named.items() if text}
