"""GYU002 附件上传 and GYD054 附件下载.

Who the file is about is not checked: the file of a filing comes before the filing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plugins.ministry.simulator.entities import Attachment, Stay
from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.filings import same_province


@dataclass(frozen=True, slots=True)
class AttachmentCase:
    """The head of GYU002: what it names, and what there is of it."""

    province: str
    akb020: str
    akc190: str
    aaz515: str
    institution: Institution | None
    stay: Stay | None
    settlement: Stay | None


def institution_exists(case: AttachmentCase) -> Refusal | None:
    return Refusal("RE1007") if case.akb020 and case.institution is None else None


def institution_in_province(case: AttachmentCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1123") if foreign else None


def stay_exists(case: AttachmentCase) -> Refusal | None:
    return Refusal("RE1008") if case.akc190 and case.stay is None else None


def settlement_exists(case: AttachmentCase) -> Refusal | None:
    found = case.settlement and case.settlement.settlement and not case.settlement.revoked
    return Refusal("RE1045") if case.aaz515 and not found else None


UPLOAD_RULES: Final = (institution_exists, institution_in_province, stay_exists, settlement_exists)


@dataclass(frozen=True, slots=True)
class FileCase:
    """A file that is asked for."""

    aaa726: str
    attachment: Attachment | None


def known(case: FileCase) -> Refusal | None:
    return None if case.attachment else Refusal("RE1093", fill=case.aaa726)


def not_revoked(case: FileCase) -> Refusal | None:
    """Revoked with its settlement."""
    return Refusal("RE1004") if case.attachment and case.attachment.revoked else None


def has_content(case: FileCase) -> Refusal | None:
    """A file of the seed has none."""
    return None if case.attachment and case.attachment.content else Refusal("RE1030")


DOWNLOAD_RULES: Final = (known, not_revoked, has_content)
