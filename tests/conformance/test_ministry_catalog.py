"""The ministry's catalog holds all that the document holds, and nothing contradicts itself.

The numbers here were counted in the document's tables, not in the catalog.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files

import pytest

from agent.catalog import (
    Catalog,
    FieldSpec,
    examine,
    export,
    load_catalog,
    normalise,
    open_catalog,
    sensitive_codes,
    validate,
)

PACKAGE = "plugins.ministry.catalog"

# Business fields per transaction (request, response), lists counted, in the document's order.
FIELD_COUNTS = {
    "GYU000": (0, 0), "GYD001": (0, 45), "GYU008": (3, 5), "GYU001": (20, 4), "GYU006": (45, 8),
    "GYD006": (1, 46), "GYU007": (13, 4), "GYU101": (12, 6), "GYD101": (7, 19), "GYU102": (19, 8),
    "GYD102": (3, 19), "GYU103": (17, 8), "GYD051": (7, 22), "GYU303": (17, 4), "GYD103": (6, 36),
    "GYU004": (8, 6), "GYD004": (1, 13), "GYR003": (6, 0), "GYD403": (1, 9), "GYR001": (4, 0),
    "GYD401": (1, 7), "GYR002": (4, 0), "GYD402": (1, 9), "GYR004": (2, 4), "GYD404": (1, 3),
    "GYU003": (14, 11), "GYD003": (4, 14), "GYD005": (4, 14), "GYU009": (25, 8), "GYD009": (4, 29),
    "GYD052": (4, 2), "GYD053": (2, 1), "GYU002": (12, 6), "GYD054": (1, 2), "GYU010": (4, 3),
    "GYD008": (2, 1), "GYD104": (4, 33), "GYD055": (7, 4), "GYR005": (4, 0),
}  # fmt: skip

# Codes per table; AAF200 has 41 codes with 173 names.
TABLE_SIZES = {
    "AAC004": 3, "AAC005": 57, "AAC058": 19, "AAA080": 2, "ALA491": 9, "AAE160": 4, "AAE140": 2,
    "CALLTYPE": 3, "AKA130": 3, "AKA101": 17, "ALC002": 3, "ALA033": 2, "ALA012": 6, "RESULT": 2,
    "DLMODE": 2, "AAE100": 2, "AAE016": 3, "ISDONE": 2, "TRTYPE": 4, "AKA114": 2, "AKA115": 2,
    "AAE356": 2, "AAE078": 2, "AAA120": 2, "ISFLAG": 2, "TRANSTYPE": 2, "FILETYPE": 12, "AAZ502": 6,
    "AAF200": 41,
}  # fmt: skip

TEN_ROWS = {"GYU002"}
UNLIMITED = {
    "GYU000", "GYD051", "GYU303", "GYR001", "GYR002", "GYR003", "GYD052", "GYD053", "GYD054", "GYU010",
    "GYD008", "GYD104", "GYD055", "GYR005",
}  # fmt: skip
WITHIN_THIRTY_MINUTES = {
    "GYU008", "GYU001", "GYU006", "GYU007", "GYU101", "GYU102", "GYU103", "GYU303", "GYU004", "GYU003",
    "GYU002",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(PACKAGE)


def every(fields: Iterable[FieldSpec]) -> Iterator[FieldSpec]:
    for spec in fields:
        yield spec
        yield from every(spec.children)


def request_field(catalog: Catalog, path: str) -> FieldSpec:
    code, *steps = path.split(".")
    fields = catalog.transaction(code).request
    for step in steps:
        found = next(spec for spec in fields if spec.code == step)
        fields = found.children
    return found


def test_all_39_transactions_are_there_in_the_documents_order(catalog: Catalog) -> None:
    assert catalog.transactions == tuple(FIELD_COUNTS)
    assert len(catalog.transactions) == 39


@pytest.mark.parametrize("code", FIELD_COUNTS)
def test_a_transaction_has_as_many_fields_as_its_tables(catalog: Catalog, code: str) -> None:
    spec = catalog.transaction(code)
    counted = (len(list(every(spec.request))), len(list(every(spec.response))))
    assert counted == FIELD_COUNTS[code]


def test_no_transaction_file_is_left_over(catalog: Catalog) -> None:
    names = {entry.name for entry in (files(PACKAGE) / "transactions").iterdir()}
    assert names == {f"{code}.toml" for code in catalog.transactions}


@pytest.mark.parametrize("code", FIELD_COUNTS)
def test_row_limits_and_frequencies_are_those_of_the_sections(catalog: Catalog, code: str) -> None:
    spec = catalog.transaction(code)
    limit = None if code in UNLIMITED else 10 if code in TEN_ROWS else 500
    assert spec.max_rows == limit
    assert ("30分钟。" in spec.frequency + "。" and "最晚" in spec.frequency) is (
        code in WITHIN_THIRTY_MINUTES
    )
    assert any(deadline.minutes == 30 for deadline in spec.deadlines) is (code in WITHIN_THIRTY_MINUTES)


def test_all_29_code_tables_are_complete(catalog: Catalog) -> None:
    assert {name: len(table.codes) for name, table in catalog.tables.items()} == TABLE_SIZES
    assert len(TABLE_SIZES) == 29


def test_a_bank_code_has_all_its_banks(catalog: Catalog) -> None:
    banks = catalog.tables["AAF200"].codes
    assert sum(len(names) for names in banks.values()) == 173
    assert {code: len(names) for code, names in banks.items() if len(names) > 1} == {
        "313": 79,
        "314": 19,
        "320": 6,
        "402": 32,
    }
    assert [code for code, names in banks.items() if "四川银行" in names] == ["313", "815", "817"]


def test_all_8_call_and_430_business_codes_are_there(catalog: Catalog) -> None:
    assert {name: len(table.codes) for name, table in catalog.error_tables.items()} == {
        "CODE": 8,
        "BUSI_CODE": 430,
    }
    assert len(catalog.errors) == 438
    assert catalog.errors["RE158"] == "未获取到审核扣款信息"
    assert not {"RE1114", "RE1118", "RE1158"} & set(catalog.errors)


def test_every_field_is_typed_and_named_in_lower_case(catalog: Catalog) -> None:
    for spec in catalog:
        for field in every((*spec.request, *spec.response)):
            assert field.type in ("C", "N", "LIST"), (spec.code, field.code)
            assert field.code == field.code.lower().strip(), (spec.code, field.code)
            assert field.name, (spec.code, field.code)
            assert (field.type == "LIST") is bool(field.children), (spec.code, field.code)


def test_every_table_that_a_field_names_exists(catalog: Catalog) -> None:
    known = {*catalog.tables, *catalog.error_tables}
    named = {
        field.table for spec in catalog for field in every((*spec.request, *spec.response)) if field.table
    }
    assert named <= known
    unused = {"AAC058", "AKA114", "AKA115", "AAE356", "AAE078"}  # no field of the document uses these
    assert set(catalog.tables) - named == unused


def test_a_field_called_like_a_table_is_checked_against_it(catalog: Catalog) -> None:
    for spec in catalog:
        for field in every((*spec.request, *spec.response)):
            if field.code.upper() in catalog.tables and (spec.code, field.code) != ("GYD055", "aaz502"):
                assert field.table == field.code.upper(), (spec.code, field.code)


def test_every_official_code_exists_and_speaks_of_the_fault(catalog: Catalog) -> None:
    endings = {
        "missing": (
            "不能为空",
            "必填",
            "未获取到二维码信息",
            "未获取到文件列表信息",
            "必须同时为空或同时不为空",
        ),
        "length": ("长度不能超出限制",),
        "number": ("必须是数字",),
        "format": ("格式错误",),
        "table": ("必须在指定的码值范围内", "不存在"),
        "array": ("必须是数组",),
        "limit": ("条数不能超出上限", "数量超限"),
        "size": ("附件大小超过限制",),
        "unwanted": ("传输类型为新增时，协议机构编号为空",),
        "value": ("请规范上传审核状态", "请规范传输交易编号", "不支持的协议机构类型", "不能上传信息"),
    }
    for spec in catalog:
        for field in every(spec.request):
            for rule, code in field.codes.items():
                text = catalog.errors[code]
                assert text.rstrip("！").endswith(endings[rule]) or "为必填" in text, (
                    spec.code,
                    field.code,
                    code,
                )


def test_deleted_fields_codes_are_never_raised(catalog: Catalog) -> None:
    obsolete = {
        "RE0103", "RE0105", "RE0107", "RE0109", "RE0116", "RE0135", "RE0136", "RE0164", "RE0177",
        "RE0178", "RE0183", "RE0184", "RE0185", "RE0186", "RE1058", "RE1115", "RE9005",
        *(f"RE0{number}" for number in range(166, 172)),
    }  # fmt: skip
    raised = {code for spec in catalog for field in every(spec.request) for code in field.codes.values()}
    assert not raised & obsolete


def test_behaviour_refers_to_codes_and_transactions_that_exist(catalog: Catalog) -> None:
    for spec in catalog:
        assert set(spec.already_there) | set(spec.not_processed) <= set(catalog.errors), spec.code
        assert not spec.inquiry or spec.inquiry in catalog, spec.code
        assert bool(spec.inquiry) is bool(spec.inquiry_hold_s), spec.code


def test_whatever_changes_something_can_be_inquired_about(catalog: Catalog) -> None:
    for spec in catalog:
        changes = spec.kind not in ("query", "inquiry", "probe")
        assert (spec.inquiry == "GYD053") is changes, spec.code


def test_what_the_platform_would_take_twice_is_not_called_guarded(catalog: Catalog) -> None:
    changing = [spec for spec in catalog if spec.inquiry]
    assert {spec.code for spec in changing if not spec.guarded} == {"GYU004", "GYU002", "GYU009"}


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("GYU102.datalist.aka068", "16,4"),
        ("GYU103.datalist.aae058", "16,2"),
        ("GYU102.datalist.akc225", "16,6"),
    ],
)
def test_amounts_have_the_documents_precision(catalog: Catalog, path: str, length: str) -> None:
    assert request_field(catalog, path).length == length


@pytest.mark.parametrize(
    "path",
    ["GYU001.datalist.aae030", "GYU001.datalist.aae031", "GYU006.datalist.filedata.aaa726", "GYR003.akc190"],
)
def test_what_a_rule_demands_although_the_column_says_no_is_conditional(catalog: Catalog, path: str) -> None:
    assert request_field(catalog, path).required == "conditional"


def test_every_condition_of_every_transaction_compiles_on_both_sides(catalog: Catalog) -> None:
    for spec in catalog:
        for side in ("request", "response"):
            demanded = {fault.rule for fault in examine(spec, {}, side=side).faults}
            assert demanded <= {"missing"}, (spec.code, side, demanded)
            normalise(spec, {}, side=side)


@pytest.mark.parametrize(
    "code",
    [
        "aac003",
        "aac002",
        "aae010",
        "aae005",
        "aae006",
        "aaz500",
        "alc014",
        "akc193",
        "akc195",
        "qrcode",
        "hisdata",
    ],
)
def test_personal_data_is_marked_sensitive(catalog: Catalog, code: str) -> None:
    assert code in sensitive_codes(catalog)


def test_a_review_that_refuses_needs_a_reason_and_no_period(catalog: Catalog) -> None:
    row = {
        "aaz341": "LA1", "aac003": "测试甲", "aac002": "110101199913019999", "ala491": "01", "aae016": "2",
        "aae030": "20240101",
    }  # fmt: skip
    faults = validate(catalog.transaction("GYU001"), {"datalist": [row]})
    assert [(fault.field, fault.rule, fault.code) for fault in faults] == [
        ("aae030", "unwanted", ""),
        ("chkmsg", "missing", "RE1026"),
    ]


def test_a_refusing_reviews_status_is_sent_as_invalid(catalog: Catalog) -> None:
    wire = normalise(catalog.transaction("GYU001"), {"datalist": [{"aae016": "2"}]})
    assert wire["datalist"][0]["aae100"] == "0"


def test_an_invoice_needs_its_settlement_and_number(catalog: Catalog) -> None:
    file = {"aaa726_s": "1", "filetype": "01", "filename": "票.pdf", "filecont": "YWJj"}
    head = {"aac002": "110101199913019999", "aac003": "测试甲"}
    faults = validate(catalog.transaction("GYU002"), {**head, "filelist": [file]})
    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/aaz515", "RE0052"),
        ("/filelist/0/fileno", "RE1031"),
    ]
    assert validate(catalog.transaction("GYU002"), {**head, "filelist": [{**file, "filetype": "02"}]}) == []


def test_a_file_of_500_kb_passes_and_a_byte_more_does_not(catalog: Catalog) -> None:
    def codes(size: int) -> list[str]:
        content = base64.b64encode(b"x" * size).decode()
        file = {"aaa726_s": "1", "filetype": "02", "filename": "a.png", "filecont": content}
        data = {"aac002": "1", "aac003": "甲", "filelist": [file]}
        return [fault.code for fault in validate(catalog.transaction("GYU002"), data)]

    assert codes(500 * 1024) == []
    assert codes(500 * 1024 + 1) == ["RE1151"]


def test_an_aid_filing_needs_its_aids(catalog: Catalog) -> None:
    spec = catalog.transaction("GYU006")
    faults = validate(spec, {"datalist": [{"ala491": "08", "rows": []}]})
    assert ("/datalist/0/rows", "RE1053") in [(fault.pointer, fault.code) for fault in faults]
    faults = validate(spec, {"datalist": [{"ala491": "01", "rows": []}]})
    assert "/datalist/0/rows" not in [fault.pointer for fault in faults]


def test_the_old_spelling_of_the_attachment_list_is_taken(catalog: Catalog) -> None:
    data = {"datalist": [{"filelist": [{"filetype": "03", "aaa418": "a.pdf", "aaa726": "1"}]}]}
    wire = normalise(catalog.transaction("GYU006"), data)
    assert wire["datalist"][0]["filedata"] == [{"filetype": "03", "aaa418": "a.pdf", "aaa726": "1"}]
    assert "filelist" not in wire["datalist"][0]


def test_the_envelope_has_the_documents_fields(catalog: Catalog) -> None:
    envelope = catalog.envelope
    assert [field.code for field in envelope.header] == ["access_key", "request_id", "timestamp"]
    assert [field.code for field in envelope.request] == [
        "refid", "busitype", "symmetric_key", "aab301", "sign", "data",
    ]  # fmt: skip
    assert [field.code for field in every(envelope.response)] == [
        "code", "msg", "biz_data", "symmetric_key", "sign", "data",
    ]  # fmt: skip
    assert [field.code for field in envelope.response_head] == ["busi_code", "busi_msg"]


def test_the_export_holds_the_whole_catalog(catalog: Catalog) -> None:
    exported = export(catalog)
    assert list(exported) == ["system", "version", "transactions", "code_tables", "error_codes"]
    assert (exported["system"], exported["version"]) == ("ministry", "V1.5.02")
    assert len(exported["transactions"]) == 39
    assert len(exported["code_tables"]) == 29
    assert len(exported["error_codes"]) == 438
    gyu101 = next(entry for entry in exported["transactions"] if entry["code"] == "GYU101")
    assert gyu101["max_rows"] == 500
    assert gyu101["request"][0]["children"][0] == {
        "code": "akb020",
        "name": "协议机构编号",
        "type": "C",
        "length": "20",
        "required": True,
        "children": [],
    }


def fees(count: int) -> dict[str, object]:
    row = {
        "ala012": "01", "ala002": "YP1", "ala020": "药品", "aka068": "0", "aae185": "1", "akc226": "2",
        "akc225": "3.5", "aae058": "7.00", "aae020": "7.00", "aae022": "0.00", "aae229": "20240401",
    }  # fmt: skip
    head = {
        "aac002": "110101199913019999", "aac003": "测试甲", "akb020": "1",
        "alc002": "1", "akc190": "1", "aka130": "72",
    }  # fmt: skip
    return {**head, "datalist": [{**row, "aaz213_s": str(number)} for number in range(count)]}


def cpu_seconds(act: Callable[[], object]) -> float:
    """Processor seconds of the quickest of several runs: the cost without the machine's other work."""
    spans = []
    for _ in range(7):
        start = time.thread_time()
        act()
        spans.append(time.thread_time() - start)
    return min(spans)


def test_500_fee_rows_are_checked_in_40_ms(catalog: Catalog) -> None:
    spec, data = catalog.transaction("GYU102"), fees(500)
    assert validate(spec, data) == []
    assert cpu_seconds(lambda: validate(spec, data)) < 0.040


@pytest.mark.parametrize("code", FIELD_COUNTS)
def test_a_transaction_is_loaded_in_10_ms(code: str) -> None:
    assert cpu_seconds(lambda: open_catalog(files(PACKAGE)).transaction(code)) < 0.010
