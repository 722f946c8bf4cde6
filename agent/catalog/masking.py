"""Which field codes hold personal data, for whoever writes logs."""

from __future__ import annotations

from collections.abc import Iterable

from agent.catalog.model import Catalog, FieldSpec


def sensitive_codes(catalog: Catalog) -> dict[str, str]:
    """Field code → kind of personal data, over all transactions and the envelope.

    A code that is sensitive anywhere is masked everywhere. Reads the whole catalog.
    """
    kinds: dict[str, str] = {}
    envelope = catalog.envelope
    for fields in (envelope.header, envelope.request, envelope.response, envelope.response_head):
        _collect(fields, kinds)
    for spec in catalog:
        _collect(spec.request, kinds)
        _collect(spec.response, kinds)
    return kinds


def _collect(fields: Iterable[FieldSpec], kinds: dict[str, str]) -> None:
    for spec in fields:
        if spec.sensitive:
            kinds.setdefault(spec.code, spec.sensitive)
        _collect(spec.children, kinds)
