"""The rehearsal servers' HTTP, seen from a socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.rehearsal.connection import HEAD_LIMIT
from agent.rehearsal.server import Answer, Call, Delivery, RehearsalServer
from tests.unit.rehearsal.raw_client import RawClient


class Echo:
    """Answers with the request's body, delivered as the test wants it, and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.template = Answer()

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        return replace(self.template, body=call.body)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def server(echo: Echo) -> Iterator[RehearsalServer]:
    with RehearsalServer(echo, clock=ManualClock(), body_limit=1000) as server:
        yield server


def test_many_requests_travel_on_one_connection(server: RehearsalServer, echo: Echo) -> None:
    with RawClient(server.port) as client:
        for number in range(5):
            client.post(b"n%d" % number)
            received = client.receive()
            assert received is not None
            assert (received.status, received.body) == (200, b"n%d" % number)
            assert received.headers["connection"] == "keep-alive"
    assert [call.body for call in echo.calls] == [b"n0", b"n1", b"n2", b"n3", b"n4"]


def test_header_names_with_underscores_and_the_query_reach_the_handler(
    server: RehearsalServer, echo: Echo
) -> None:
    with RawClient(server.port) as client:
        client.post(b"", "/engine/001?since=3", "access_key: 510000001", "Request_ID:  7 ")
        client.receive()
    call = echo.calls[0]
    assert (call.method, call.path, call.query) == ("POST", "/engine/001", "since=3")
    assert (call.headers["access_key"], call.headers["request_id"]) == ("510000001", "7")


def test_connection_close_is_honoured(server: RehearsalServer) -> None:
    with RawClient(server.port) as client:
        client.post(b"x", "/", "Connection: close")
        received = client.receive()
        assert received is not None
        assert received.headers["connection"] == "close"
        assert client.closed()


def test_http_1_0_closes_unless_it_asks_to_keep_alive(server: RehearsalServer) -> None:
    with RawClient(server.port) as client:
        client.socket.sendall(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na")
        assert client.receive() is not None
        client.socket.sendall(b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nb")
        assert client.receive() is not None
        assert client.closed()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="no request line"),
        pytest.param(b"POST / HTTP/1.1\r\nno colon here\r\n\r\n", 400, id="header without colon"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411, id="chunked"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413, id="body over the limit"),
        pytest.param(b"POST / HTTP/1.1\r\nX: " + b"a" * HEAD_LIMIT + b"\r\n\r\n", 431, id="long header"),
        pytest.param(b"POST / HTTP/1.1\r\n" + b"X: aaaaaaaaa\r\n" * 6000 + b"\r\n", 431, id="many headers"),
    ],
)
def test_an_unreadable_request_is_refused_and_its_connection_closed(
    server: RehearsalServer, echo: Echo, request_bytes: bytes, status: int
) -> None:
    with RawClient(server.port) as client:
        client.socket.sendall(request_bytes)
        received = client.receive()
    assert received is not None
    assert (received.status, received.headers["connection"]) == (status, "close")
    assert echo.calls == []


def test_a_body_at_the_limit_passes(server: RehearsalServer) -> None:
    with RawClient(server.port) as client:
        client.post(b"x" * 1000)
        received = client.receive()
    assert received is not None
    assert len(received.body) == 1000


def test_expect_100_continue_is_answered_before_the_body_comes(server: RehearsalServer) -> None:
    with RawClient(server.port) as client:
        client.socket.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        interim = client.receive()
        client.socket.sendall(b"ok")
        final = client.receive()
    assert interim is not None
    assert final is not None
    assert (interim.status, final.status, final.body) == (100, 200, b"ok")


def test_a_request_broken_off_in_the_middle_reaches_no_handler(server: RehearsalServer, echo: Echo) -> None:
    with RawClient(server.port) as client:
        client.socket.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
    with RawClient(server.port) as client:
        client.post(b"whole")
        client.receive()
    assert [call.body for call in echo.calls] == [b"whole"]


def test_delivery_nothing_closes_without_a_byte(server: RehearsalServer, echo: Echo) -> None:
    echo.template = Answer(delivery=Delivery.NOTHING)
    with RawClient(server.port) as client:
        client.post(b"x")
        assert client.receive() is None


def test_delivery_reset_resets_the_connection(server: RehearsalServer, echo: Echo) -> None:
    echo.template = Answer(delivery=Delivery.RESET)
    with RawClient(server.port) as client:
        client.post(b"x")
        with pytest.raises(ConnectionResetError):
            client.receive()


def test_delivery_cut_promises_all_and_sends_half(server: RehearsalServer, echo: Echo) -> None:
    echo.template = Answer(delivery=Delivery.CUT)
    with RawClient(server.port) as client:
        client.post(b"0123456789")
        received = client.receive()
    assert received is not None
    assert (received.headers["content-length"], received.body) == ("10", b"01234")


def test_delivery_hang_up_answers_whole_and_closes_unannounced(server: RehearsalServer, echo: Echo) -> None:
    echo.template = Answer(delivery=Delivery.HANG_UP)
    with RawClient(server.port) as client:
        client.post(b"all of it")
        received = client.receive()
        assert received is not None
        assert (received.headers["connection"], received.body) == ("keep-alive", b"all of it")
        assert client.closed()


def test_delivery_drip_takes_its_time_by_the_clock(server: RehearsalServer, echo: Echo) -> None:
    clock = server.clock
    assert isinstance(clock, ManualClock)
    echo.template = Answer(delivery=Delivery.DRIP, seconds=20.0)
    begun = clock.monotonic()
    with RawClient(server.port) as client:
        client.post(b"x" * 200)
        client.socket.settimeout(0.02)
        first = client.socket.recv(65536)  # the head alone: time stands still
        assert first.endswith(b"\r\n\r\n")
        body = b""
        while len(body) < 200:
            clock.advance(0.5)
            try:
                body += client.socket.recv(65536)
            except TimeoutError:
                continue
    assert body == b"x" * 200
    assert clock.monotonic() - begun >= 20.0


def test_stop_lets_a_running_request_finish_and_closes_idle_connections() -> None:
    arrived, release = threading.Event(), threading.Event()

    def slow(call: Call) -> Answer:
        arrived.set()
        release.wait(30)
        return Answer(body=b"finished")

    server = RehearsalServer(slow)
    server.start()
    with RawClient(server.port) as idle, RawClient(server.port) as busy:
        busy.post(b"x")
        assert arrived.wait(30)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        assert idle.closed()
        release.set()
        received = busy.receive()
        stopper.join(30)
        assert not stopper.is_alive()
    assert received is not None
    assert received.body == b"finished"


def test_stop_breaks_off_what_does_not_end_in_time() -> None:
    arrived = threading.Event()
    server: RehearsalServer

    def endless(call: Call) -> Answer:
        arrived.set()
        server.stopping.wait(30)
        return Answer(body=b"x" * 50_000_000)

    server = RehearsalServer(endless)
    server.start()
    with RawClient(server.port) as client:
        client.post(b"x")
        assert arrived.wait(30)
        server.stop(grace_s=0.1)  # the client never reads, so the answer can never be delivered
    with pytest.raises(RuntimeError):
        _ = server.port


def test_a_handlers_failure_is_seen_and_closes_its_connection_only(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda failed: failures.append(failed.exc_value))

    def fragile(call: Call) -> Answer:
        if call.body == b"full":
            raise OSError("no room on the disk")
        return Answer(body=call.body)

    with RehearsalServer(fragile) as server:
        with RawClient(server.port) as client:
            client.post(b"full")
            assert client.receive() is None
        with RawClient(server.port) as client:
            client.post(b"well")
            assert client.receive() is not None
    assert [str(failure) for failure in failures] == ["no room on the disk"]


def test_an_idle_connection_is_closed_after_its_time(echo: Echo) -> None:
    with RehearsalServer(echo, idle_s=0.05) as server, RawClient(server.port) as client:
        assert client.closed()


def test_a_taken_port_is_a_configuration_error(server: RehearsalServer, echo: Echo) -> None:
    with pytest.raises(ConfigurationError, match=str(server.port)):
        RehearsalServer(echo, server.port).start()
