"""Jiangxi's catalog holds all that the document holds, and nothing contradicts itself.

The numbers here were counted in the document's tables, not in the catalog.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from agent.catalog import (
    Catalog,
    FieldSpec,
    examine,
    export,
    load_catalog,
    normalise,
    sensitive_codes,
    validate,
)

PACKAGE = "plugins.jiangxi.catalog"

# Business fields per transaction (request, response), lists counted, in the document's order. ZY001 has no
# output table: its three answer fields are those of ZY002.
FIELD_COUNTS = {
    "GS001": (2, 11), "GS002": (2, 6), "FY001": (32, 6), "FY004": (1, 6), "FY005": (6, 6),
    "KF001": (41, 7), "KF002": (6, 6), "MZ002": (12, 3), "ZY001": (21, 3), "ZY002": (4, 3),
    "ZY004": (38, 3), "JY001": (4, 2), "JY002": (3, 2), "JY003": (3, 2), "CX001": (5, 19),
    "CX002": (2, 33), "CX003": (1, 4), "CX004": (1, 11), "SQ001": (6, 2), "SQ002": (31, 2),
}  # fmt: skip

TABLE_SIZES = {"BKC369": 9, "BKC370": 18, "AKC216": 7, "BKE107": 2, "AKA130": 5, "BAE118": 207}

NESTED = {
    ("GS001", "response", "outputlist"): 7,
    ("FY001", "request", "inputlist"): 27,
    ("KF001", "request", "inputlist"): 27,
    ("ZY004", "request", "kc53list"): 4,
    ("ZY004", "request", "kc54list"): 7,
    ("ZY004", "request", "kc55list"): 10,
    ("CX001", "response", "outputlist"): 16,
    ("CX002", "response", "outputlist"): 30,
    ("CX004", "response", "outputlist"): 8,
    ("SQ002", "request", "kc25list"): 26,
    ("SQ002", "request", "kc25list.kc56list"): 1,
}

INQUIRIES = {
    "FY001": "CX002", "JY001": "CX002", "FY005": "CX001", "KF002": "CX001", "JY002": "CX001",
    "SQ001": "CX004",
}  # fmt: skip
REPEATABLE = {"KF001", "MZ002", "ZY002"}
SETTLED_BY_A_PERSON = {"ZY001", "ZY004", "JY003", "SQ002"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(PACKAGE)


def every(fields: Iterable[FieldSpec], above: str = "") -> Iterator[tuple[str, FieldSpec]]:
    for spec in fields:
        path = f"{above}.{spec.code}" if above else spec.code
        yield path, spec
        yield from every(spec.children, path)


def all_fields(catalog: Catalog) -> dict[tuple[str, str, str], FieldSpec]:
    """Every business field by transaction, side and dotted path."""
    return {
        (spec.code, side, path): field
        for spec in catalog
        for side, fields in (("request", spec.request), ("response", spec.response))
        for path, field in every(fields)
    }


def faults(catalog: Catalog, code: str, data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.rule) for fault in validate(catalog.transaction(code), data)]


def fee(**changed: Any) -> dict[str, Any]:
    row = {
        "aka130": "71", "akc190": "202004291000000001", "ckc349": "10001",
        "bke384": "Y0400202601010000000001", "bkc369": "13", "bkc370": "21", "bkf500": "1",
        "ake001": "X-A01AD-K038-A001", "aka030": "1",
        "ake002": "药品", "ake005": "A001", "ake006": "药品", "ake007": "20260101", "akc225": "1.5",
        "akc226": "2", "akc264": "3.00", "aae011": "GK001", "bae125": "测试甲",
    }  # fmt: skip
    return {**row, **changed}


def upload(**changed: Any) -> dict[str, Any]:
    head = {"akb020": "Y0400", "akc190": "202004291000000001", "listsize": "1", "totalFee": "3.00"}
    return {**head, "inputlist": [fee()], **changed}


def aid_trial(**changed: Any) -> dict[str, Any]:
    head = {"aka130": "75", "alc005": "S1", "akb020": "Y0400", "akb021": "测试机构"}
    return {**head, "inputlist": [fee(aka130="75", akc190="")], **changed}


def test_all_20_transactions_are_there_in_the_documents_order(catalog: Catalog) -> None:
    assert catalog.transactions == tuple(FIELD_COUNTS)
    assert len(catalog.transactions) == 20
    assert (catalog.system, catalog.version) == ("jiangxi", "V10.2")


@pytest.mark.parametrize("code", FIELD_COUNTS)
def test_a_transaction_has_as_many_fields_as_its_tables(catalog: Catalog, code: str) -> None:
    spec = catalog.transaction(code)
    assert (len(list(every(spec.request))), len(list(every(spec.response)))) == FIELD_COUNTS[code]


def test_the_columns_say_244_times_no_empty_value_and_100_times_otherwise(catalog: Catalog) -> None:
    # 244 非空, 100 可空, 9 辅具可空, 2 blank; ZY001 adds 3, KF001's blank list is required, SQ002's date is
    # not; notes name conditions for four of the 可空.
    told = Counter(str(field.required) for field in all_fields(catalog).values())
    assert told == {"True": 244 + 3 + 1, "False": 100 + 1 - 4, "conditional": 9 + 4}


def test_no_transaction_file_is_left_over(catalog: Catalog) -> None:
    names = {entry.name for entry in (files(PACKAGE) / "transactions").iterdir()}
    assert names == {f"{code}.toml" for code in catalog.transactions}


def test_lists_nest_as_the_tables_do(catalog: Catalog) -> None:
    nested = {place: len(field.children) for place, field in all_fields(catalog).items() if field.children}
    assert nested == NESTED


def test_lists_alone_have_children_and_lists_types(catalog: Catalog) -> None:
    for place, field in all_fields(catalog).items():
        assert field.type.startswith("List<") is bool(field.children) is (field.kind == "list"), place


def test_both_fee_lists_have_the_same_fields_in_the_same_order(catalog: Catalog) -> None:
    uploaded, tried = (
        [(field.code, field.name) for field in catalog.transaction(code).request[-1].children]
        for code in ("FY001", "KF001")
    )
    assert [code for code, _ in uploaded] == [code for code, _ in tried]


def test_types_are_the_documents_words(catalog: Catalog) -> None:
    scalar = {field.type for field in all_fields(catalog).values() if not field.children}
    assert scalar == {"字符串", "数值型", "数值", "数值，两位小数", "日期型"}


def test_codes_are_those_of_the_wire(catalog: Catalog) -> None:
    in_capitals = {field.code for field in all_fields(catalog).values() if field.code != field.code.lower()}
    assert in_capitals == {
        "totalFee", "allowFee", "selfFee", "quotaFee", "startDate", "expirationDate", "qrCodeStr",
    }  # fmt: skip
    assert all(field.code.isalnum() and field.code.isascii() for field in all_fields(catalog).values())


@pytest.mark.parametrize(
    ("place", "length"),
    [
        (("FY001", "request", "totalFee"), "16位，两位小数"),
        (("FY001", "request", "inputlist.akc225"), "(16,4)"),
        (("FY001", "request", "inputlist.akc264"), "(16,2)"),
        (("KF001", "request", "inputlist.akc264"), "16位，两位小数"),
        (("SQ002", "request", "kc25list.bkc508"), "16,6"),
        (("CX001", "response", "outputlist.bae237"), "Date"),
        (("CX001", "response", "outputlist.bke107"), ""),
        (("CX002", "response", "outputlist.akc264"), "16"),
        (("KF002", "request", "aka130"), "2"),
    ],
)
def test_lengths_are_printed_as_in_the_document(
    catalog: Catalog, place: tuple[str, str, str], length: str
) -> None:
    assert all_fields(catalog)[place].length == length


def test_all_6_dictionaries_are_complete(catalog: Catalog) -> None:
    assert {name: len(table.codes) for name, table in catalog.tables.items()} == TABLE_SIZES
    assert all(len(names) == 1 for table in catalog.tables.values() for names in table.codes.values())


def test_a_bank_printed_twice_is_there_once_and_every_code_has_12_digits(catalog: Catalog) -> None:
    banks = catalog.tables["BAE118"].codes
    assert banks["203424002012"] == ("中国农业发展银行九江市分行营业部",)
    assert (next(iter(banks)), list(banks)[-1]) == ("102100099996", "313701020011")
    assert all(len(code) == 12 and code.isdigit() for code in banks)


def test_all_8_results_are_there(catalog: Catalog) -> None:
    assert list(catalog.errors) == [
        "000000", "000001", "ACC00001", "NUL00001", "FOM00001", "NFT00001", "BUS00001", "ERR00001",
    ]  # fmt: skip
    assert catalog.errors["BUS00001"] == "服务端业务处理控制提示"


def test_every_field_called_like_a_dictionary_is_checked_against_it(catalog: Catalog) -> None:
    used = set()
    for place, field in all_fields(catalog).items():
        assert field.table == (field.code.upper() if field.code.upper() in TABLE_SIZES else ""), place
        used.add(field.table)
    assert used - {""} == set(TABLE_SIZES)


def test_every_condition_of_every_transaction_compiles_on_both_sides(catalog: Catalog) -> None:
    for spec in catalog:
        for side in ("request", "response"):
            demanded = {fault.rule for fault in examine(spec, {}, side=side).faults}
            assert demanded <= {"missing"}, (spec.code, side, demanded)
            normalise(spec, {}, side=side)


def test_every_change_is_settled_by_an_inquiry_a_repetition_or_a_person(catalog: Catalog) -> None:
    changing = {spec.code for spec in catalog if spec.kind != "query"}
    assert {spec.code: spec.inquiry for spec in catalog if spec.inquiry} == INQUIRIES
    assert {spec.code for spec in catalog if spec.repeatable} == REPEATABLE
    assert changing - set(INQUIRIES) - REPEATABLE == SETTLED_BY_A_PERSON
    assert not any(spec.renew for spec in catalog)


def test_inquiries_are_queries_that_hold_the_lane_for_a_bounded_time(catalog: Catalog) -> None:
    for spec in catalog:
        assert bool(spec.inquiry) is bool(spec.inquiry_hold_s), spec.code
        assert not spec.inquiry or catalog.transaction(spec.inquiry).kind == "query", spec.code


def test_what_the_platform_might_take_twice_is_not_called_guarded(catalog: Catalog) -> None:
    changing = [spec for spec in catalog if spec.kind != "query" and not spec.repeatable]
    assert {spec.code for spec in changing if not spec.guarded} == {
        "FY005", "KF002", "SQ001", "ZY001", "ZY004", "SQ002",
    }  # fmt: skip


def test_revocations_take_back_and_everything_that_asks_is_a_query(catalog: Catalog) -> None:
    kinds = {kind: {spec.code for spec in catalog if spec.kind == kind} for kind in ("revoke", "query")}
    assert kinds == {
        "revoke": {"JY001", "JY002", "JY003"},
        "query": {"GS001", "GS002", "FY004", "CX001", "CX002", "CX003", "CX004"},
    }


def test_every_message_about_a_visit_keeps_its_order_by_the_provinces_number(catalog: Catalog) -> None:
    for spec in catalog:
        about_visit = any(field.code == "akc190" for field in spec.request)
        visits = [(rule.fields, rule.mode) for rule in spec.scopes if rule.kind == "visit"]
        assert visits == ([(("akc190",), "exclusive")] if about_visit else []), spec.code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("aac003", "name"), ("aac147", "id_number"), ("aac002", "id_number"), ("aae010", "account"),
        ("aae009", "name"), ("aac067", "phone"), ("qrCodeStr", "card"), ("akc190", "number"),
        ("alc005", "number"), ("bkc375", "number"), ("akc050", "text"), ("ake024", "text"),
        ("akc203", "text"), ("bae125", "name"), ("bkc501", "id_number"),
        ("input", "text"), ("output", "text"),
    ],
)  # fmt: skip
def test_personal_data_is_marked_sensitive(catalog: Catalog, code: str, kind: str) -> None:
    assert sensitive_codes(catalog)[code] == kind


def test_whatever_is_called_a_name_a_number_of_a_person_or_a_diagnosis_is_sensitive(catalog: Catalog) -> None:
    words = ("姓名", "身份证", "证件号码", "诊断", "账号", "户名", "电话", "病历", "手术", "病情", "流水号")
    harmless = {"akc201"}  # whether a diagnosis is the main one
    for place, field in all_fields(catalog).items():
        if any(word in field.name for word in words) and not field.children and field.code not in harmless:
            assert field.sensitive, place


def test_a_complete_upload_passes(catalog: Catalog) -> None:
    assert faults(catalog, "FY001", upload()) == []


def test_numbers_and_strings_say_the_same(catalog: Catalog) -> None:
    spec = catalog.transaction("FY001")
    row = fee(akc225=Decimal("1.5"), akc226=2, akc264=3, ake007=20260101, bkf500=1, aka130=71)
    assert normalise(spec, upload(totalFee=3, listsize=1, inputlist=[row])) == normalise(spec, upload())


def test_an_amount_has_13_digits_before_the_point_when_sent(catalog: Catalog) -> None:
    assert faults(catalog, "FY001", upload(totalFee="9999999999999.99")) == []
    assert faults(catalog, "FY001", upload(totalFee="10000000000000.00")) == [("/totalFee", "precision")]
    answer = {
        "allowFee": "99999999999999.99", "selfFee": "0", "quotaFee": "0", "totalFee": "99999999999999.99",
        "flag": "success", "aae013": "成功",
    }  # fmt: skip
    assert examine(catalog.transaction("FY001"), answer, side="response").faults == ()


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"bkc369": "17"}, "table"),
        ({"bkc370": "10"}, "table"),
        ({"aka130": "76"}, "table"),
        ({"aka030": "2"}, "value"),
        ({"ake007": "2026-01-01"}, "number"),
        ({"akc225": "1.23456"}, "precision"),
        ({"bke384": "Y" * 31}, "length"),
        ({"akc190": ""}, "missing"),
    ],
)
def test_a_wrong_fee_is_refused(catalog: Catalog, changed: dict[str, str], rule: str) -> None:
    code = next(iter(changed))
    assert faults(catalog, "FY001", upload(inputlist=[fee(**changed)])) == [(f"/inputlist/0/{code}", rule)]


def test_an_aid_needs_no_department_diagnosis_or_visit_number(catalog: Catalog) -> None:
    assert faults(catalog, "KF001", aid_trial()) == []


def test_a_rehabilitation_visit_needs_what_an_aid_does_not(catalog: Catalog) -> None:
    missing = [pointer for pointer, rule in faults(catalog, "KF001", aid_trial(aka130="73"))]
    assert missing == [
        "/akf001", "/bkc375", "/bkc367", "/ake022", "/aka120", "/akc050", "/ake024", "/ake025", "/ake026",
    ]  # fmt: skip


def test_a_trial_is_for_rehabilitation_or_aids_and_has_details(catalog: Catalog) -> None:
    assert faults(catalog, "KF001", aid_trial(aka130="71")) == [("/aka130", "value")]
    assert faults(catalog, "KF001", aid_trial(inputlist=[])) == [("/inputlist", "missing")]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"akc190": "1"}, []),
        ({"startDate": "20260101", "expirationDate": "20260131"}, []),
        ({"akc190": "1", "startDate": "20260101"}, ["/expirationDate"]),
        ({"expirationDate": "20260131"}, ["/startDate"]),
        ({"aac002": "110101199913019999"}, ["/akc190"]),
    ],
)
def test_a_query_for_settlements_needs_the_visit_or_a_whole_period(
    catalog: Catalog, given: dict[str, str], missing: list[str]
) -> None:
    assert faults(catalog, "CX001", {"akb020": "Y0400", **given}) == [(at, "missing") for at in missing]


def test_a_bank_that_is_not_in_the_dictionary_is_refused(catalog: Catalog) -> None:
    data = {"bae118": "102100099997", "aae009": "测试甲", "aae010": "62220000", "akc190": "1"}
    assert faults(catalog, "ZY002", data) == [("/bae118", "table")]
    assert faults(catalog, "ZY002", {**data, "bae118": "102100099996"}) == []


@pytest.mark.parametrize(
    ("place", "longest"),
    [
        (("JY001", "request", "bke384"), 30),
        (("FY001", "request", "inputlist.bke384"), 30),
        (("FY001", "request", "inputlist.bkc372"), 100),
        (("FY001", "request", "inputlist.aka074"), 100),
        (("KF001", "request", "akc050"), 400),
        (("SQ001", "request", "akb021"), 200),
        (("CX003", "request", "qrCodeStr"), 64),
        (("FY001", "response", "aae013"), 500),
    ],
)
def test_lengths_that_the_document_contradicts_are_not_enforced(
    catalog: Catalog, place: tuple[str, str, str], longest: int
) -> None:
    assert all_fields(catalog)[place].max_length == longest


def test_a_registration_yields_the_visits_number_under_the_hospitals_own(catalog: Catalog) -> None:
    (rule,) = catalog.transaction("ZY001").identifiers
    assert (rule.kind, rule.value, rule.by) == ("visit", "akc190", ("akb020", "ckc349"))


def test_the_envelope_is_one_object_for_both_directions(catalog: Catalog) -> None:
    envelope = catalog.envelope
    codes = ["safeinfo", "ywlx", "jylsh", "ireturn", "msgreturn", "input", "output"]
    assert [field.code for field in envelope.request] == codes
    assert [field.code for field in envelope.response] == codes
    assert (envelope.header, envelope.response_head) == ((), ())
    results = envelope.response[3]
    assert (results.length, results.max_length, results.table) == ("6", 8, "IRETURN")
    assert results.table in catalog.error_tables


def test_the_export_holds_the_whole_catalog(catalog: Catalog) -> None:
    exported = export(catalog)
    assert (exported["system"], exported["version"]) == ("jiangxi", "V10.2")
    assert len(exported["transactions"]) == 20
    assert len(exported["code_tables"]) == 6
    assert len(exported["error_codes"]) == 8
    sq002 = next(entry for entry in exported["transactions"] if entry["code"] == "SQ002")
    assert sq002["name"] == "药品追溯码上传接口"
    assert sq002["request"][3]["children"][-1]["children"] == [
        {
            "code": "bkc372",
            "name": "药品追溯码",
            "type": "字符串",
            "length": "100",
            "required": True,
            "children": [],
        }
    ]
