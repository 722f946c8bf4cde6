"""The rules of the transactions that the catalog describes beyond the five whole ones.

Those of the five stand in the conformance cases.
"""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from agent.catalog import load_catalog
from agent.events import JsonObject
from agent.protocol.rules import Judged
from plugins.ministry.rules import RULES
from tests.unit.ministry.ministry_desk import NOW

CATALOG = load_catalog("plugins.ministry.catalog")


def found(name: str, *rows: JsonObject, **head: str) -> list[tuple[str, str]]:
    spec = CATALOG.transaction(name[:6].upper())
    assert name in spec.rules
    judged = Judged(spec, {**head, "datalist": list(rows)}, NOW.date())
    return [(fault.pointer, fault.code) for fault in RULES[name](judged)]


def test_every_rule_of_the_catalog_is_provided_and_none_is_left_over() -> None:
    assert {name for spec in CATALOG for name in spec.rules} == set(RULES)


def test_every_field_that_a_rule_reports_is_the_catalogs() -> None:
    faults = [
        fault
        for spec in CATALOG
        for name in spec.rules
        for fault in RULES[name](Judged(replace(spec), {"datalist": [{}]}, NOW.date()))
    ]
    assert faults, "at least GYU006 speaks about an empty row"
    assert all(fault.name for fault in faults)


@pytest.mark.parametrize(
    ("name", "good", "bad", "pointer", "code"),
    [
        (
            "gyu001_refused_status",
            {"aae016": "2", "aae100": "0"},
            {"aae016": "2", "aae100": "1"},
            "aae100",
            "",
        ),
        (
            "gyu001_period",
            {"aae030": "20260101", "aae031": "20260101"},
            {"aae030": "20260102", "aae031": "20260101"},
            "aae030",
            "RE1150",
        ),
        ("gyu001_start_not_before_review", {"aae030": "20260102"}, {"aae030": "20260101"}, "aae030", ""),
        ("gyu004_amount_positive", {"aae019": "0.01"}, {"aae019": "0"}, "aae019", ""),
        (
            "gyu006_period",
            {"aae030": "20260101", "aae031": "20260102"},
            {"aae030": "20260102", "aae031": "20260101"},
            "aae030",
            "RE1150",
        ),
        ("gyu303_price_positive", {"akc225": "1"}, {"akc225": "0"}, "akc225", "RE1073"),
        ("gyu303_quantity_positive", {"akc226": "1"}, {"akc226": "-1"}, "akc226", "RE1074"),
        ("gyu303_ceiling_not_negative", {"aka068": "0"}, {"aka068": "-1"}, "aka068", "RE1072"),
    ],
)
def test_one_row_is_told(name: str, good: JsonObject, bad: JsonObject, pointer: str, code: str) -> None:
    assert found(name, good) == []
    assert found(name, good, bad) == [(f"/datalist/1/{pointer}", code)]


@pytest.mark.parametrize(
    ("name", "row", "pointer", "code"),
    [
        ("gyu001_unique_in_batch", {"aaz341": "1"}, "aaz341", "RE1149"),
        ("gyu003_unique_in_batch", {"trtype": "1", "aaz515": "1", "aaz516": ""}, "aaz516", "RE1171"),
        ("gyu004_unique_in_batch", {"aaz516_s": "1"}, "aaz516_s", ""),
        ("gyu006_unique_in_batch", {"aaz341_s": "1"}, "aaz341_s", "RE1141"),
        ("gyu303_unique_in_batch", {"aaz195": "1"}, "aaz195", "RE1097"),
    ],
)
def test_a_row_given_twice_is_told(name: str, row: JsonObject, pointer: str, code: str) -> None:
    assert found(name, row) == []
    assert found(name, row, dict(row)) == [(f"/datalist/1/{pointer}", code)]


def test_a_statement_tells_details_of_one_settlement_apart_by_type() -> None:
    rows = [{"trtype": kind, "aaz515": "1", "aaz516": ""} for kind in "13"]
    assert found("gyu003_unique_in_batch", *rows) == []


def test_heads_are_told() -> None:
    assert found("gyu003_people_positive", akb079="0") == [("/akb079", "")]
    assert found("gyu003_people_positive", akb079="1") == []
    for day in ("20260101", "20260103"):
        assert found("gyu303_day", alc010=day) == [("/alc010", "RE1124")]
    assert found("gyu303_day", alc010="20260102") == []


def test_a_filing_needs_its_attachments() -> None:
    recognition, notice = {"filetype": "03"}, {"filetype": "05"}
    assert found("gyu006_attachments", {"ala491": "01", "filedata": [recognition]}) == []
    assert found("gyu006_attachments", {"ala491": "08", "filedata": [recognition, notice]}) == []
    assert len(found("gyu006_attachments", {"ala491": "08", "filedata": [recognition]})) == 1
    assert len(found("gyu006_attachments", {"ala491": "08", "filedata": []})) == 2


@pytest.mark.parametrize(
    ("content", "name", "broken"),
    [
        (b"%PDF-1.7", "a.pdf", False),
        (b"\xff\xd8\xff\xe0", "a.JPEG", False),
        (b"\x89PNG\r\n\x1a\n", "a.pdf", True),
        (b"MZ\x90\x00", "a.pdf", True),
        (b"GIF89a", "a.png", True),
    ],
)
def test_a_file_within_the_data_is_what_its_name_says(content: bytes, name: str, broken: bool) -> None:
    inside = base64.b64encode(content + bytes(20)).decode()
    file = {"aaa726_s": "F1", "filetype": "02", "filename": name, "filecont": inside}
    judged = Judged(CATALOG.transaction("GYU002"), {"filelist": [file]}, NOW.date())
    faults = [(fault.pointer, fault.rule) for fault in RULES["gyu002_file_types"](judged)]
    assert faults == ([("/filelist/0/filecont", "attachment_type")] if broken else [])
