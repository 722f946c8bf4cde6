"""Business DATA that the rehearsed platform accepts, for tests to change."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PERSON = {"aac002": "519900198408230014", "aac003": "演练甲"}
HOSPITAL = {"akb020": "51010000001", "alc002": "1"}
STAY = {"akc190": "ZY0001", "aka130": "72"}
AID_PERSON = {"aac002": "519900198408300086", "aac003": "演练辛"}
APPLICANT = {"aac002": "519900198409020112", "aac003": "演练子"}
PAPER = {"filetype": "03", "aaa418": "工伤认定书.pdf", "aaa726": "510000000000000001"}


def admission(**changes: Any) -> dict[str, Any]:
    """One row of GYU101."""
    row = {**PERSON, **HOSPITAL, **STAY, "aab360": "510104", "aae030": "20260301", "akc192": "", "aae013": ""}
    return {**row, **changes}


def admissions(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"datalist": list(rows or [admission()])}


def fee(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One row of GYU102: 2 × 10.00, a tenth paid by the person."""
    row = {
        "aaz213_s": f"ROW{number:06d}",
        "ala012": "02",
        "ala002": "YP0001",
        "ala020": "演练药品",
        "aka068": "0",
        "aae185": "0.9",
        "akc226": "2",
        "akc225": "10.00",
        "aae058": "20.00",
        "aae020": "18.00",
        "aae022": "2.00",
        "aae229": "20260302",
    }
    return {**row, **changes}


def fees(*rows: dict[str, Any], **head: Any) -> dict[str, Any]:
    return {**PERSON, **HOSPITAL, **STAY, **head, "datalist": list(rows or [fee()])}


def settlement(**changes: Any) -> dict[str, Any]:
    """One row of GYU103 for a stay with one such fee."""
    row = {
        **PERSON,
        **HOSPITAL,
        **STAY,
        "aae058": "20.00",
        "aae020": "18.00",
        "aae022": "2.00",
        "aae031": "20260310",
        "akc195": "痊愈",
        "filedata": [],
    }
    return {**row, **changes}


def settlements(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"datalist": list(rows or [settlement()])}


def institution(**changes: Any) -> dict[str, Any]:
    """One row of GYU009: a new hospital."""
    row = {
        "transtype": "1",
        "akb020": "",
        "alc002": "1",
        "ale017": "演练新医院",
        "aab998": "91510100MA00000001",
        "aab078": "510104",
        "isflag": "1",
        "aka101": "02",
        "aae006": "演练路2号",
        "aaf200": "102",
        "aaf002": "102651000001",
        "aae009": "演练新医院",
        "aae010": "6200000000000000001",
        "aaa120": "1",
    }
    return {**row, **changes}


def filing(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One row of GYU006, from 510700 to 360100: somebody the platform does not know yet."""
    row = {
        "aaz341_s": f"BA{number:06d}",
        "aae140": "410",
        "aab359": "510700",
        "aae127": "20260301",
        "aae030": "20260301",
        "aae031": "20261231",
        "aac003": "演练新人",
        "aac004": "1",
        "aac006": "19850101",
        "aaa564": "41",
        "aac002": "519900198501010013",
        "aae005": "13000000000",
        "aab004": "演练单位",
        "alc031": "20260201",
        "alc011": "演练认定书2号",
        "alc022": "演练部位",
        "alc014": "演练诊断",
        "ala491": "03",
        "aab299": "360100",
        "aae100": "1",
        "filedata": [PAPER],
        "rows": [],
    }
    return {**row, **changes}


def filed_aid(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One aid of GYU006, or of GYU001 with an aaz195."""
    row = {
        "aaz195_s": f"FJ{number:06d}",
        "aae074": "演练核付通知单",
        "ala033": "1",
        "alc056": "演练轮椅",
        "akc226": "1",
        "aka068": "1000.00",
        "ala027": "36",
        "aae075": "演练配置结论书",
    }
    return {**row, **changes}


def review(**changes: Any) -> dict[str, Any]:
    """One row of GYU001: the sample's application is approved from today on."""
    row = {
        **APPLICANT,
        "aaz341": "SAMPLE000000001111",
        "ala491": "03",
        "aae030": "20260315",
        "aae031": "20261231",
        "aae100": "1",
        "aae016": "1",
        "chkmsg": "",
        "rows": [],
    }
    return {**row, **changes}


def filing_change(**changes: Any) -> dict[str, Any]:
    """One row of GYU007: another telephone number."""
    row = {
        "aaz341": "SAMPLE000000000101",
        "aab360": "510000",
        "aae005": "13000000009",
        "aab004": "演练单位",
        "aae100": "1",
        "aae160": "",
    }
    return {**row, **changes}


def verification(**changes: Any) -> dict[str, Any]:
    """GYD051 for the person with aids."""
    asked = {
        **AID_PERSON,
        "calltype": "3",
        "aae030": "20260315",
        "akb020": "51010000003",
        "alc002": "3",
        "aab360": "510104",
    }
    return {**asked, **changes}


def aid(**changes: Any) -> dict[str, Any]:
    """One row of GYU303: 1200.00 of which 1000.00 are borne."""
    row = {
        "aaz195": "195000000000000001",
        "aae074": "演练核付通知单",
        "aae075": "演练配置结论书",
        "ala033": "1",
        "alc056": "演练轮椅",
        "aka068": "1000.00",
        "ala027": "36",
        "akc226": "1",
        "akc225": "1200.00",
    }
    return {**row, **changes}


def deduction(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One row of GYU004; its settlement must be given."""
    row = {
        **PERSON,
        "akb020": "51010000001",
        "aaz515": "",
        "aaz516_s": f"KK{number:06d}",
        "aae013": "演练扣款原因",
        "aae019": "5.00",
    }
    return {**row, **changes}


def attachment(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One file of GYU002."""
    row = {
        "aaa726_s": f"FJ{number:06d}",
        "filetype": "02",
        "fileno": "",
        "filename": "康复方案.pdf",
        "filecont": base64.b64encode(b"plan").decode(),
    }
    return {**row, **changes}


def detail(**changes: Any) -> dict[str, Any]:
    """One detail of GYU003; its settlement must be given."""
    return {**PERSON, "aaz515": "", "aaz516": "", "trtype": "1", **changes}


def confirmation(**changes: Any) -> dict[str, Any]:
    return {"busitype": "GYD009", "downno": "", **changes}


def numbered(row: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A row without a number of its own, called as if it had one."""
    return lambda _, **changes: row(**changes)


@dataclass(frozen=True)
class Sample:
    """A transaction's head, and its rows under the name of their list ("" where there is none)."""

    head: Mapping[str, Any] = field(default_factory=dict)
    rows: str = ""
    row: Callable[..., dict[str, Any]] = lambda _, **changes: changes

    def data(self, rows: list[dict[str, Any]], head: Mapping[str, Any]) -> dict[str, Any]:
        listed = [self.row(number, **row) for number, row in enumerate(rows, 1)]
        return {**self.head, **({self.rows: listed} if self.rows else {}), **head}


MONTH = {
    "pch": "",
    "akb020": "51010000001",
    "alc002": "1",
    "aae002": "202603",
    "aae020": "18.00",
    "akb079": "1",
    "isdone": "1",
}
REVOKED = {**PERSON, "akb020": "51010000001", "akc190": "ZY0001"}
SIDE = {"dlmode": "2"}
NO_STAY = {"akb020": "", "alc002": "", "akc190": "", "aaz515": ""}

SAMPLES: dict[str, Sample] = {
    "GYU000": Sample(),
    "GYU009": Sample(rows="datalist", row=numbered(institution)),
    "GYU006": Sample(rows="datalist", row=filing),
    "GYU001": Sample(rows="datalist", row=numbered(review)),
    "GYU007": Sample(rows="datalist", row=numbered(filing_change)),
    "GYU101": Sample(rows="datalist", row=numbered(admission)),
    "GYU102": Sample({**PERSON, **HOSPITAL, **STAY}, "datalist", fee),
    "GYU103": Sample(rows="datalist", row=numbered(settlement)),
    "GYD051": Sample(verification()),
    "GYU303": Sample(
        {
            **AID_PERSON,
            "prerefid": "51000020260315900001",
            "akb020": "51010000003",
            "alc002": "3",
            "alc010": "20260315",
            "aka130": "73",
        },
        "datalist",
        numbered(aid),
    ),
    "GYU004": Sample(rows="datalist", row=deduction),
    "GYR001": Sample(REVOKED),
    "GYR002": Sample(REVOKED),
    "GYR003": Sample({**REVOKED, "alc002": "1", "aaz515": ""}),
    "GYR004": Sample(rows="datalist", row=numbered(lambda **changes: {"aaz515": "", **changes})),
    "GYU003": Sample(MONTH, "datalist", numbered(detail)),
    "GYU002": Sample({**PERSON, **NO_STAY}, "filelist", attachment),
    "GYD054": Sample({"aaa726": "510000000000000001"}),
    "GYU010": Sample({"qrcode": "ECARD00000000000000001", "akb020": "51010000001"}),
    "GYD052": Sample({**PERSON, "aaz500": "A00000001", "aaz501": "510000D1560000000000000000000001"}),
    "GYD055": Sample(
        {
            "aaz501": "510000D1560000000000000000000001",
            "aaz502": "00814A444686605100000001AC",
            "aaz503": "03",
            "aaz504": "32D9E876ADB31BBF",
            "aaz505": "DBF7A936D0D18C9E",
        }
    ),
    "GYU008": Sample(rows="datalist", row=numbered(confirmation)),
    "GYD008": Sample({"hisbusitype": "", "hisrefid": ""}),
    "GYR005": Sample({"txno": "GYD009", "refidhis": "", "aae030": "", "aae031": ""}),
    "GYD053": Sample({"hisrefid": "51000020260315900001", "busitype": "GYU101"}),
    "GYD104": Sample(PERSON),
    "GYD001": Sample(),
    "GYD006": Sample(SIDE),
    "GYD009": Sample(),
    "GYD101": Sample(SIDE),
    "GYD102": Sample({**SIDE, "akb020": "51010000001", "akc190": "ZY0001"}),
    "GYD103": Sample(SIDE),
    "GYD004": Sample(SIDE),
    "GYD401": Sample(SIDE),
    "GYD402": Sample(SIDE),
    "GYD403": Sample(SIDE),
    "GYD404": Sample(SIDE),
    "GYD003": Sample({**SIDE, "aae002": "202603"}),
    "GYD005": Sample({**SIDE, "aae001": "2026", "jdnum": "1"}),
}
"""Every transaction as the platform accepts it, where numbers that it gave are filled in."""
