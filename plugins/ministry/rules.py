"""The ministry's checks across fields, under the names that the catalog gives them.

Each refuses only what the document's own words refuse, with the platform's code where it has one;
what only the platform can know (an earlier admission, the sum of earlier fees) is left to it.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from agent.errors import Fault
from agent.protocol.attachments import named_type, type_of
from agent.protocol.rules import (
    Holder,
    Judged,
    Rule,
    all_of,
    in_order,
    not_after_today,
    not_before_today,
    not_negative,
    positive,
    unique,
)
from plugins.ministry.amounts import fee_amounts, whole_is_sum

ROWS: Final = "datalist"
_AID_FILINGS: Final = ("07", "08", "09")
"""ALA491 codes of aids (anomalies M65)."""
_RECOGNITION, _PAYMENT_NOTICE = "03", "05"


def _refused_status(judged: Judged) -> Iterator[Fault]:
    """GYU001: a filing that was refused cannot be valid (note of AAE100)."""
    for row in judged.holders(ROWS):
        if row.text("aae016") == "2" and row.text("aae100") not in ("", "0"):
            yield row.fault("aae100", "value", "审核状态为不通过时应为 0（无效）")


def _today(at: str, code: str, official: str) -> Rule:
    return all_of(not_before_today(at, code, official), not_after_today(at, code, official))


def _filing_attachments(judged: Judged) -> Iterator[Fault]:
    """GYU006 rule 7: the recognition (03) always, the payment notice (05) for aids (anomalies M49)."""
    for row in judged.holders(ROWS):
        given = {attachment.text("filetype") for attachment in row.rows("filedata")}
        if _RECOGNITION not in given:
            yield row.fault("filedata", "attachment", "缺少工伤认定书（附件类型 03）")
        if row.text("ala491") in _AID_FILINGS and _PAYMENT_NOTICE not in given:
            yield row.fault("filedata", "attachment", "配置辅助器具缺少核付通知单（附件类型 05）")


def _call_type(judged: Judged) -> Iterator[Fault]:
    """GYD051: an aid institution asks about aids, the others about stays (RE1134, RE1137)."""
    for head in judged.holders(""):
        institution, call = head.text("alc002"), head.text("calltype")
        if institution == "3" and call in ("1", "2"):
            yield head.fault("calltype", "value", "辅助器具机构只能为辅助器具配置/更换", "RE1134")
        if institution in ("1", "2") and call == "3":
            yield head.fault("calltype", "value", "医疗、康复机构只能为入院登记或出院结算", "RE1137")


def _file_types(judged: Judged) -> Iterator[Fault]:
    """GYU002: 格式支持JPG、PNG、BMP、JPEG、PDF, by content, and the name's ending says the same."""
    for row in judged.holders("filelist"):
        head = row.text("filecont")[:16]
        if head and not row.unsettled("filecont", "filename") and not _is_what_it_says(head, row):
            message = "内容不是 JPG、PNG、BMP、JPEG 或 PDF，或与附件名称的后缀不符"
            yield row.fault("filecont", "attachment_type", message)


def _is_what_it_says(head: str, row: Holder) -> bool:
    try:
        kind = type_of(a2b_base64(head))
    except ValueError:
        return True  # no Base64: told of by the catalog
    return bool(kind) and named_type(row.text("filename")) in ("", kind)


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "gyu101_admission_day": not_after_today(ROWS, "aae030", "RE1121"),
        "gyu101_unique_in_batch": unique(ROWS, ("akb020", "akc190"), "RE1116"),
        "gyu102_amounts": fee_amounts,
        "gyu102_ceiling_not_negative": not_negative(ROWS, "aka068", "RE1072"),
        "gyu102_price_positive": positive(ROWS, "akc225", "RE1073"),
        "gyu102_charge_day": not_after_today(ROWS, "aae229", "RE1075"),
        "gyu102_unique_in_batch": unique(ROWS, ("aaz213_s",), "RE1142"),
        "gyu103_amounts": all_of(
            positive(ROWS, "aae058", "RE1143"),
            not_negative(ROWS, "aae020", "RE1143"),
            not_negative(ROWS, "aae022", "RE1143"),
            whole_is_sum,
        ),
        "gyu103_discharge_day": not_after_today(ROWS, "aae031", "RE1079"),
        "gyu103_unique_in_batch": unique(ROWS, ("akb020", "akc190"), "RE1078"),
        "gyd051_calltype": _call_type,
        "gyu001_refused_status": _refused_status,
        "gyu001_period": in_order(ROWS, "aae030", "aae031", "RE1150"),
        "gyu001_start_not_before_review": not_before_today(ROWS, "aae030"),
        "gyu001_unique_in_batch": unique(ROWS, ("aaz341",), "RE1149"),
        "gyu002_file_types": _file_types,
        "gyu003_people_positive": positive("", "akb079"),
        "gyu003_unique_in_batch": unique(
            ROWS, ("trtype", "aaz515", "aaz516"), "RE1171", optional=("aaz516",)
        ),
        "gyu004_amount_positive": positive(ROWS, "aae019"),
        "gyu004_unique_in_batch": unique(ROWS, ("aaz516_s",)),
        "gyu006_period": in_order(ROWS, "aae030", "aae031", "RE1150"),
        "gyu006_unique_in_batch": unique(ROWS, ("aaz341_s",), "RE1141"),
        "gyu006_attachments": _filing_attachments,
        "gyu303_day": _today("", "alc010", "RE1124"),
        "gyu303_price_positive": positive(ROWS, "akc225", "RE1073"),
        "gyu303_quantity_positive": positive(ROWS, "akc226", "RE1074"),
        "gyu303_ceiling_not_negative": not_negative(ROWS, "aka068", "RE1072"),
        "gyu303_unique_in_batch": unique(ROWS, ("aaz195",), "RE1097"),
    }
)
