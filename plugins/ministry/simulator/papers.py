"""What a record needs for a download beyond what the seed says: invented particulars of filings,
institutions and aids, under the catalog's codes. Uploaded details stand before them."""

from __future__ import annotations

from datetime import date

from agent.events import JsonObject
from plugins.ministry.simulator.entities import Aid
from plugins.ministry.simulator.registry import Filing, Institution


def filing_values(filing: Filing, today: date) -> JsonObject:
    """A filing's or application's fields, as GYD001, GYD006 and GYD051 name them."""
    begun = filing.review == "1"
    return {
        **_invented_particulars(filing),
        **filing.details,
        "aaz341": filing.aaz341,
        "aac002": filing.aac002,
        "aac003": filing.aac003,
        "ala491": filing.ala491,
        "aab359": filing.home,
        "aab299": filing.place,
        "aae030": f"{filing.starts:%Y%m%d}" if begun else "",
        "aae031": f"{filing.ends:%Y%m%d}" if begun else "",
        "aae100": "1" if not begun or filing.valid_on(today) else "0",
        "aae016": filing.review,
    }


def aid_values(aid: Aid) -> JsonObject:
    return {
        "aae074": "演练核付通知单",
        "ala033": "1",
        "alc056": "演练轮椅",
        "akc226": "1",
        "aka068": "1000.00",
        "ala027": "36",
        "aae075": "演练配置结论书",
        **aid.details,
        "aaz195": aid.aaz195,
    }


def institution_values(institution: Institution) -> JsonObject:
    """An institution's fields, as GYD009 names them."""
    return {
        "ale017": f"演练机构{institution.akb020}",
        "aae006": "演练路1号",
        "aaf200": "102",
        "aaf002": "102651000001",
        "aae009": f"演练机构{institution.akb020}",
        "aae010": f"6200{institution.akb020}",
        "isflag": "1",
        "aka101": "02",
        **institution.details,
        "akb020": institution.akb020,
        "alc002": institution.alc002,
        "aab998": institution.aab998,
        "aab078": institution.region,
        "aaa120": "1" if institution.active else "0",
    }


def _invented_particulars(filing: Filing) -> JsonObject:
    born = filing.aac002[6:14]
    birthday = born if born.isdigit() and len(born) == 8 else "19700101"
    applied = filing.starts if filing.review == "1" else date(2026, 1, 1)
    return {
        "aae140": "410",
        "aae127": f"{applied:%Y%m%d}",
        "aac004": "1",
        "aac006": birthday,
        "aaa564": str(applied.year - int(birthday[:4])),
        "aae005": "13000000000",
        "aab004": "演练单位",
        "alc031": f"{applied:%Y%m%d}",
        "alc011": "演练认定书1号",
        "alc022": "演练部位",
        "alc014": "演练诊断",
        "akb039": "演练转出医院" if filing.ala491 in ("01", "02", "07") else "",
    }
