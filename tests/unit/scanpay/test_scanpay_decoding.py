"""Reading scanned codes: what decoders answer, the library in its helper process, a service over HTTP, and
submissions whose code the agent reads."""

from __future__ import annotations

import contextlib
import json
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING, SystemClock
from agent.errors import ConfigurationError
from agent.rehearsal.people import invented_identity
from agent.rehearsal.server import Answer, Call, RehearsalServer
from plugins.scanpay.decoding.holders import Holder, NotDecoded, read_holder
from plugins.scanpay.decoding.library import LibraryDecoder
from plugins.scanpay.decoding.preparing import RehearsedDecoder
from plugins.scanpay.decoding.service import ServiceDecoder
from plugins.scanpay.settings import DecoderSettings
from plugins.scanpay.simulator import codes
from tests.unit.scanpay.till import OPERATOR, hospital, order, scan, served

ONE = 1
SOURCE = Path(__file__).with_name("nation_ec_code.c")
DATA = {"userName": "测试甲", "idNo": "519900199901011234", "idType": "01", "ecToken": "T", "ecQrCode": "Q"}


def now() -> datetime:
    return datetime.now(BEIJING)


# -- answers ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("index", ["ecIndexNo", "ecIidexNo"])
def test_an_answer_is_read_however_the_library_writes_it(charset: str, as_text: bool, index: str) -> None:
    data: Any = {**DATA, index: "I"}
    told = {"code": 0, "data": json.dumps(data, ensure_ascii=False) if as_text else data}
    answer = json.dumps(told, ensure_ascii=False).encode(charset) + b"\x00"
    assert read_holder(answer, "Q") == Holder("Q", "T", "01", DATA["idNo"], "测试甲", "I")
    assert read_holder(answer).code == "Q"


def test_an_answer_that_names_no_code_is_about_the_one_that_was_asked() -> None:
    data = {key: value for key, value in DATA.items() if key != "ecQrCode"}
    assert read_holder(json.dumps({"code": 0, "data": data}).encode(), "scanned").code == "scanned"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xff",
        b"[]",
        b"{}",
        b'{"code":1,"message":"no"}',
        b'{"code":0}',
        b'{"code":0,"data":"x"}',
        b'{"code":0,"data":{"userName":"A","idNo":"1","ecQrCode":"Q"}}',
        b'{"code":0,"data":{"ecToken":"T","idNo":"1","ecQrCode":"Q"}}',
        b"x" * 100_000,
    ],
    ids=lambda answer: repr(answer[:30]),
)
def test_an_answer_without_a_whole_holder_asks_for_another_scan(answer: bytes) -> None:
    with pytest.raises(NotDecoded, match="请重新扫码"):
        read_holder(answer, "Q")


def test_nobody_shows_in_a_holders_repr() -> None:
    shown = repr(read_holder(json.dumps({"code": 0, "data": DATA}).encode(), "Q"))
    assert not any(secret in shown for secret in ("测试甲", "519900199901011234", "T'"))


# -- the library --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in library with")
    path = tmp_path_factory.mktemp("library") / "libNationECCode.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(path), str(SOURCE)], check=True)
    return str(path)


def settings(kind: str, **changed: Any) -> DecoderSettings:
    given = {"library": "", "command": (), "url": "", "timeout_s": 20, "business": "01301", "acquire": False}
    return DecoderSettings(kind=kind, **{**given, **changed})


def decoder(library: str, url: str, timeout_s: int = 20) -> LibraryDecoder:
    given = settings("library", library=library, url=url, timeout_s=timeout_s)
    return LibraryDecoder(given, "04010089", SystemClock())


def test_the_library_reads_codes_and_scans_by_itself_in_a_process_of_its_own(library: str) -> None:
    reading = decoder(library, "ok")
    try:
        assert reading.decode("424") == Holder("424", "T", "01", "1", "甲", "I")
        assert reading.acquire() == Holder("acquired", "T", "01", "1", "甲", "I")
    finally:
        reading.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("refuse", "动态库返回"),
        ("message", "500159 甲"),
        ("crash", "意外退出"),
        ("pad", "另一个二维码"),
    ],
)
def test_what_goes_wrong_in_the_library_is_told_and_takes_nothing_down(
    library: str, url: str, told: str
) -> None:
    reading = decoder(library, url)
    try:
        with pytest.raises(NotDecoded, match=told):
            reading.decode("424")
    finally:
        reading.close()


def test_a_library_that_hangs_costs_its_time_limit_only(library: str) -> None:
    reading = decoder(library, "hang", timeout_s=1)
    try:
        with pytest.raises(NotDecoded, match="没有在规定时间内应答"):
            reading.decode("424")
    finally:
        reading.close()


def test_the_frozen_program_needs_a_python_for_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ConfigurationError, match="decoder_command"):
        decoder("NationECCode.dll", "ok")
    given = settings("library", library="NationECCode.dll", command=("python.exe",))
    LibraryDecoder(given, "04010089", SystemClock()).close()


def test_a_library_that_is_missing_is_told(tmp_path: Path) -> None:
    reading = decoder(str(tmp_path / "none.dll"), "ok")
    try:
        with pytest.raises(NotDecoded, match="装不上厂商的库"):
            reading.decode("424")
    finally:
        reading.close()


# -- the service --------------------------------------------------------------------------------------
@pytest.fixture
def neighbour() -> Iterator[tuple[str, list[Any]]]:
    """A decoding service: its address, and what it was asked."""
    asked: list[Any] = []

    def answer(call: Call) -> Answer:
        asked.append(json.loads(call.body))
        if call.path == "/broken":
            return Answer(status=500)
        if call.path == "/elsewhere":
            return Answer(status=302, headers=(("Location", "/"),))
        return Answer(body=json.dumps({"code": 0, "data": DATA}).encode())

    with RehearsalServer(answer) as server:
        yield server.url, asked


def test_a_service_is_asked_for_a_code_or_for_a_scan(neighbour: tuple[str, list[Any]]) -> None:
    url, asked = neighbour
    asking = ServiceDecoder(settings("http", url=url), "04010089", SystemClock())
    assert asking.decode("Q").token == "T"
    assert asking.acquire().code == "Q"
    asking.close()
    assert [one["qrCode"] for one in asked] == ["Q", ""]


@pytest.mark.parametrize("path", ["/broken", "/elsewhere"])
def test_a_service_that_fails_asks_for_another_scan(neighbour: tuple[str, list[Any]], path: str) -> None:
    asking = ServiceDecoder(settings("http", url=neighbour[0] + path), "04010089", SystemClock())
    with pytest.raises(NotDecoded, match="HTTP"):
        asking.decode("424")
    asking.close()


def test_a_service_that_is_not_there_asks_for_another_scan() -> None:
    asking = ServiceDecoder(settings("http", url="http://127.0.0.1:9/"), "04010089", SystemClock())
    with pytest.raises(NotDecoded, match="没有应答"):
        asking.decode("424")
    asking.close()


class Slow(socketserver.BaseRequestHandler):
    """Announces more than it sends, or sends it byte by byte."""

    def handle(self) -> None:
        asked = self.request.recv(65_536)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{")
        ended = threading.Event()
        with contextlib.suppress(OSError):
            while b"/trickle" in asked and not ended.wait(0.05):
                self.request.sendall(b" ")


@pytest.mark.parametrize(("path", "told"), [("/cut", "没有应答"), ("/trickle", "过慢")])
def test_a_service_that_breaks_off_or_trickles_is_given_up_in_time(path: str, told: str) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        asking = ServiceDecoder(settings("http", url=url, timeout_s=1), "04010089", SystemClock())
        with pytest.raises(NotDecoded, match=told):
            asking.decode("424")
        asking.close()
        server.shutdown()


def test_the_rehearsals_decoder_and_its_service_agree() -> None:
    code = codes.mint(ONE, now())
    with served() as platform:
        asking = ServiceDecoder(settings("http", url=f"{platform.url}decode"), "04010089", SystemClock())
        told = asking.decode(code)
        asking.close()
    rehearsed = RehearsedDecoder().decode(code)
    assert (told.token, told.id_number, told.name) == (rehearsed.token, rehearsed.id_number, rehearsed.name)


# -- submissions --------------------------------------------------------------------------------------
def test_a_payment_with_its_bare_code_is_decoded_and_paid_once(tmp_path: Path) -> None:
    """Given again, also when its code is long dead, the same submission has the same result."""
    with served() as platform:
        lines = ('decoder = "http"', f'decoder_url = "{platform.url}decode"')
        with hospital(tmp_path, platform.url, *lines) as his:
            his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
            data = {**order("D1", ONE), **scan(ONE, now(), token=False)}
            paid = his.send("ST007", data, id="P1")
            assert (paid["state"], paid["data"]["orderid"]) == ("accepted", "D1")
            dead = (now() - timedelta(seconds=400)).isoformat()
            assert his.send("ST007", data, id="P1", scanned_at=dead)["state"] == "accepted"
            assert platform.calls().count("ST007") == 1


def test_a_code_that_cannot_be_read_is_refused_here_with_the_reason(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, 'decoder = "simulated"') as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        refused = his.send("ST007", {**order("D1", ONE), "ecqrcode": "6901234567892"}, id="P1")
        assert refused["state"] == "invalid"
        (error,) = refused["errors"]
        assert (error["pointer"], error["rule"]) == ("/ecqrcode", "decode")
        assert "请重新扫码" in error["message"]
        again = his.send("ST007", {**order("D1", ONE), **scan(ONE, now(), token=False)}, id="P1")
        assert again["state"] == "accepted"
        assert platform.calls().count("ST007") == 1


def test_the_decoded_holder_must_be_the_payer(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, 'decoder = "simulated"') as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        other = invented_identity(2)
        data = {**order("D1", ONE), **scan(2, now(), token=False)}
        refused = his.send("ST007", data)
        assert (refused["state"], refused["errors"][0]["rule"]) == ("invalid", "value")
        assert other.aac003 not in json.dumps(refused, ensure_ascii=False)
        assert "ST007" not in platform.calls()


def test_a_holder_whom_the_his_names_must_be_the_decoded_one(tmp_path: Path) -> None:
    # The HIS says the payer to be the holder; the code is another person's.
    with served() as platform, hospital(tmp_path, platform.url, 'decoder = "simulated"') as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        named = {name: text for name, text in scan(ONE, now()).items() if name in ("idno", "username")}
        refused = his.send("ST007", {**order("D1", ONE), **scan(2, now(), token=False), **named})
        assert refused["state"] == "invalid"
        assert [error["pointer"] for error in refused["errors"]] == ["/idno", "/username"]
        assert "ST007" not in platform.calls()


def test_a_bare_code_that_was_scanned_over_a_minute_ago_expires(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, 'decoder = "simulated"') as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        scanned = now() - timedelta(seconds=61)
        late = his.send(
            "ST007", {**order("D1", ONE), **scan(ONE, scanned, token=False)}, scanned_at=scanned.isoformat()
        )
        assert (late["state"], late["message"]) == ("expired", "电子凭证已超过有效时间，未发送，请重新扫码")
        assert "ST007" not in platform.calls()
