"""The reading rules of a folder: what its configuration and its system's catalog say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.catalog import Catalog
from agent.config.device_model import DeviceConfig
from agent.config.model import FolderConfig
from agent.intake.vocabulary import CatalogVocabulary
from agent.submissions import ReadingRules

MEGABYTE = 1024 * 1024


def plain_rules(folder: FolderConfig, devices: DeviceConfig | None = None) -> dict[str, Any]:
    """The part of the rules that a helper process has to be told. Without ``devices`` nothing says at which
    stations there are any."""
    plain: dict[str, Any] = {"encoding": folder.encoding, "max_bytes": folder.max_file_mb * MEGABYTE}
    if devices is not None:
        plain["scanners"] = sorted({scanner.station for scanner in devices.scanners})
        plain["readers"] = sorted({reader.station for reader in devices.readers})
    return plain


def reading_rules(system: str, catalog: Catalog, plain: Mapping[str, Any]) -> ReadingRules:
    return ReadingRules(
        system=system,
        vocabulary=CatalogVocabulary(catalog),
        encoding=plain["encoding"],
        max_bytes=plain["max_bytes"],
        scanners=_stations(plain, "scanners"),
        readers=_stations(plain, "readers"),
    )


def _stations(plain: Mapping[str, Any], devices: str) -> frozenset[str] | None:
    return frozenset(plain[devices]) if devices in plain else None
