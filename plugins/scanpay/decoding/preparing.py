"""Submissions before they are planned: a code that came without its token is read here, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from agent.catalog import Catalog, TransactionSpec
from agent.catalog.spelling import find
from agent.catalog.values import is_absent
from agent.clock import Clock
from agent.errors import Fault
from agent.events import Decoded, Submission
from agent.protocol.values import text_of
from plugins.scanpay.decoding.holders import Decoder, Holder, NotDecoded, failed
from plugins.scanpay.decoding.library import LibraryDecoder
from plugins.scanpay.decoding.service import ServiceDecoder
from plugins.scanpay.scanning import HOLDER_FIELDS, code_field, is_given
from plugins.scanpay.settings import DecoderSettings, Settings


@dataclass(frozen=True, slots=True)
class Scans:
    """Reads codes for one inbox after another (``agent.hookspecs.Preparation``)."""

    catalog: Catalog
    settings: Settings
    decoder: Decoder
    clock: Clock

    def prepare(self, submission: Submission, now: datetime) -> Submission:
        """The submission with its code read, or with the fault why it could not be. A code that is past
        its minute is left alone: the message expires."""
        if submission.transaction not in self.catalog:
            return submission
        spec = self.catalog.transaction(submission.transaction)
        code = code_field(spec)
        if not code or is_given(spec, submission.data, "ectoken"):
            return submission
        if is_given(spec, submission.data, code):
            return self._decoded(submission, spec, code, now)
        return self._acquired(submission, spec, code) if self.settings.decoder.acquire else submission

    def close(self) -> None:
        self.decoder.close()

    def _decoded(self, submission: Submission, spec: TransactionSpec, code: str, now: datetime) -> Submission:
        if now - (submission.scanned_at or now) > self.settings.code_lives:
            return submission
        written = text_of(_given(spec, submission, code))
        try:
            return replace(submission, decoded=Decoded(_values(code, self.decoder.decode(written))))
        except NotDecoded as error:
            return replace(submission, decoded=_undecoded(spec, code, error))

    def _acquired(self, submission: Submission, spec: TransactionSpec, code: str) -> Submission:
        """What the decoder scans is scanned when it says so."""
        try:
            values = _values(code, self.decoder.acquire())
        except NotDecoded as error:
            return replace(submission, decoded=_undecoded(spec, code, error))
        return replace(submission, decoded=Decoded(values), scanned_at=self.clock.now())


def decoder_of(settings: DecoderSettings, hospcode: str, clock: Clock) -> Decoder | None:
    """The configured decoder; None where the HIS decodes."""
    if settings.kind == "library":
        return LibraryDecoder(settings, hospcode, clock)
    if settings.kind == "http":
        return ServiceDecoder(settings, hospcode, clock)
    return RehearsedDecoder() if settings.kind == "simulated" else None


class RehearsedDecoder:
    """Reads the codes of a rehearsal without asking anybody."""

    def decode(self, code: str) -> Holder:
        from plugins.scanpay.simulator import codes

        shown = codes.read(code)
        if shown is None:
            raise failed("请使用医保电子凭证二维码")
        identity = shown.identity
        return Holder(code, codes.token_of(code), codes.ID_TYPE, identity.aac002, identity.aac003)

    def acquire(self) -> Holder:
        raise failed("演练没有扫码设备")

    def close(self) -> None:
        """Nothing was opened."""


def _given(spec: TransactionSpec, submission: Submission, code: str) -> object:
    names = next((one.aliases for one in spec.request if one.code == code), ())
    found = (find(submission.data, name) for name in (code, *names))
    return next((value for value in found if not is_absent(value)), "")


def _values(code: str, holder: Holder) -> dict[str, str]:
    values = (holder.token, holder.id_type, holder.id_number, holder.name)
    return {code: holder.code, **dict(zip(HOLDER_FIELDS, values, strict=True))}


def _undecoded(spec: TransactionSpec, code: str, error: NotDecoded) -> Decoded:
    name = next((one.name for one in spec.request if one.code == code), "")
    return Decoded(faults=(Fault(f"/{code}", "decode", error.message, field=code, name=name),))
