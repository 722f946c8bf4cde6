"""Business DATA that the rehearsed platform accepts, for tests to change."""

from __future__ import annotations

from typing import Any

PERSON = {"aac002": "519900198408230014", "aac003": "演练甲"}
HOSPITAL = {"akb020": "51010000001", "alc002": "1"}
STAY = {"akc190": "ZY0001", "aka130": "72"}


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
