"""Builds the adapter and what belongs to it from the settings: the only place that knows all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.catalog import Catalog, load_catalog
from agent.clock import SystemClock
from agent.hookspecs import KeySource, Preparation
from plugins.scanpay.adapter import ScanpayAdapter
from plugins.scanpay.decoding.preparing import Scans, decoder_of
from plugins.scanpay.sealing import KeySealing, Sealing, SignatureNames
from plugins.scanpay.settings import Settings, read_settings
from plugins.scanpay.vendor.package import PackageSealing


def scanpay_catalog() -> Catalog:
    return load_catalog("plugins.scanpay.catalog")


def build(options: Mapping[str, Any], source: KeySource) -> ScanpayAdapter:
    """The adapter of one institution. Raises ConfigurationError. Starts nothing."""
    settings = read_settings(options)
    return ScanpayAdapter(scanpay_catalog(), settings, _sealing(settings, source))


def prepare(options: Mapping[str, Any]) -> Preparation | None:
    """What reads scanned codes; None where the HIS does. Raises ConfigurationError. Starts nothing."""
    settings = read_settings(options)
    clock = SystemClock()
    decoder = decoder_of(settings.decoder, settings.hospcode, clock)
    return Scans(scanpay_catalog(), settings, decoder, clock) if decoder else None


def _sealing(settings: Settings, source: KeySource) -> Sealing:
    if settings.signer == "package":
        return PackageSealing(settings.signer_command, settings.signer_timeout_s, SystemClock())
    return KeySealing(
        source,
        settings.profile,
        merchant=settings.merchant_key,
        infosys=settings.infosys_key,
        platform=settings.platform_key,
        names=SignatureNames(infosys=settings.infosys_signature_name),
    )
