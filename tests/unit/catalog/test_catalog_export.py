"""The export and the list of sensitive codes say what the catalog says."""

from __future__ import annotations

from pathlib import Path

from agent.catalog import export, open_catalog, sensitive_codes
from tests.unit.catalog.small_catalog import INDEX, write_catalog


def test_the_export_has_fields_tables_and_error_codes(tmp_path: Path) -> None:
    catalog = open_catalog(write_catalog(tmp_path, index=INDEX.replace(', "T2"', "")))
    name = {"code": "name", "name": "姓名", "type": "C", "length": "4", "required": True, "children": []}
    colour = {"code": "colour", "name": "颜色", "type": "C", "length": "1", "required": False, "children": []}
    assert export(catalog) == {
        "system": "sample",
        "version": "V1",
        "transactions": [
            {
                "code": "T1",
                "name": "登记",
                "caller": "医院",
                "frequency": "实时",
                "max_rows": None,
                "request": [name, colour],
                "response": [],
            }
        ],
        "code_tables": {"COLOUR": {"1": "红", "2": ["绿", "青"]}},
        "error_codes": {"E0": "成功", "E1": "姓名不能为空", "E2": "姓名长度不能超出限制"},
    }


def test_sensitive_codes_cover_transactions_and_envelope(tmp_path: Path) -> None:
    catalog = open_catalog(write_catalog(tmp_path, index=INDEX.replace(', "T2"', "")))
    assert sensitive_codes(catalog) == {"key": "card", "name": "name"}
