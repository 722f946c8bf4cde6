"""agent.replies.render: one result, four forms, the same values."""

import codecs
import configparser
import csv
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from agent.replies.render import render, suffix

RESULT = {
    "id": "HIS-1",
    "state": "partial",
    "final": True,
    "attempts": 1,
    "message": "第一行\n第二行 <&>",
    "data": {"busi_code": "RE0000", "head": {"aaz515": "12"}},
    "rows": [{"index": 0, "ret_code": "RE0000"}, {"index": 1, "ret_code": "RE1142", "ret_msg": "已上传,过"}],
}
INVALID = {"id": "", "state": "invalid", "errors": [{"pointer": "/data/aac002", "message": "不能为空"}]}


def test_json_is_utf8_and_reads_back():
    assert json.loads(render(RESULT).decode("utf-8")) == RESULT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_xml_declares_its_encoding_so_that_a_parser_reads_it(encoding):
    raw = render({**RESULT, "message": "入院登记"}, "xml", encoding)
    declared = re.search(r'encoding="([^"]+)"', raw.decode(encoding))
    assert declared is not None
    assert codecs.lookup(declared[1]).name == codecs.lookup(encoding.removesuffix("-sig")).name
    if encoding != "gb18030":  # Python's parser knows no more encodings than these
        assert ElementTree.fromstring(raw).findtext("message") == "入院登记"


def test_xml_carries_every_value():
    root = ElementTree.fromstring(render(RESULT, "xml"))
    assert root.findtext("state") == "partial"
    assert root.findtext("final") == "true"
    assert root.findtext("message") == "第一行\n第二行 <&>"
    assert [item.findtext("ret_code") for item in root.findall("rows/item")] == ["RE0000", "RE1142"]


def test_ini_has_a_section_for_each_row():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(render(RESULT, "ini", "gb18030").decode("gb18030"))
    assert parser["result"]["state"] == "partial"
    assert parser["data"]["head.aaz515"] == "12"
    assert parser["row.2"]["ret_msg"] == "已上传,过"


def test_csv_has_scalars_above_and_rows_below():
    lines = render(RESULT, "csv", "gb18030").decode("gb18030").split("\r\n")
    assert "#state=partial" in lines
    assert "#data.busi_code=RE0000" in lines
    table = [line for line in lines if line and not line.startswith("#")]
    assert list(csv.DictReader(table))[1] == {"index": "1", "ret_code": "RE1142", "ret_msg": "已上传,过"}


def test_csv_of_an_invalid_submission_lists_its_errors():
    text = render(INVALID, "csv").decode("utf-8")
    assert "/data/aac002,不能为空" in text


@pytest.mark.parametrize("form", ["json", "xml", "csv", "ini"])
def test_control_characters_and_line_ends_break_no_form(form):
    result = {"id": "1", "message": "a\x01b\r\nc", "data": {}, "rows": []}
    text = render(result, form).decode("utf-8")
    if form == "xml":
        assert ElementTree.fromstring(text).findtext("id") == "1"
    if form in {"ini", "csv"}:
        assert "message=a\x01b  c" in text
    assert suffix(form) == f".result.{form}"
