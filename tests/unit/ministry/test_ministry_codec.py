"""Bytes and nodes: numbers, the outer form, and what is tolerated in answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent import jsontext
from agent.clock import BEIJING
from agent.crypto import Layout, seal
from agent.errors import AnswerRejected, SerialsExhausted, SignatureRejected
from agent.protocol.answers import read_embedded, tidy
from plugins.ministry.codec import (
    Sealed,
    open_data,
    read_answer,
    write_refid,
    write_request_id,
    write_timestamp,
)
from tests.unit.ministry.ministry_desk import key


def test_wire_numbers_have_the_documents_form() -> None:
    now = datetime(2026, 1, 1, 23, 59, 59, 999999, tzinfo=BEIJING)
    assert write_refid("510000", now, 1) == "51000020260101000001"
    assert write_refid("510000", now, 999999) == "51000020260101999999"
    assert write_request_id("510000001", 1) == "510000001000000001"
    assert write_timestamp(now) == "20260101235959999"


def test_days_and_times_are_beijings() -> None:
    now = datetime(2026, 1, 1, 16, 0, 0, tzinfo=UTC)
    assert write_refid("510000", now, 1) == "51000020260102000001"
    assert write_timestamp(now) == "20260102000000000"


def test_a_number_never_grows_beyond_its_digits() -> None:
    with pytest.raises(SerialsExhausted):
        write_refid("510000", datetime(2026, 1, 1, tzinfo=BEIJING), 1_000_000)
    with pytest.raises(SerialsExhausted):
        write_request_id("510000001", 1_000_000_000)


BIZ = '{"symmetric_key":"k","sign":"s","data":"d"}'


@pytest.mark.parametrize(
    "biz_data", [BIZ, jsontext.write(BIZ), '{" symmetric_key":"k","sign ":"s","data":"d"}']
)
def test_biz_data_may_be_an_object_or_its_text(biz_data: str) -> None:
    answer = read_answer(f'{{"code":" PE0000","msg":null,"biz_data":{biz_data}}}'.encode())
    assert (answer.code, answer.message, answer.sealed) == ("PE0000", "", Sealed("k", "s", "d"))


@pytest.mark.parametrize(
    "biz_data",
    [
        "null",
        '""',
        "{}",
        "[]",
        '"x"',
        "7",
        '{"symmetric_key":"k","sign":"s"}',
        '{"symmetric_key":"k","sign":"s","data":""}',
        '{"symmetric_key":"k","sign":"s","data":{"busi_code":"RE0000"}}',
    ],
)
def test_an_incomplete_biz_data_is_none(biz_data: str) -> None:
    assert read_answer(f'{{"code":"PE0000","biz_data":{biz_data}}}'.encode()).sealed is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b'{"msg":"x"}',
        b'{"code":""}',
        b'{"code":"PE0000","code":"PE0001"}',
        b'{"code":"PE0000","code ":"PE0001"}',
        '{"code":"PE0000","msg":"成功"}'.encode("gb18030"),
        b'{"code":"PE0000",}',
    ],
)
def test_anything_else_is_no_answer(body: bytes) -> None:
    with pytest.raises(AnswerRejected):
        read_answer(body)


def test_the_signature_covers_data_exactly_as_received() -> None:
    """Blanks around the Base64 text are part of what was signed, so they are not trimmed away."""
    sealed = seal(b'{"busi_code":"RE0000"}', key("platform"), key("agent").public)
    body = jsontext.write(
        {
            "code": "PE0000",
            "biz_data": {
                "symmetric_key": sealed.symmetric_key,
                "sign": sealed.sign,
                "data": sealed.data + " ",
            },
        }
    )
    outer = read_answer(body.encode()).sealed
    assert outer is not None
    with pytest.raises(SignatureRejected):
        open_data(outer, key("agent"), key("platform").public, Layout.C1C2C3)


def test_content_shows_in_no_repr() -> None:
    answer = read_answer(f'{{"code":"PE0000","msg":"张某","biz_data":{BIZ}}}'.encode())
    assert "张某" not in repr(answer)
    assert repr(answer.sealed) == "Sealed()"


def test_answers_are_tidied_to_texts() -> None:
    data = jsontext.read('{" a ":" x ","n":1,"d":6.70,"e":1e2,"z":null,"l":[{"k ":2}],"t":true}')
    assert tidy(data) == {
        "a": "x",
        "n": "1",
        "d": "6.70",
        "e": "100",
        "z": "",
        "l": [{"k": "2"}],
        "t": True,
    }


@pytest.mark.parametrize(
    ("value", "found"), [({"a": 1}, {"a": 1}), ('{"a":1}', {"a": 1}), ("[]", None), (7, None)]
)
def test_an_embedded_object_may_be_text(value: object, found: object) -> None:
    assert read_embedded(value) == found
