"""The XML of answers: the catalog's shape, the document's slips, and attacks that are refused at once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent.catalog import load_catalog
from agent.errors import AnswerRejected
from agent.events import Response
from plugins.scanpay import transdata
from plugins.scanpay.building import build
from plugins.scanpay.forms import MOST_BYTES
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.wire import write_form
from tests.conformance.case_files import all_cases
from tests.unit.scanpay import till

CATALOG = load_catalog("plugins.scanpay.catalog")
PAID = CATALOG.transaction("ST007")
AT_ONCE_S = 0.1
"""Of processor time: a busy machine must not decide."""


def _attributes(many: int) -> str:
    return " ".join(f"a{n}='x'" for n in range(many))


LAUGHS = "<!DOCTYPE t [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(12)
)
ATTACKS = {
    "billion laughs": f"{LAUGHS}]><transdata><orderid>&m;</orderid></transdata>",
    "quadratic blow-up": (
        f"<!DOCTYPE t [<!ENTITY a '{'x' * 100_000}'>]>"
        f"<transdata><orderid>{'&a;' * 100_000}</orderid></transdata>"
    ),
    "external entity": (
        "<!DOCTYPE t [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><transdata><orderid>&f;</orderid></transdata>"
    ),
    "external DTD": (
        "<!DOCTYPE t SYSTEM 'http://127.0.0.1:9/x.dtd'><transdata><orderid>1</orderid></transdata>"
    ),
    "parameter entity": "<!DOCTYPE t [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/p'> %p;]><transdata/>",
    "nested without end": "<a>" * 100_000,
    "nested a hundred deep": f"<transdata>{'<a>' * 100}{'</a>' * 100}</transdata>",
    "too many elements": f"<transdata>{'<a/>' * 1_000_000}</transdata>",
    "a million attributes": f"<transdata {_attributes(1_000_000)}/>",
    "attributes of many elements": f"<transdata>{f'<b {_attributes(100)}/>' * 1_000}</transdata>",
    "cut": "<transdata><orderid>1</orderid>",
    "two roots": "<transdata/><transdata/>",
    "no XML": "orderid",
    "undeclared entity": "<transdata><orderid>&x;</orderid></transdata>",
    "control character": "<transdata><orderid>\x01</orderid></transdata>",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused_at_once(attack: str) -> None:
    started = time.thread_time()
    with pytest.raises(AnswerRejected) as refused:
        transdata.read(attack, PAID.response)
    assert time.thread_time() - started < AT_ONCE_S
    assert refused.value.hint


def test_an_answer_of_100_mb_is_refused_at_once() -> None:
    adapter = build(till.options(), till.Keyring())
    draft = adapter.probe(adapter.lanes()[0])
    assert draft is not None
    body = b"respcode=00&transdata=" + b"x" * (100 * 1024 * 1024)
    started = time.thread_time()
    with pytest.raises(AnswerRejected):
        adapter.interpret(draft, {}, Response(200, {}, body))
    assert time.thread_time() - started < AT_ONCE_S
    assert len(body) > MOST_BYTES


def test_a_signed_answer_with_a_dtd_is_refused_too() -> None:
    """The platform's signature is no licence: its gateway may be somebody else's."""
    adapter = build(till.options(), till.Keyring())
    draft = adapter.probe(adapter.lanes()[0])
    assert draft is not None
    pairs = {"respcode": "00", "aprcode": "00", "transdata": ATTACKS["external entity"]}
    sealing = read_sealing(till.key_folder(Hash.SHA1_HEX), Hash.SHA1_HEX, till.NOW)
    with pytest.raises(AnswerRejected):
        adapter.interpret(draft, {}, Response(200, {}, write_form(sealing.signed(pairs))))


WHOLE = [case for case in all_cases() if case.protocol == "scanpay" and case.id == "whole"]


@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_every_field_of_an_answer_reaches_the_his(case: Any) -> None:
    """Written by the standard library's rules, read by ours: nothing is lost or renamed."""
    from plugins.scanpay.simulator.wire import write_xml

    told = case.messages[0]["response"].get("data", {})
    spec = CATALOG.transaction(case.transaction)
    assert transdata.read(write_xml(told), spec.response) == told


SETTLED = {"balanceret": {"balanceno": "JS1", "hosrcode": "H1"}}
INNER = "<balanceret><balanceno>JS1</balanceno><hosrcode>H1</hosrcode></balanceret>"


@pytest.mark.parametrize(
    "written",
    [
        f"<aptorderackdata>{INNER}</aptorderackdata>",
        f"<APTORDERACKDATA>{INNER.upper()}</APTORDERACKDATA>",
        f"<aptorderackdata><aptorderackdata>{INNER}</aptorderackdata></aptorderackdata>",
        f"<aptorderackdata><![CDATA[<aptorderackdata>{INNER}</aptorderackdata>]]></aptorderackdata>",
        f"<aptorderackdata>{INNER.replace('hosrcode', 'hospcode')}</aptorderackdata>",
        f"\n <aptorderackdata a='1'> <!-- -->\n{INNER}\n </aptorderackdata>",
    ],
    ids=["nested", "capitals", "within itself", "as text", "right spelling", "blanks and attributes"],
)
def test_a_settlement_is_read_however_it_is_written(written: str) -> None:
    read = transdata.read(f"<transdata>{written}</transdata>", PAID.response)
    assert read["aptorderackdata"] == SETTLED


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ("<row><num>1</num></row><row><num>2</num></row>", [{"num": "1"}, {"num": "2"}]),
        ("<row><num>1</num></row>", [{"num": "1"}]),
        ("<num>1</num>", [{"num": "1"}]),
        ("", []),
    ],
    ids=["two", "one", "without row", "none"],
)
def test_rows_are_a_list_however_many_there_are(rows: str, read: list[dict[str, str]]) -> None:
    text = f"<transdata><aptorderackdata><orderentryret>{rows}</orderentryret></aptorderackdata></transdata>"
    assert transdata.read(text, PAID.response)["aptorderackdata"]["orderentryret"] == read


def test_a_field_that_comes_twice_is_refused() -> None:
    for twice in ("<orderid>1</orderid><orderid>2</orderid>", "<orderid>1</orderid><ORDERID>1</ORDERID>"):
        with pytest.raises(AnswerRejected):
            transdata.read(f"<transdata>{twice}</transdata>", PAID.response)


def test_values_are_written_so_that_xml_reads_them_again() -> None:
    spec = CATALOG.transaction("ST100")
    body = {"busicycleno": "1", "orderid": "a<b>&\"'", "reason": "金额 < 0 & 退"}
    written = transdata.write(spec.request, body)
    assert transdata.read(written, spec.request) == body
    assert list(transdata.read(written, spec.request)) == [field.code for field in spec.request]
