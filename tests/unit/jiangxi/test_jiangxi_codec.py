"""The province's envelope, both ways."""

from __future__ import annotations

from datetime import datetime

import pytest

from agent import jsontext
from agent.clock import BEIJING
from agent.errors import AnswerRejected, SerialsExhausted
from plugins.jiangxi.adapter import jiangxi_catalog
from plugins.jiangxi.codec import Answer, demand_own, read_answer, write_jylsh, write_request

FY004 = jiangxi_catalog().transaction("FY004")
CX001 = jiangxi_catalog().transaction("CX001")
NIGHT = datetime(2026, 1, 1, 23, 59, 59, tzinfo=BEIJING)


def read(body: str) -> Answer:
    return read_answer(body.encode("utf-8"), FY004)


def test_a_serial_number_has_20_characters() -> None:
    assert write_jylsh("Y0400", NIGHT, 1) == "Y0400202601010000001"
    assert write_jylsh("Y0400", NIGHT, 9_999_999) == "Y0400202601019999999"
    with pytest.raises(SerialsExhausted):
        write_jylsh("Y0400", NIGHT, 10_000_000)


def test_a_request_is_the_documents_object_in_utf8() -> None:
    request = write_request("http://x/", "Y6XL0", "GS001", "1", {"aac003": "演练"})
    assert "演练".encode() in request.body
    assert jsontext.read_object(request.body.decode("utf-8")) == {
        "safeinfo": "Y6XL0",
        "ywlx": "GS001",
        "jylsh": "1",
        "ireturn": "000000",
        "msgreturn": "",
        "input": {"aac003": "演练"},
        "output": "",
    }


@pytest.mark.parametrize(
    "body",
    [
        '{"ireturn":"000000","output":{"allowFee":"1.50","flag":"success"}}',
        '{"iReturn":"000000","msgReturn":"","output":"{\\"ALLOWFEE\\":1.5,\\"flag\\":\\"success\\"}"}',
        '{" IRETURN ":" 000000 ","output":{" allowfee ":"1.5 ","Flag":"success "}}',
    ],
)
def test_keys_are_read_in_any_case_output_as_object_or_text_amounts_with_both_decimals(body: str) -> None:
    answer = read(body)
    assert (answer.code, answer.output) == ("000000", {"allowFee": "1.50", "flag": "success"})


@pytest.mark.parametrize("output", ['""', "null", '" "'])
def test_no_output_is_empty(output: str) -> None:
    assert read(f'{{"ireturn":"BUS00001","output":{output}}}').output == {}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"ireturn":""}',
        '{"ireturn":"000000","output":[]}',
        '{"ireturn":"000000","output":"no json"}',
        '{"ireturn":"000000","iReturn":"BUS00001"}',
        '{"ireturn":"000000","output":{"flag":"a"," flag":"b"}}',
    ],
)
def test_what_is_not_the_documents_form_is_refused(body: str) -> None:
    with pytest.raises(AnswerRejected):
        read(body)


def test_the_same_node_twice_that_says_the_same_is_no_contradiction() -> None:
    assert read('{"ireturn":"000000","iReturn":"000000"}').code == "000000"


def test_rows_are_read_like_heads() -> None:
    body = '{"ireturn":"000000","output":{"OUTPUTLIST":[{"AKC190":1,"akc264":"7"}]}}'
    rows = read_answer(body.encode(), CX001).output["outputlist"]
    assert rows == [{"akc190": "1", "akc264": "7.00"}]


OURS = "Y0400202601010000001"


@pytest.mark.parametrize(
    ("ywlx", "jylsh"), [("", ""), ("FY004", ""), ("", OURS), ("FY004", "PLATFORM-77"), ("FY004", "X" * 20)]
)
def test_an_answer_that_names_this_call_or_none_of_ours_is_ours(ywlx: str, jylsh: str) -> None:
    answer = Answer("000000", "", {}, ywlx, jylsh)
    demand_own(answer, "FY004", OURS)
    with pytest.raises(AnswerRejected):
        demand_own(Answer("000000", "", {}, ywlx or "FY005", OURS[:-1] + "2"), "FY004", OURS)


@pytest.mark.parametrize(("ywlx", "jylsh"), [("FY005", OURS), ("FY004", "Y0400202601010000002")])
def test_an_answer_that_names_another_call_is_refused(ywlx: str, jylsh: str) -> None:
    with pytest.raises(AnswerRejected):
        demand_own(Answer("000000", "", {}, ywlx, jylsh), "FY004", OURS)
