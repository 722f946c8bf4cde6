"""Formats tell which rule a text breaks."""

from __future__ import annotations

import base64

import pytest

from agent.catalog.formats import base64_bytes, format_check, known_format


@pytest.mark.parametrize(
    ("form", "text", "rule"),
    [
        ("date:YYYYMMDD", "20240229", None),
        ("date:YYYYMMDD", "20230229", "format"),
        ("date:YYYYMMDD", "2024022", "format"),
        ("date:YYYYMMDD", "202402299", "format"),
        ("date:YYYYMMDD", "2024-2-9", "number"),
        ("date:YYYYMMDD", "２０２４０２２９", "number"),
        ("date:YYYYMMDD", "00000101", "format"),
        ("date:YYYYMM", "202413", "format"),
        ("date:YYYYMM", "202412", None),
        ("date:YYYY", "2024", None),
        ("date:YYYYMMDDHHMISS", "20240401235959", None),
        ("date:YYYYMMDDHHMISS", "20240401240000", "format"),
        ("date:YYYY-MM-DD HH:MI:SS", "2024-04-01 12:00:00", None),
        ("date:YYYY-MM-DD HH:MI:SS", "2024-04-01 12:60:00", "format"),
        ("date:YYYY-MM-DD", "20240401", "format"),
        ("digits", "0012", None),
        ("digits", "12a", "number"),
        ("digits", "１２", "number"),
        ("region", "510100", None),
        ("region", "51010", "format"),
        ("region", "910100", "format"),
        ("base64", "5paH5Lu2", None),
        ("base64", "5paH5Lu", "format"),
        ("base64", "文件", "format"),
        ("base64", "5pa H5Lu2", "format"),
        ("extension:jpg,pdf", "发票.PDF", None),
        ("extension:jpg,pdf", "发票.exe", "format"),
        ("extension:jpg,pdf", ".pdf", "format"),
        ("extension:jpg,pdf", "pdf", "format"),
    ],
)
def test_a_format_names_the_broken_rule(form: str, text: str, rule: str | None) -> None:
    assert format_check(form)(text) == rule


@pytest.mark.parametrize("form", ["", "date", "date:MMDD", "digits:3", "extension", "phone", "phone:8"])
def test_unknown_formats_are_known_as_such(form: str) -> None:
    assert not known_format(form)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 100])
def test_decoded_bytes_are_counted_without_decoding(size: int) -> None:
    assert base64_bytes(base64.b64encode(b"x" * size).decode()) == size


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("81234567890123456789", None),
        ("0106901234567892\x1d21S/1", None),
        ("8123 4567", "format"),
        ("药812", "format"),
        ("", "format"),
    ],
)
def test_a_trace_code_is_of_printable_characters_and_separators(text: str, broken: str | None) -> None:
    assert known_format("tracecode")
    assert format_check("tracecode")(text) == broken
