"""Catalogs: the interface documents as data files, read into types and used to check messages.

``load_catalog`` finds a catalog, ``validate`` and ``examine`` judge a message by it, ``normalise``
gives a message the document's form, ``export`` writes a catalog out for comparison with the document.
"""

from agent.catalog.export import export
from agent.catalog.loader import load_catalog, open_catalog
from agent.catalog.masking import sensitive_codes
from agent.catalog.model import (
    Catalog,
    CodeTable,
    Condition,
    Deadline,
    Envelope,
    FieldSpec,
    Identifier,
    ScopeRule,
    TransactionSpec,
)
from agent.catalog.normalise import normalise
from agent.catalog.validate import Report, examine, validate

__all__ = [
    "Catalog",
    "CodeTable",
    "Condition",
    "Deadline",
    "Envelope",
    "FieldSpec",
    "Identifier",
    "Report",
    "ScopeRule",
    "TransactionSpec",
    "examine",
    "export",
    "load_catalog",
    "normalise",
    "open_catalog",
    "sensitive_codes",
    "validate",
]
