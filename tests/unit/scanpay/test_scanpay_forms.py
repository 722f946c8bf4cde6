"""Messages of pairs: strict in what is sent, tolerant in what is read (anomalies S01 to S08)."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.clock import BEIJING
from agent.errors import AnswerRejected
from agent.events import Outcome, Response, Submission, Verdict
from plugins.scanpay import codec, outcomes
from plugins.scanpay.building import build, scanpay_catalog
from plugins.scanpay.forms import read_form, received, write_form
from tests.unit.scanpay import till

SAMPLE_ANSWER = """{aprcode=00&aprcode=签到成功
&busicycleno=XXXXXXXXX&pltfmsignature=aWP9FTnBRkBDaOmK+GDFGrHToVxC9mqK8ZOnrnPBNN4/E1y9IbU2D&resrcode=00&resrcode=签到成功}"""
"""1.1.5.2 of the document, its signature shortened."""

SAMPLE_REQUEST = """{infoSysSignature=wIEN/k0LprGYZpN+vuXg64ppFNlZ6qfS&transtype=
ST001&hospcode=04010089&transdata= <transdata> <hospcode>04010089</hospcode>
<operatorid>0401008999</operatorid> <busicycleno>5304</busicycleno> <infosyscode> </infosyscode>
</transdata> &infoSysCode=SYS100361 &merchantCode=DD04010089
&merchantSignature=ODRtRmGGS8Sj+FpYPDwKy00CKbEG= & version=1.0}"""
"""1.1.5.1, likewise."""


def test_the_documents_sample_answer_is_read_as_its_table_means_it() -> None:
    read = read_form(SAMPLE_ANSWER.encode())
    assert [read.value(name) for name in ("respcode", "respmsg", "aprcode", "aprtmsg")] == [
        "00",
        "签到成功",
        "00",
        "签到成功",
    ]
    assert read.value("pltfirmsignature").startswith("aWP9FTnBRkBDaOmK+GDF")
    spec = scanpay_catalog().transaction("ST001")
    assert codec.read_answer(read, spec).data == {"busicycleno": "XXXXXXXXX"}


def test_the_documents_sample_request_is_read_pair_by_pair() -> None:
    read = read_form(SAMPLE_REQUEST.encode())
    assert read.value("transtype") == "ST001"
    assert read.value("merchantcode") == "DD04010089"
    assert read.value("infosyssignature") == "wIEN/k0LprGYZpN+vuXg64ppFNlZ6qfS"
    assert read.value("merchantsignature") == "ODRtRmGGS8Sj+FpYPDwKy00CKbEG="
    assert read.value("version") == "1.0"
    assert read.value("transdata").endswith("</transdata>")


def test_xml_that_is_not_url_encoded_keeps_its_entities() -> None:
    text = "respcode=00&transdata=<transdata><aac003>A&amp;B=C</aac003></transdata>&aprcode=00"
    read = read_form(text.encode())
    assert read.value("transdata") == "<transdata><aac003>A&amp;B=C</aac003></transdata>"
    assert read.value("aprcode") == "00"


@pytest.mark.parametrize("encoded", [True, False])
def test_a_plus_sign_in_a_signature_is_no_blank(encoded: bool) -> None:
    written = "a%2Bb%3D" if encoded else "a+b="
    assert read_form(f"respcode=00&pltfirmsignature={written}".encode()).value("pltfirmsignature") == "a+b="


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html>respcode=00</html>",
        b"x&respcode=00",
        b"respcode=00&respcode=00&respcode=00",
        b"transdata=1&transdata=2",
        b"respmsg=%ff%fe",
        b"\xff\xfe",
        b"a=1&" * 300,
    ],
    ids=repr,
)
def test_what_is_no_message_of_pairs_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerRejected):
        read_form(body)


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True).filter(lambda name: "sign" not in name)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


@settings(deadline=None, max_examples=60)
@given(pairs=st.dictionaries(NAMES, VALUES, min_size=1, max_size=8))
def test_what_is_written_is_read_by_a_stranger_and_by_us(pairs: dict[str, str]) -> None:
    written = write_form(pairs)
    assert dict(parse_qsl(written.decode("ascii"), keep_blank_values=True)) == pairs
    if not any(name.startswith(("resr", "pltf", "infosys", "enc")) for name in pairs):
        read = read_form(written)
        for name, value in pairs.items():
            assert read.value(name) == value.strip()


@settings(deadline=None, max_examples=60)
@given(text=VALUES.filter(lambda text: text == text.strip()))
@example(text="order paid")
def test_what_java_encodes_is_read_as_it_was_signed(text: str) -> None:
    # URLEncoder writes a blank as a plus sign, also where a value needs no other escape.
    signature = "aWP9FTnBRkBDaOmK+GDF/w=="
    read = read_form(urlencode({"respcode": "00", "respmsg": text, "pltfirmsignature": signature}).encode())
    assert read.pairs == (("respcode", "00"), ("respmsg", text), ("pltfirmsignature", signature))


def test_a_plus_sign_in_text_that_is_not_url_encoded_stays() -> None:
    assert read_form("respmsg=A+B 成功&respcode=00".encode()).value("respmsg") == "A+B 成功"


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_no_bytes_make_reading_fail_otherwise_than_by_refusal(body: bytes) -> None:
    try:
        read = read_form(body).pairs
    except AnswerRejected:
        read = ()
    assert all(isinstance(text, str) for pair in read for text in pair)


def answered(**pairs: str) -> codec.Answer:
    told = received(tuple({"respcode": "00", "aprcode": "00", **pairs}.items()))
    return codec.read_answer(told, scanpay_catalog().transaction("ST002"))


@pytest.mark.parametrize(
    ("respcode", "aprcode", "verdict"),
    [
        ("00", "00", Verdict.ACCEPTED),
        ("00", "10", Verdict.REJECTED),
        ("00", "1X", Verdict.REJECTED),
        ("00", "-1", Verdict.UNKNOWN),
        ("00", "01", Verdict.UNKNOWN),
        ("11", "", Verdict.REJECTED),
        ("11", "11", Verdict.REJECTED),
        ("11", "00", Verdict.UNKNOWN),
        ("11", "-1", Verdict.UNKNOWN),
        ("-1", "", Verdict.UNKNOWN),
        ("-1", "00", Verdict.UNKNOWN),
        ("0", "00", Verdict.UNKNOWN),
    ],
)
def test_both_codes_decide(respcode: str, aprcode: str, verdict: Verdict) -> None:
    assert outcomes.verdict_of(answered(respcode=respcode, aprcode=aprcode)) is verdict


def test_an_answer_of_another_transaction_is_refused() -> None:
    with pytest.raises(AnswerRejected):
        answered(transtype="ST007")


def test_an_http_error_page_leaves_a_payment_open() -> None:
    adapter = build(till.options(), till.Keyring())
    data = {**till.order("D1", 1), **till.scan(1, till.NOW)}
    draft = adapter.plan(Submission("scanpay", "ST007", "H1", data), datetime.now(BEIJING)).drafts[0]
    outcome = adapter.interpret(draft, {}, Response(502, {}, b"<html>Bad Gateway</html>"))
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is Verdict.UNKNOWN
