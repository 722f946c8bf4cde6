"""Writes a catalog out as one JSON value, for comparison with the document."""

from __future__ import annotations

from typing import Any

from agent.catalog.model import Catalog, FieldSpec, TransactionSpec


def export(catalog: Catalog) -> dict[str, Any]:
    """Transactions with their business fields, code tables and error codes, as the document has them.

    A code with one name maps to it, one with several to a list. ``error_codes`` holds all kinds.
    """
    return {
        "system": catalog.system,
        "version": catalog.version,
        "transactions": [_transaction(spec) for spec in catalog],
        "code_tables": {
            name: {code: names[0] if len(names) == 1 else list(names) for code, names in table.codes.items()}
            for name, table in catalog.tables.items()
        },
        "error_codes": dict(catalog.errors),
    }


def _transaction(spec: TransactionSpec) -> dict[str, Any]:
    return {
        "code": spec.code,
        "name": spec.name,
        "caller": spec.caller,
        "frequency": spec.frequency,
        "max_rows": spec.max_rows,
        "request": [_field(field) for field in spec.request],
        "response": [_field(field) for field in spec.response],
    }


def _field(spec: FieldSpec) -> dict[str, Any]:
    return {
        "code": spec.code,
        "name": spec.name,
        "type": spec.type,
        "length": spec.length,
        "required": spec.required,
        "children": [_field(child) for child in spec.children],
    }
