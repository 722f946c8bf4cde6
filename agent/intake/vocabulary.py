"""A catalog as the readers of files want it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.catalog import Catalog
from agent.catalog.model import FieldSpec


@dataclass(frozen=True, slots=True)
class CatalogVocabulary:
    """The transactions and fields of one system."""

    catalog: Catalog

    def __contains__(self, transaction: str, /) -> bool:
        return transaction in self.catalog

    def fields(self, transaction: str, /) -> Sequence[FieldSpec]:
        return self.catalog.transaction(transaction).asked

    def list_of(self, transaction: str, /) -> str:
        return self.catalog.transaction(transaction).list
