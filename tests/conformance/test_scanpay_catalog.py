"""Scan-to-pay's catalog holds all that the document holds, and nothing contradicts itself.

The numbers here were counted in the document's tables, not in the catalog.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
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

PACKAGE = "plugins.scanpay.catalog"

# Appendix 4.4 has 45 elements within orderdata; 4.5 has three parts of 68, 29 and 54 elements, of which four
# and one are printed twice in other letters: 3 + 64 + 28 + 54.
ORDERDATA = 45
SETTLEMENT = 149

# Business fields per transaction (request, response), without transdata, nested ones counted.
FIELD_COUNTS = {
    "ST001": (4, 1),
    "ST002": (3, 0),
    "ST020": (5, 16),
    "ST007": (15 + 1 + ORDERDATA, 7 + 1 + SETTLEMENT),
    "ST009": (1, 8 + 1 + SETTLEMENT),
    "ST010": (9, 4),
    "ST021": (10 + 1 + ORDERDATA, 7),
    "ST022": (10, 6 + 1 + SETTLEMENT),
    "ST023": (16, 7),
    "ST024": (8, 0),
    "ST100": (3, 0),
    "ST099": (3, 1),
}

TABLE_SIZES = {
    "ORDERTYPE": 3, "VISITTYPE": 10, "PAYSTATUS": 5, "MEDICALTYPE": 16, "RECON_TRADETYPE": 2, "AAE139": 2,
}  # fmt: skip

ORDER_NESTING = {
    "orderdata": 16,
    "orderdata.prescriptionlistinfo": 3,
    "orderdata.prescriptionlistinfo.prescriptionitemlistinfo": 26,
}
SETTLEMENT_NESTING = {
    "aptorderackdata": 3,
    "aptorderackdata.registerret": 64,
    "aptorderackdata.orderentryret": 28,
    "aptorderackdata.balanceret": 54,
}

ASKED_BY_ST009 = {"ST007", "ST022", "ST010", "ST023", "ST024", "ST100"}


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


SECOND_CHECK = {"ectoken": "T", "idtype": "01", "idno": "110101199913019999", "username": "测试甲"}


def item(**changed: Any) -> dict[str, Any]:
    base = {
        "prescriptionorderno": "1", "hoschargeprocode": "A1", "hoschargeproname": "药品",
        "chargeprocode": "B1", "chargepromame": "药品", "chargesort": "01", "chargesort111": "01",
        "unitprice": "1.25", "num": "2", "amount": "2.50", "unit": "盒", "days": "1",
        "prescribetime": "20260101", "prescribedeptcode": "K1",
    }  # fmt: skip
    return {**base, **changed}


def orderdata(**changed: Any) -> dict[str, Any]:
    prescription = {
        "prescriptionno": "P1",
        "prescriptionfee": "2.50",
        "prescriptionitemlistinfo": [item()],
    }
    base = {
        "hospname": "测试医院", "hospcode": "04010089", "operatorid": "0401008999", "medicaltype": "11",
        "outpatientno": "M1", "bkc012": "B1", "ake010": "20260101", "outpatienttime": "20260101",
        "prescriptionlistinfo": [prescription],
    }  # fmt: skip
    return {**base, **changed}


def order(**changed: Any) -> dict[str, Any]:
    """A complete ST021."""
    base = {
        "ordertype": "hissscan", "orderid": "O1", "busicycleno": "C1", "orderamt": "2.50",
        "ordertime": "2026-01-01 09:30:00", "orderovertime": "5", "backurl": "http://127.0.0.1/",
        "pname": "测试甲", "pidno": "110101199913019999", "orderdata": orderdata(),
    }  # fmt: skip
    return {**base, **changed}


def payment(**changed: Any) -> dict[str, Any]:
    """A complete ST022 after ST021."""
    base = {"orderid": "O1", "ordervalidcode": "V1", "busicycleno": "C1", "ecqrcode": "4" * 28}
    return {**base, **SECOND_CHECK, **changed}


def test_all_12_transactions_are_there(catalog: Catalog) -> None:
    assert catalog.transactions == tuple(FIELD_COUNTS)
    assert len(catalog.transactions) == 12
    assert (catalog.system, catalog.version) == ("scanpay", "1.0")


@pytest.mark.parametrize("code", FIELD_COUNTS)
def test_a_transaction_has_as_many_fields_as_its_tables(catalog: Catalog, code: str) -> None:
    spec = catalog.transaction(code)
    assert (len(list(every(spec.request))), len(list(every(spec.response)))) == FIELD_COUNTS[code]


def test_what_may_be_empty_is_what_the_columns_say(catalog: Catalog) -> None:
    # Tables: 79 N, 6 Y and 2 Y/N in requests; 35 N, 5 Y and 16 blank in answers. 4.4, carried twice: 24 N.
    # 4.5, carried three times: 37 N. Without columns: two orderdata, three aptorderackdata, one file.
    told = Counter(str(field.required) for field in all_fields(catalog).values())
    assert told == {
        "True": 79 + 35 + 2 * 24 + 3 * 37,
        "conditional": 2,
        "False": 6 + 5 + 16 + 2 * (ORDERDATA - 24) + 3 * (SETTLEMENT - 37) + 6,
    }


def test_no_transaction_file_is_left_over(catalog: Catalog) -> None:
    names = {entry.name for entry in (files(PACKAGE) / "transactions").iterdir()}
    assert names == {f"{code}.toml" for code in catalog.transactions}


def test_orders_and_settlements_nest_under_the_transactions_that_carry_them(catalog: Catalog) -> None:
    nested = {place: len(field.children) for place, field in all_fields(catalog).items() if field.children}
    orders = {(code, "request", path): n for code in ("ST007", "ST021") for path, n in ORDER_NESTING.items()}
    settlements = {
        (code, "response", path): n
        for code in ("ST007", "ST009", "ST022")
        for path, n in SETTLEMENT_NESTING.items()
    }
    assert nested == orders | settlements


def test_rows_are_lists_and_single_parts_objects(catalog: Catalog) -> None:
    kinds = {field.code: field.kind for field in all_fields(catalog).values() if field.children}
    assert kinds == {
        "orderdata": "object",
        "prescriptionlistinfo": "list",
        "prescriptionitemlistinfo": "list",
        "aptorderackdata": "object",
        "registerret": "object",
        "orderentryret": "list",
        "balanceret": "object",
    }


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ("ST007", "ST021", ("request", "orderdata")),
        ("ST007", "ST009", ("response", "aptorderackdata")),
        ("ST007", "ST022", ("response", "aptorderackdata")),
    ],
)
def test_what_several_transactions_carry_is_the_same_in_all(
    catalog: Catalog, one: str, other: str, path: tuple[str, str]
) -> None:
    def content(code: str) -> list[tuple[object, ...]]:
        held = all_fields(catalog)[(code, *path)]
        return [
            (at, field.name, field.type, field.length, field.required, field.sensitive)
            for at, field in every(held.children)
        ]

    assert content(one) == content(other)


def test_every_code_is_in_lower_case_and_there_once_per_level(catalog: Catalog) -> None:
    for place, field in all_fields(catalog).items():
        assert field.code == field.code.lower().strip(), place
        codes = [child.code for child in field.children]
        assert len(codes) == len(set(codes)), place


def test_an_element_printed_twice_keeps_its_first_name(catalog: Catalog) -> None:
    fields = all_fields(catalog)
    akc228 = fields["ST007", "response", "aptorderackdata.orderentryret.akc228"]
    assert (akc228.name, akc228.type, akc228.length) == ("挂钩自付金额", "String", "16,5")
    bac019 = fields["ST007", "response", "aptorderackdata.registerret.bac019"]
    assert (bac019.name, bac019.type) == ("医疗救助对象标志", "String")


@pytest.mark.parametrize(
    ("place", "printed"),
    [
        (("ST020", "response", "bac048"), ("Number", "16, 2")),
        (("ST022", "request", "akc264"), ("String", "8,2")),
        (("ST007", "request", "orderdata.prescriptionlistinfo.prescriptionfee"), ("Number", "(12,2)")),
        (("ST007", "request", "orderdata.ake010"), ("String", "")),
        (("ST023", "request", "outpatientno"), ("VARCHAR", "18")),
        (("ST009", "response", "aptorderackdata.registerret.aac006"), ("DATE", "")),
        (("ST009", "response", "aptorderackdata.registerret.ykc999"), ("STRING", "3")),
        (("ST009", "response", "aptorderackdata.orderentryret.bke067"), ("VARHCHAR", "8")),
        (("ST009", "response", "aptorderackdata.orderentryret.unitprice"), ("", "")),
        (("ST009", "response", "aptorderackdata.balanceret.bkc262"), ("NUMBER", "16,2")),
        (("ST007", "request", "orderdata"), ("", "")),
    ],
)
def test_types_and_lengths_are_printed_as_in_the_document(
    catalog: Catalog, place: tuple[str, str, str], printed: tuple[str, str]
) -> None:
    field = all_fields(catalog)[place]
    assert (field.type, field.length) == printed


def test_names_are_whole_although_pages_and_cells_break_them(catalog: Catalog) -> None:
    fields = all_fields(catalog)
    assert fields["ST007", "request", "backurl"].name == "交易结果通知地址"
    assert fields["ST009", "response", "aptorderackdata.registerret.bac048"].name == "账户余额(结算前)"
    spaced = {field.name for field in fields.values() if " " in field.name}
    assert spaced == {
        "电子凭证鉴权 token", "操作员 ID", "操作员 id", "订单 id", "慢性病病种编码 疾病编码 单病种编码",
        *(f"医保参数 {number} {what}" for number in range(1, 7) for what in ("名称", "值")),
    }  # fmt: skip
    assert all(field.name for field in fields.values())


def test_all_6_code_tables_are_complete(catalog: Catalog) -> None:
    assert {name: len(table.codes) for name, table in catalog.tables.items()} == TABLE_SIZES


def test_medical_types_are_those_of_4_6_and_not_those_of_4_2(catalog: Catalog) -> None:
    assert catalog.tables["MEDICALTYPE"].codes["14"] == ("急诊抢救",)
    assert catalog.tables["VISITTYPE"].codes["14"] == ("定点药店购药",)
    used = {field.table for field in all_fields(catalog).values() if field.code == "medicaltype"}
    assert used == {"MEDICALTYPE"}


def test_every_coded_field_is_checked_against_its_table(catalog: Catalog) -> None:
    tables = {
        "ordertype": "ORDERTYPE",
        "paystatus": "PAYSTATUS",
        "medicaltype": "MEDICALTYPE",
        "aae139": "AAE139",
    }
    for place, field in all_fields(catalog).items():
        assert field.table == tables.get(field.code, ""), place
    assert set(tables.values()) | {"VISITTYPE", "RECON_TRADETYPE"} == set(catalog.tables)


def test_results_of_the_call_and_of_the_business_are_there(catalog: Catalog) -> None:
    codes = {name: list(table.codes) for name, table in catalog.error_tables.items()}
    assert codes == {"RESPCODE": ["00", "1X", "-1"], "APRCODE": ["00", "1X", "-1"]}
    assert catalog.error_tables["RESPCODE"].codes["00"] == ("方法调用成功",)
    assert catalog.error_tables["APRCODE"].codes["00"] == ("业务执行成功",)


def test_every_condition_of_every_transaction_compiles_on_both_sides(catalog: Catalog) -> None:
    for spec in catalog:
        for side in ("request", "response"):
            demanded = {fault.rule for fault in examine(spec, {}, side=side).faults}
            assert demanded <= {"missing"}, (spec.code, side, demanded)
            normalise(spec, {}, side=side)


def test_every_change_is_settled_by_an_inquiry_a_repetition_or_a_person(catalog: Catalog) -> None:
    changing = {spec.code for spec in catalog if spec.kind not in ("query", "inquiry")}
    assert {spec.code: spec.inquiry for spec in catalog if spec.inquiry} == dict.fromkeys(
        ASKED_BY_ST009, "ST009"
    )
    assert {spec.code: spec.renew for spec in catalog if spec.repeatable} == {"ST001": "", "ST021": "orderid"}
    assert changing - ASKED_BY_ST009 - {"ST001", "ST021"} == {"ST002"}


def test_the_inquiry_holds_the_lane_for_a_bounded_time(catalog: Catalog) -> None:
    assert catalog.transaction("ST009").kind == "inquiry"
    for spec in catalog:
        assert bool(spec.inquiry) is bool(spec.inquiry_hold_s), spec.code


def test_money_is_never_called_guarded(catalog: Catalog) -> None:
    assert {spec.code for spec in catalog if spec.guarded} == {"ST002", "ST024", "ST100"}


def test_revocations_take_back_and_everything_that_asks_is_a_query(catalog: Catalog) -> None:
    kinds = {kind: {spec.code for spec in catalog if spec.kind == kind} for kind in ("revoke", "query")}
    assert kinds == {"revoke": {"ST010", "ST024", "ST100"}, "query": {"ST020", "ST099"}}


def test_messages_about_an_order_keep_their_order_and_share_their_cycle(catalog: Catalog) -> None:
    for spec in catalog:
        codes = {field.code for field in spec.request}
        rules = {(rule.kind, rule.fields): rule.mode for rule in spec.scopes}
        assert (rules.get(("order", ("orderid",))) == "exclusive") is ("orderid" in codes), spec.code
        if {"orderid", "busicycleno"} <= codes:
            assert rules["cycle", ("busicycleno",)] == "shared", spec.code


def test_signing_on_and_off_hold_the_cycle_whole(catalog: Catalog) -> None:
    for code in ("ST001", "ST002"):
        (rule,) = catalog.transaction(code).scopes
        assert (rule.kind, rule.fields, rule.mode) == ("cycle", ("busicycleno",), "whole")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("username", "name"), ("pname", "name"), ("aac003", "name"), ("doctorname", "name"),
        ("idno", "id_number"), ("pidno", "id_number"), ("aac002", "id_number"), ("ecqrcode", "card"),
        ("ecrcode", "card"), ("ectoken", "card"), ("sicardno", "card"), ("aaz500", "card"),
        ("sipno", "number"),
        ("outpatientno", "number"), ("diseasecode", "text"), ("indiseasename", "text"), ("sac006", "text"),
        ("bka230", "text"), ("file", "file"), ("orderdata", "text"), ("aptorderackdata", "text"),
        ("transdata", "text"),
    ],
)  # fmt: skip
def test_personal_data_is_marked_sensitive(catalog: Catalog, code: str, kind: str) -> None:
    assert sensitive_codes(catalog)[code] == kind


def test_whatever_is_called_a_name_a_person_or_a_diagnosis_is_sensitive(catalog: Catalog) -> None:
    words = [
        "姓名",
        "身份证号",
        "证件号码",
        "诊断",
        "病",
        "卡号",
        "医生",
        "二维码",
        "门诊号",
        "是否",
        "个人编",
    ]
    money = {"ckc103", "bkc224"}  # 公务员大病医疗补助部分, 其他补助基金大病医疗救助支出
    for place, field in all_fields(catalog).items():
        if any(word in field.name for word in words) and field.code not in money:
            assert field.sensitive, place


def test_a_complete_order_and_payment_pass(catalog: Catalog) -> None:
    assert faults(catalog, "ST021", order()) == []
    assert faults(catalog, "ST022", payment()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ordertype": "scan"}, ("/ordertype", "table")),
        ({"ordertime": "2026-01-01T09:30"}, ("/ordertime", "format")),
        ({"orderamt": "2.505"}, ("/orderamt", "precision")),
        ({"orderovertime": "five"}, ("/orderovertime", "number")),
        ({"backurl": ""}, ("/backurl", "missing")),
        ({"orderdata": orderdata(medicaltype="18")}, ("/orderdata/medicaltype", "table")),
        ({"orderdata": orderdata(aae139="1")}, ("/orderdata/aae139", "value")),
    ],
)
def test_a_wrong_order_is_refused(
    catalog: Catalog, changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert faults(catalog, "ST021", order(**changed)) == [expected]


def test_only_the_prepared_order_refuses_other_regions(catalog: Catalog) -> None:
    data = {**order(orderdata=orderdata(aae139="1")), **SECOND_CHECK, "ecqrcode": "4" * 28}
    assert faults(catalog, "ST007", data) == []


def test_amounts_hold_14_digits_before_the_point_although_8_2_is_printed(catalog: Catalog) -> None:
    most = {"akc264": "99999999999999.99", "akc255": "0"}
    assert faults(catalog, "ST022", payment(**most)) == []
    assert faults(catalog, "ST022", payment(akc264="100000000000000", akc255="0")) == [
        ("/akc264", "precision")
    ]


def test_a_payment_has_both_amounts_or_neither(catalog: Catalog) -> None:
    assert faults(catalog, "ST022", payment(akc264="2.50")) == [("/akc255", "missing")]
    assert faults(catalog, "ST022", payment(akc255="2.50")) == [("/akc264", "missing")]


@pytest.mark.parametrize("code", ["ST020", "ST007", "ST010", "ST022"])
def test_the_second_check_is_whole_or_left_out(catalog: Catalog, code: str) -> None:
    codes = [("/ectoken", "missing"), ("/idtype", "missing"), ("/idno", "missing"), ("/username", "missing")]
    told = [fault for fault in faults(catalog, code, {}) if fault in codes]
    assert told == []
    told = [fault for fault in faults(catalog, code, {"ectoken": "T"}) if fault in codes]
    assert told == codes[1:]
    told = [fault for fault in faults(catalog, code, {"idno": "110101199913019999"}) if fault in codes]
    assert told == codes[:1]


@pytest.mark.parametrize("code", ["ST023", "ST024"])
def test_an_admission_needs_the_second_check(catalog: Catalog, code: str) -> None:
    assert ("/ectoken", "missing") in faults(catalog, code, {})


def test_fields_left_out_are_sent_empty(catalog: Catalog) -> None:
    wire = normalise(catalog.transaction("ST020"), {"ecrcode": "4" * 28})
    assert wire == {"ecrcode": "4" * 28, "ectoken": "", "idtype": "", "idno": "", "username": ""}


def test_signing_on_needs_no_cycle_and_keeps_one(catalog: Catalog) -> None:
    data = {"hospcode": "04010089", "operatorid": "1", "aae139": "0"}
    assert faults(catalog, "ST001", data) == []
    assert normalise(catalog.transaction("ST001"), data)["busicycleno"] == ""
    assert normalise(catalog.transaction("ST001"), {**data, "busicycleno": "C1"})["busicycleno"] == "C1"
    assert faults(catalog, "ST002", {**data}) == [("/busicycleno", "missing")]


@pytest.mark.parametrize(
    ("code", "spelling", "written"),
    [
        ("ST020", "ecqrcode", "ecrcode"),
        ("ST024", "ecqrcode", "ecrcode"),
        ("ST007", "ecrcode", "ecqrcode"),
        ("ST010", "EcrCode", "ecqrcode"),
    ],
)
def test_both_names_of_the_credential_are_read_and_the_transactions_own_is_written(
    catalog: Catalog, code: str, spelling: str, written: str
) -> None:
    wire = normalise(catalog.transaction(code), {spelling: "4" * 28})
    assert wire[written] == "4" * 28
    assert spelling not in wire


def test_misprinted_names_are_read_in_their_right_spelling_too(catalog: Catalog) -> None:
    right = item(chargeproname="药品")
    del right["chargepromame"]
    prescription = {"prescriptionno": "P1", "prescriptionfee": "1", "prescriptionitemlistinfo": [right]}
    data = order(orderdata=orderdata(prescriptionlistinfo=[prescription]))
    assert faults(catalog, "ST021", data) == []
    wire = normalise(catalog.transaction("ST021"), data)["orderdata"]["prescriptionlistinfo"][0]
    assert wire["prescriptionitemlistinfo"][0]["chargepromame"] == "药品"
    answer = {"aptorderackdata": {"balanceret": {"hospcode": "1"}}}
    read = normalise(catalog.transaction("ST009"), answer, side="response")
    assert read["aptorderackdata"]["balanceret"]["hosrcode"] == "1"


@pytest.mark.parametrize(
    ("place", "longest"),
    [
        (("ST007", "request", "orderdata.hospcode"), 64),
        (("ST021", "request", "orderdata.operatorid"), 64),
        (("ST021", "request", "orderdata.outpatientno"), 64),
        (("ST023", "request", "outpatientno"), 64),
    ],
)
def test_lengths_that_the_document_contradicts_are_not_enforced(
    catalog: Catalog, place: tuple[str, str, str], longest: int
) -> None:
    assert all_fields(catalog)[place].max_length == longest


def test_the_envelope_has_the_documents_elements_and_takes_the_samples_spellings(catalog: Catalog) -> None:
    envelope = catalog.envelope
    assert [field.code for field in envelope.request] == [
        "version", "merchantcode", "infosyscode", "transtype", "hospcode", "transdata", "merchantsignature",
        "infosyssignature",
    ]  # fmt: skip
    assert [field.code for field in envelope.response] == [
        "respcode", "respmsg", "aprcode", "aprtmsg", "transdata", "pltfirmsignature",
    ]  # fmt: skip
    aliases = {
        field.code: field.aliases for field in (*envelope.request, *envelope.response) if field.aliases
    }
    assert aliases == {
        "infosyssignature": ("infosysysignature",),
        "respcode": ("resrcode",),
        "pltfirmsignature": ("pltfmsignature",),
    }
    assert {field.table for field in envelope.response} - {""} == set(catalog.error_tables)


def test_the_export_holds_the_whole_catalog(catalog: Catalog) -> None:
    exported = export(catalog)
    assert (exported["system"], exported["version"]) == ("scanpay", "1.0")
    assert len(exported["transactions"]) == 12
    assert len(exported["code_tables"]) == 6
    assert set(exported["error_codes"]) == {"00", "1X", "-1"}
    st099 = exported["transactions"][-1]
    assert (st099["code"], st099["name"], st099["caller"]) == ("ST099", "对账文件获取", "医药机构系统")
    st007 = next(entry for entry in exported["transactions"] if entry["code"] == "ST007")
    assert st007["request"][-1]["children"][-1]["children"][-1]["children"][0] == {
        "code": "prescriptionorderno",
        "name": "处方内序号",
        "type": "String",
        "length": "2",
        "required": True,
        "children": [],
    }
