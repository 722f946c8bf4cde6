import codecs

import pytest

from agent.submissions import Encoding
from agent.submissions.encoding import EncodingRefused, decode
from tests.unit.submissions.words import failure, read_one, rules_broken

TEXT = "姓名,张三\n备注,体温 37℃"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("gb18030", b""),
        ("gb18030", "\ufeff".encode("gb18030")),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ],
)
def test_detects_every_encoding_of_the_contract(encoding: str, mark: bytes) -> None:
    assert decode(mark + TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize("configured", ["utf-8", "utf-8-sig", "gb18030"])
def test_configured_encoding_reads_text_without_a_mark(configured: Encoding) -> None:
    assert decode(TEXT.encode("gb18030" if configured == "gb18030" else "utf-8"), configured) == TEXT


def test_characters_beyond_the_basic_plane_survive_gb18030() -> None:
    assert decode("王𠀀".encode("gb18030")) == "王𠀀"


AMBIGUOUS = "掳".encode("gb18030")
"""C2 B0: 掳 in GB18030, the degree sign in UTF-8."""


def refusal(raw: bytes, encoding: Encoding = "auto") -> str:
    with pytest.raises(EncodingRefused) as caught:
        decode(raw, encoding)
    return caught.value.rule


def test_text_that_reads_in_both_encodings_is_ambiguous() -> None:
    assert refusal(b"a=" + AMBIGUOUS) == "encoding_ambiguous"


def test_configuration_settles_ambiguity() -> None:
    assert decode(AMBIGUOUS, "gb18030") == "掳"
    assert decode(AMBIGUOUS, "utf-8") == "°"


def test_a_mark_settles_ambiguity() -> None:
    assert decode(codecs.BOM_UTF8 + AMBIGUOUS) == "°"


def test_chinese_in_utf8_settles_ambiguity() -> None:
    assert decode("体温37°".encode()) == "体温37°"


def test_two_byte_characters_that_gb18030_cannot_read_are_utf8() -> None:
    raw = "é".encode() + b" \xc3\xa9\xe2\x82\xac1"
    with pytest.raises(UnicodeDecodeError):
        raw.decode("gb18030")
    assert decode(raw) == "é é€1"


@pytest.mark.parametrize(
    ("raw", "encoding", "rule"),
    [
        (b"\xff\xfeA", "auto", "encoding_broken"),
        (b"a\xff", "auto", "encoding_broken"),
        ("张".encode("gb18030"), "utf-8", "encoding_broken"),
        ("张".encode()[:2], "utf-8", "encoding_broken"),
        (codecs.BOM_UTF8 + "张".encode("gb18030"), "auto", "encoding_broken"),
        ("张".encode("utf-16-le"), "utf-16", "encoding_broken"),
        (codecs.BOM_UTF8 + b"a", "gb18030", "encoding_mismatch"),
        (codecs.BOM_UTF16_LE, "utf-8", "encoding_mismatch"),
        ("坏\ufffd".encode(), "auto", "replacement_character"),
        ("坏\ufffd".encode("gb18030"), "gb18030", "replacement_character"),
        (b"a\0b", "auto", "nul_character"),
        ("a".encode("utf-32-le"), "auto", "nul_character"),
    ],
)
def test_damaged_or_contradictory_bytes_are_refused(raw: bytes, encoding: Encoding, rule: str) -> None:
    raw = codecs.BOM_UTF16_LE + raw + raw if raw == "a".encode("utf-32-le") else raw
    assert refusal(raw, encoding) == rule


def test_a_refused_encoding_still_tells_whose_file_it_is() -> None:
    failed = failure(b"\xff", "FEES__HIS-1.json")
    assert (failed.transaction, failed.id) == ("FEES", "HIS-1")
    assert [fault.rule for fault in failed.faults] == ["encoding_broken"]


@pytest.mark.parametrize("declared", ["GBK", "gb2312", "GB18030"])
def test_xml_declaration_names_the_encoding_where_none_is_configured(declared: str) -> None:
    raw = f'<?xml version="1.0" encoding="{declared}"?><data><aae013>掳</aae013></data>'.encode("gb18030")
    assert read_one(raw, "VISIT__1.xml").data == {"aae013": "掳"}


def test_xml_that_is_not_in_its_declared_encoding_is_refused() -> None:
    raw = '<?xml version="1.0" encoding="UTF-8"?><data><aae013>张</aae013></data>'.encode("gb18030")
    assert rules_broken(raw, "VISIT__1.xml") == ["encoding_broken"]
