"""The reading rules of a folder: what its configuration and its system's catalog say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.catalog import Catalog
from agent.config.model import FolderConfig
from agent.intake.vocabulary import CatalogVocabulary
from agent.submissions import ReadingRules

MEGABYTE = 1024 * 1024


def plain_rules(folder: FolderConfig) -> dict[str, Any]:
    """The part of the rules that a helper process has to be told."""
    return {"encoding": folder.encoding, "max_bytes": folder.max_file_mb * MEGABYTE}


def reading_rules(system: str, catalog: Catalog, plain: Mapping[str, Any]) -> ReadingRules:
    return ReadingRules(
        system=system,
        vocabulary=CatalogVocabulary(catalog),
        encoding=plain["encoding"],
        max_bytes=plain["max_bytes"],
    )
