"""Every transport tells exactly whether a request may have left, and never sends one twice.

Each test holds what the transport reports against what the server was really sent.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from agent.clock import Clock, ManualClock, SystemClock
from agent.errors import ConfigurationError, MaybeSent, NotSent, TransportError
from agent.events import Request
from agent.transport.base import Transport, TransportSettings
from agent.transport.http import HttpTransport
from tests.contract.certificates import DAY, NOW, Authority
from tests.contract.scripted_server import Conversation, Script, ScriptedServer, serving

QUICK = TransportSettings(connect_s=0.3, answer_s=5.0)
BODY = '{"name":"测试"}'.encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Make = Callable[..., Transport]


@pytest.fixture(params=[HttpTransport], ids=["direct"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Builds a transport from settings and a clock; closed when the test ends."""
    made: list[Transport] = []

    def build(settings: TransportSettings = QUICK, clock: Clock | None = None) -> Transport:
        transport: Transport = request.param(settings, clock or SystemClock())
        made.append(transport)
        return transport

    yield build
    for transport in made:
        transport.abort()


def post(url: str, body: bytes = BODY) -> Request:
    return Request(url, (("Content-Type", "application/json;charset=UTF-8"), ("access_key", "k1")), body)


def answering(*pieces: bytes) -> Script:
    """Answer every request of a connection with these bytes."""

    def script(conversation: Conversation) -> None:
        while conversation.read_request() is not None:
            conversation.say(*pieces)

    return script


def closing_after(*pieces: bytes) -> Script:
    """Answer one request with these bytes and close."""

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.say(*pieces)

    return script


# -- answers ----------------------------------------------------------------------------------------


def test_request_arrives_byte_for_byte(make: Make) -> None:
    body = bytes(range(256)) * 40
    with serving(answering(OK)) as server:
        make().send(post(server.url("/api/save?kind=1&name=%E5%BC%A0"), body))
        head, _, received = server.requests[0].partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert received == body
        assert lines[0] == b"POST /api/save?kind=1&name=%E5%BC%A0 HTTP/1.1"
        assert f"Host: 127.0.0.1:{server.port}".encode() in lines
        assert b"access_key: k1" in lines
        assert b"Content-Type: application/json;charset=UTF-8" in lines
        assert f"Content-Length: {len(body)}".encode() in lines


@dataclass(frozen=True)
class Answer:
    about: str
    pieces: tuple[bytes, ...]
    status: int
    body: bytes


ANSWERS = [
    Answer("length", (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",), 200, b"hello"),
    Answer(
        "chunked",
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"1\r\n!\r\n0\r\n\r\n"),
        200,
        b"hello!",
    ),
    Answer("empty", (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), 200, b""),
    Answer("no content", (b"HTTP/1.1 204 No Content\r\n\r\n",), 204, b""),
    Answer("continue first", (b"HTTP/1.1 100 Continue\r\n\r\n", OK), 200, b"ok"),
    Answer("early hints first", (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK), 200, b"ok"),
    Answer("fault with body", (b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops",), 500, b"oops"),
    Answer("byte by byte", tuple(bytes([byte]) for byte in OK), 200, b"ok"),
    Answer("no reason", (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",), 200, b"ok"),
    Answer("bare line feeds", (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",), 200, b"ok"),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.about)
def test_answer_is_given_whole_and_its_connection_is_kept(make: Make, case: Answer) -> None:
    with serving(answering(*case.pieces)) as server:
        transport = make()
        for _ in range(3):
            response = transport.send(post(server.url()))
            assert (response.status, response.body) == (case.status, case.body)
        assert len(server.requests) == 3
        assert server.connections == 1


ENDING = [
    Answer("until the end", (b"HTTP/1.0 200 OK\r\n\r\nall of it",), 200, b"all of it"),
    Answer(
        "close named", (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",), 200, b"ok"
    ),
]


@pytest.mark.parametrize("case", ENDING, ids=lambda case: case.about)
def test_answer_that_ends_its_connection_is_given_whole(make: Make, case: Answer) -> None:
    with serving(closing_after(*case.pieces)) as server:
        transport = make()
        for _ in range(2):
            response = transport.send(post(server.url()))
            assert (response.status, response.body) == (case.status, case.body)
        assert len(server.requests) == 2
        assert server.connections == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401, 407])
def test_redirects_and_challenges_are_answers_and_are_not_followed(make: Make, status: int) -> None:
    moved = f"HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(answering(moved)) as server:
        response = make().send(post(server.url()))
        assert response.status == status
        assert response.headers["location"] == "/elsewhere"
        assert len(server.requests) == 1


def test_content_coding_is_left_as_it_came(make: Make) -> None:
    coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw"
    with serving(answering(coded)) as server:
        assert make().send(post(server.url())).body == b"raw"


def test_repeated_headers_are_joined_under_their_name_in_lower_case(make: Make) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Trace: a\r\nx-trace: b\r\nContent-Length: 0\r\n\r\n"
    with serving(answering(answer)) as server:
        assert make().send(post(server.url())).headers["x-trace"] == "a, b"


def test_cookies_are_not_kept(make: Make) -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\n\r\n"
    with serving(answering(answer)) as server:
        transport = make()
        transport.send(post(server.url()))
        transport.send(post(server.url()))
        assert b"cookie" not in server.requests[1].lower()


# -- nothing left -----------------------------------------------------------------------------------


def both(transport: Transport, url: str, body: bytes = BODY) -> Iterator[Callable[[], object]]:
    """A failure to connect is told by ``prepare`` and by ``send`` alike."""
    yield lambda: transport.prepare(url)
    yield lambda: transport.send(post(url, body))


def assert_not_sent(transport: Transport, url: str, stage: str, reason: str) -> None:
    for act in both(transport, url):
        with pytest.raises(NotSent) as caught:
            act()
        assert (caught.value.details["stage"], caught.value.details["reason"]) == (stage, reason)
        assert caught.value.hint
        assert caught.value.retry


def test_refused_connection_is_not_sent(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert_not_sent(make(), f"http://127.0.0.1:{port}/", "connect", "refused")


def test_unknown_host_is_not_sent(make: Make) -> None:
    assert_not_sent(make(), "http://no-such-host.invalid/", "resolve", "name")


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose accept queue is full: connection requests to it are dropped unanswered."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_server_that_never_accepts_is_not_sent_within_the_connect_timeout(make: Make) -> None:
    with black_hole() as port:
        assert_not_sent(make(), f"http://127.0.0.1:{port}/", "connect", "timeout")


def test_unreachable_network_is_not_sent(make: Make) -> None:
    # A link-local address without a scope has no route by itself.
    with pytest.raises(NotSent) as caught:
        make().send(post("http://[fe80::1]:9/"))
    assert caught.value.details["stage"] in {"connect", "resolve"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "trusted")


@pytest.fixture
def trusting(authority: Authority) -> TransportSettings:
    return replace(QUICK, ca_file=authority.ca_file, connect_s=5.0)


def test_trusted_server_is_spoken_to_over_one_kept_tls_connection(
    make: Make, authority: Authority, trusting: TransportSettings
) -> None:
    with serving(answering(OK), authority.server_context()) as server:
        transport = make(trusting)
        for _ in range(3):
            transport.prepare(server.url())
            assert transport.send(post(server.url())).body == b"ok"
        assert len(server.requests) == 3
        assert server.connections == 1


def test_authority_of_nobodys_choice_is_not_sent(make: Make, authority: Authority) -> None:
    with serving(answering(OK), authority.server_context()) as server:
        assert_not_sent(make(replace(QUICK, connect_s=5.0)), server.url(), "tls", "certificate")
        assert server.requests == []


def test_authority_of_the_operating_system_is_trusted(
    make: Make, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))  # where OpenSSL looks for the system's
    with serving(answering(OK), authority.server_context()) as server:
        assert make(replace(QUICK, connect_s=5.0)).send(post(server.url())).status == 200


def test_ca_file_replaces_all_other_authorities(
    make: Make, tmp_path_factory: pytest.TempPathFactory, trusting: TransportSettings
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger")
    with serving(answering(OK), stranger.server_context()) as server:
        assert_not_sent(make(trusting), server.url(), "tls", "certificate")
        assert server.requests == []


def test_certificate_of_another_host_is_not_sent(
    make: Make, authority: Authority, trusting: TransportSettings
) -> None:
    with serving(answering(OK), authority.server_context("platform.example")) as server:
        assert_not_sent(make(trusting), server.url(), "tls", "certificate_host")
        assert server.requests == []


def test_expired_certificate_is_not_sent(
    make: Make, authority: Authority, trusting: TransportSettings
) -> None:
    context = authority.server_context(begin=NOW - 9 * DAY, end=NOW - DAY)
    with serving(answering(OK), context) as server:
        assert_not_sent(make(trusting), server.url(), "tls", "certificate_expired")
        assert server.requests == []


def test_certificate_of_tomorrow_is_not_sent(
    make: Make, authority: Authority, trusting: TransportSettings
) -> None:
    context = authority.server_context(begin=NOW + DAY, end=NOW + 2 * DAY)
    with serving(answering(OK), context) as server:
        assert_not_sent(make(trusting), server.url(), "tls", "certificate_not_yet_valid")
        assert server.requests == []


def test_verification_can_be_switched_off_and_only_then_strangers_are_spoken_to(
    make: Make, authority: Authority
) -> None:
    with serving(answering(OK), authority.server_context("platform.example")) as server:
        transport = make(replace(QUICK, verify_tls=False, connect_s=5.0))
        assert transport.send(post(server.url())).status == 200


def test_plain_http_server_under_an_https_url_is_not_sent(make: Make, trusting: TransportSettings) -> None:
    def script(conversation: Conversation) -> None:
        conversation.socket.recv(65536)
        conversation.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(script) as server:
        url = server.url().replace("http://", "https://")
        assert_not_sent(make(trusting), url, "tls", "not_tls")


def test_close_during_the_tls_handshake_is_not_sent(make: Make, trusting: TransportSettings) -> None:
    def script(conversation: Conversation) -> None:
        conversation.socket.recv(65536)

    with serving(script) as server:
        url = server.url().replace("http://", "https://")
        assert_not_sent(make(trusting), url, "tls", "cut")


def test_silent_tls_handshake_is_not_sent_within_the_connect_timeout(
    make: Make, trusting: TransportSettings
) -> None:
    with serving(Conversation.until_closed) as server:
        url = server.url().replace("http://", "https://")
        assert_not_sent(make(replace(trusting, connect_s=0.3)), url, "tls", "timeout")


def test_unreadable_ca_file_is_a_fault_of_configuration(make: Make, authority: Authority) -> None:
    settings = replace(QUICK, ca_file=authority.ca_file.with_name("absent.pem"))
    with serving(answering(OK), authority.server_context()) as server:
        for act in both(make(settings), server.url()):
            with pytest.raises(ConfigurationError, match="CA 证书"):
                act()
        assert server.requests == []


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host/", "http://", "//host/", "http://user:pw@host/", "http://host:99999/", "http://a b/"],
)
def test_url_that_can_never_work_is_a_fault_of_configuration_that_does_not_show_it(
    make: Make, url: str
) -> None:
    for act in both(make(), url):
        with pytest.raises(ConfigurationError) as caught:
            act()
        assert "pw" not in str(caught.value) + repr(caught.value.details)


@pytest.mark.parametrize(
    "header", [("x", "a\r\nEvil: 1"), ("x y", "a"), ("x\n", "a"), ("", "a"), ("x", "密"), ("x", "a\0")]
)
def test_request_that_is_not_http_is_a_fault_of_configuration_and_leaves_nothing(
    make: Make, header: tuple[str, str]
) -> None:
    with serving(answering(OK)) as server:
        with pytest.raises(ConfigurationError):
            make().send(Request(server.url(), (header,), BODY))
        assert server.requests == []


# -- in doubt ---------------------------------------------------------------------------------------


def reset_before_reading(conversation: Conversation) -> None:
    conversation.socket.recv(1, socket.MSG_PEEK)
    conversation.reset()


def reset_after_reading_a_part(conversation: Conversation) -> None:
    conversation.socket.recv(10)
    conversation.reset()


def reset_inside_the_body(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal")
    conversation.reset()


@dataclass(frozen=True)
class Doubt:
    about: str
    script: Script
    reason: str
    received: int


DOUBTS = [
    Doubt("reset before reading", reset_before_reading, "cut", 0),
    Doubt("reset after a part", reset_after_reading_a_part, "cut", 0),
    Doubt("reset inside the body", reset_inside_the_body, "cut", 1),
    Doubt("close without an answer", closing_after(), "cut", 1),
    Doubt("close inside the status line", closing_after(b"HTTP/1.1 2"), "", 1),
    Doubt("close inside the head", closing_after(b"HTTP/1.1 200 OK\r\nContent-Le"), "cut", 1),
    Doubt(
        "close at the end of the head", closing_after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), "cut", 1
    ),
    Doubt("close after interim answer", closing_after(b"HTTP/1.1 100 Continue\r\n\r\n"), "cut", 1),
    Doubt(
        "close inside the body", closing_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "cut", 1
    ),
    Doubt(
        "close inside a chunk",
        closing_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"),
        "cut",
        1,
    ),
    Doubt(
        "close between chunks",
        closing_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        "cut",
        1,
    ),
    Doubt("not HTTP", closing_after(b"220 smtp.example ready\r\n"), "malformed", 1),
    Doubt("status of words", closing_after(b"HTTP/1.1 abc OK\r\n\r\n"), "malformed", 1),
    Doubt("endless status line", closing_after(b"HTTP/1.1 200 " + b"x" * 70_000), "malformed", 1),
    Doubt(
        "too many headers",
        closing_after(b"HTTP/1.1 200 OK\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(300)) + b"\r\n"),
        "malformed",
        1,
    ),
]


@pytest.mark.parametrize("case", DOUBTS, ids=lambda case: case.about)
def test_failure_after_the_first_byte_is_maybe_sent_and_nothing_is_repeated(make: Make, case: Doubt) -> None:
    with serving(case.script) as server:
        transport = make()
        with pytest.raises(MaybeSent) as caught:
            transport.send(post(server.url()))
        assert not case.reason or caught.value.details["reason"] == case.reason
        assert "测试" not in str(caught.value) + repr(caught.value.details)
        assert server.ended.acquire(timeout=5)
        assert len(server.requests) == case.received
        assert server.connections == 1


def test_failed_exchange_leaves_no_connection_for_the_next(make: Make) -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.say(b"HTTP/1.1 no OK\r\n" if conversation.number == 1 else OK)
        conversation.until_closed()

    with serving(script) as server:
        transport = make()
        with pytest.raises(MaybeSent):
            transport.send(post(server.url()))
        assert transport.send(post(server.url())).body == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize(("configured", "wanted"), [(0.3, math.inf), (0.3, 60.0), (60.0, 0.3)])
def test_silent_server_is_maybe_sent_within_the_shorter_answer_timeout(
    make: Make, configured: float, wanted: float
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.until_closed()

    with serving(script) as server:
        request = replace(post(server.url()), answer_s=wanted)
        with pytest.raises(MaybeSent) as caught:
            make(replace(QUICK, answer_s=configured)).send(request)
        assert (caught.value.details["stage"], caught.value.details["reason"]) == ("answer", "timeout")
        assert len(server.requests) == 1


DRIPS = [
    pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", id="head"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", id="body"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
    pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim answers"),
]


@pytest.mark.parametrize(("begin", "drop"), DRIPS)
def test_dripping_answer_cannot_hold_a_lane_longer_than_the_answer_timeout(
    make: Make, begin: bytes, drop: bytes
) -> None:
    clock = ManualClock()

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.say(begin)
        while True:
            conversation.say(drop)
            clock.advance(7)

    with serving(script) as server:
        with pytest.raises(MaybeSent) as caught:
            make(replace(QUICK, answer_s=30), clock).send(post(server.url()))
        assert caught.value.details["reason"] == "timeout"
        assert len(server.requests) == 1


def test_server_that_does_not_read_is_maybe_sent_within_the_answer_timeout(make: Make) -> None:
    reading = threading.Event()

    def script(conversation: Conversation) -> None:
        reading.wait(10)

    with serving(script) as server:
        with pytest.raises(MaybeSent) as caught:
            make(replace(QUICK, answer_s=0.3)).send(post(server.url(), b"x" * 30_000_000))
        reading.set()
        assert (caught.value.details["stage"], caught.value.details["reason"]) == ("send", "timeout")


HUGE = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", id="announced"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000, id="until the end"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 60_000, id="chunks"
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 300_000, id="negative"
    ),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 12_000, id="interim answers"),
]


@pytest.mark.parametrize("answer", HUGE)
def test_huge_answer_is_maybe_sent_and_is_not_taken_in(make: Make, answer: bytes) -> None:
    with serving(closing_after(answer)) as server:
        with pytest.raises(MaybeSent) as caught:
            make(replace(QUICK, answer_bytes=200_000)).send(post(server.url()))
        assert caught.value.details["reason"] == "too_large"
        assert len(server.requests) == 1


def test_answer_of_the_allowed_size_is_taken_in(make: Make) -> None:
    body = b"x" * 150_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + body
    with serving(answering(answer)) as server:
        assert make(replace(QUICK, answer_bytes=200_000)).send(post(server.url())).body == body


# -- kept connections -------------------------------------------------------------------------------


def ending_after(answers: int) -> Script:
    """Answer so many requests of a connection, then close it while it is idle."""

    def script(conversation: Conversation) -> None:
        for _ in range(answers):
            conversation.read_request()
            conversation.say(OK)

    return script


def test_connection_closed_while_idle_is_noticed_and_each_request_arrives_once(make: Make) -> None:
    with serving(ending_after(1)) as server:
        transport = make(clock=ManualClock())
        for _ in range(4):
            transport.prepare(server.url())
            assert transport.send(post(server.url())).body == b"ok"
            assert server.ended.acquire(timeout=5)
        assert len(server.requests) == 4
        assert server.connections == 4


def test_tls_connection_closed_while_idle_is_noticed_and_each_request_arrives_once(
    make: Make, authority: Authority, trusting: TransportSettings
) -> None:
    with serving(ending_after(1), authority.server_context()) as server:
        transport = make(trusting)
        for _ in range(4):
            assert transport.send(post(server.url())).body == b"ok"
            assert server.ended.acquire(timeout=5)
        assert len(server.requests) == 4


def test_connection_reset_while_idle_is_noticed_and_each_request_arrives_once(make: Make) -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.say(OK)
        conversation.reset()

    with serving(script) as server:
        transport = make()
        for _ in range(4):
            assert transport.send(post(server.url())).body == b"ok"
            assert server.ended.acquire(timeout=5)
        assert len(server.requests) == 4


def test_prepared_connection_closed_before_the_send_is_replaced(make: Make) -> None:
    def script(conversation: Conversation) -> None:
        if conversation.number > 1:
            conversation.read_request()
            conversation.say(OK)

    clock = ManualClock()
    with serving(script) as server:
        transport = make(clock=clock)
        transport.prepare(server.url())
        assert server.ended.acquire(timeout=5)
        clock.advance(0.1)
        assert transport.send(post(server.url())).body == b"ok"
        assert (len(server.requests), server.connections) == (1, 2)


def test_reset_of_a_reused_connection_after_the_request_is_maybe_sent(make: Make) -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.say(OK)
        conversation.socket.recv(1, socket.MSG_PEEK)
        conversation.reset()

    with serving(script) as server:
        transport = make()
        transport.send(post(server.url()))
        with pytest.raises(MaybeSent):
            transport.send(post(server.url()))
        assert (len(server.requests), server.connections) == (1, 1)


SURPLUS = [pytest.param((OK + OK,), id="in one piece"), pytest.param((OK, OK), id="afterwards")]


@pytest.mark.parametrize("pieces", SURPLUS)
def test_answer_nobody_asked_for_is_never_taken_for_the_next_ones(
    make: Make, pieces: tuple[bytes, ...]
) -> None:
    said = threading.Semaphore(0)

    def script(conversation: Conversation) -> None:
        while conversation.read_request() is not None:
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % conversation.number
            conversation.say(*(piece.replace(OK, answer) for piece in pieces))
            said.release()

    with serving(script) as server:
        transport = make()
        for number in range(1, 4):
            assert transport.send(post(server.url())).body == b"%d" % number
            assert said.acquire(timeout=5)
        assert server.connections == 3


def test_connection_idle_for_too_long_is_not_used_again(make: Make) -> None:
    clock = ManualClock()
    with serving(answering(OK)) as server:
        transport = make(replace(QUICK, keep_idle_s=4), clock)
        transport.send(post(server.url()))
        clock.advance(3.9)
        transport.send(post(server.url()))
        assert server.connections == 1
        clock.advance(4)
        transport.send(post(server.url()))
        assert server.connections == 2


def test_prepare_opens_the_connection_that_send_uses(make: Make) -> None:
    opened = threading.Event()

    def script(conversation: Conversation) -> None:
        opened.set()
        answering(OK)(conversation)

    with serving(script) as server:
        transport = make()
        transport.prepare(server.url())
        assert opened.wait(5)
        assert server.requests == []
        transport.send(post(server.url()))
        assert (len(server.requests), server.connections) == (1, 1)


def test_prepared_connection_is_never_used_for_another_server(make: Make) -> None:
    with serving(answering(OK)) as prepared, serving(answering(OK)) as server:
        transport = make()
        transport.prepare(prepared.url())
        transport.send(post(server.url()))
        assert (len(prepared.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_connection_prepared_by_a_thread_that_never_sent_is_closed_with_the_transport(
    make: Make, end: str
) -> None:
    closed = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        closed.set()

    with serving(script) as server:
        transport = make()
        transport.prepare(server.url())
        getattr(transport, end)()
        assert closed.wait(5)
        with pytest.raises(NotSent):
            transport.send(post(server.url()))
        assert (server.requests, server.connections) == ([], 1)


def test_dropped_connection_is_not_used_again(make: Make) -> None:
    with serving(answering(OK)) as server, serving(answering(OK)) as other:
        transport = make()
        transport.send(post(server.url()))
        transport.send(post(other.url()))
        transport.drop(server.url("/another/path"))
        transport.send(post(server.url()))
        transport.send(post(other.url()))
        assert (server.connections, other.connections) == (2, 1)


def test_threads_share_connections_but_never_at_once(make: Make) -> None:
    together = threading.Barrier(4)

    def script(conversation: Conversation) -> None:
        while (request := conversation.read_request()) is not None:
            body = request.partition(b"\r\n\r\n")[2]
            conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with serving(script) as server:
        transport = make()
        wrong: list[bytes] = []

        def work(name: int) -> None:
            together.wait(10)
            for number in range(50):
                body = b"%d-%d" % (name, number)
                transport.prepare(server.url())
                answer = transport.send(post(server.url(), body)).body
                if answer != body:
                    wrong.append(answer)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert wrong == []
        assert len(server.requests) == 200
        assert server.connections <= 4


# -- the end ----------------------------------------------------------------------------------------


def test_closed_transport_sends_nothing(make: Make) -> None:
    with serving(answering(OK)) as server:
        transport = make()
        transport.send(post(server.url()))
        transport.prepare(server.url())
        transport.close()
        assert_not_sent(transport, server.url(), "open", "stopped")
        assert (len(server.requests), server.connections) == (1, 1)


def test_close_lets_an_exchange_under_way_end(make: Make) -> None:
    asked, closed = threading.Event(), threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        asked.set()
        closed.wait(10)
        conversation.say(OK)
        conversation.until_closed()

    with serving(script) as server:
        transport = make()
        results: list[object] = []
        thread = threading.Thread(target=lambda: results.append(transport.send(post(server.url())).body))
        thread.start()
        assert asked.wait(5)
        transport.close()
        closed.set()
        thread.join(10)
        assert results == [b"ok"]
        assert server.ended.acquire(timeout=5)


def test_abort_cuts_an_exchange_under_way_and_leaves_it_in_doubt(make: Make) -> None:
    asked = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        asked.set()
        conversation.until_closed()

    with serving(script) as server:
        transport = make(replace(QUICK, answer_s=60))
        caught: list[TransportError] = []
        thread = threading.Thread(target=_send_and_catch, args=(transport, server, caught))
        thread.start()
        assert asked.wait(5)
        transport.abort()
        thread.join(10)
        assert [type(error) for error in caught] == [MaybeSent]
        assert caught[0].details["reason"] == "stopped"


def _send_and_catch(transport: Transport, server: ScriptedServer, caught: list[TransportError]) -> None:
    try:
        transport.send(post(server.url()))
    except TransportError as error:
        caught.append(error)


def test_environment_proxies_are_ignored(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(answering(OK)) as server:
        assert make().send(post(server.url())).status == 200
