"""The listener alone: who may call, how much, how long, and what it answers."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from agent.clock import SystemClock
from agent.errors import AnswerRejected, KeyMissing, SignatureRejected, StoreFull
from agent.hookspecs import Incoming
from agent.listening import Listener, ListenerSettings
from agent.listening import server as serving

PATIENCE_S = 10.0


@contextmanager
def listening(
    receive: Callable[[Incoming], bytes], *peers: str, host: str = "127.0.0.1"
) -> Iterator[Listener]:
    networks = tuple(ip_network(peer) for peer in peers or ("127.0.0.0/8",))
    stopping = threading.Event()
    listener = Listener(
        ListenerSettings(host, 0, "/callback", networks, 100), receive, SystemClock(), stopping
    )
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        assert listener.ready.wait(PATIENCE_S)
        yield listener
    finally:
        stopping.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def call(listener: Listener, body: bytes = b"x", path: str = "/callback", method: str = "POST") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    finally:
        connection.close()


def raw(listener: Listener, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", listener.port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        received = b""
        while part := connection.recv(1000):
            received += part
        return received


def echo(incoming: Incoming) -> bytes:
    return incoming.body


def test_a_call_is_answered_with_what_its_receiver_says() -> None:
    heard: list[Incoming] = []

    def keep(incoming: Incoming) -> bytes:
        heard.append(incoming)
        return b"kept"

    with listening(keep) as listener:
        assert raw(listener, b"POST /callback?a=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\na=1").endswith(b"kept")
    assert [(one.path, one.body) for one in heard] == [("/callback", b"a=1")]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AnswerRejected("no"), 403),
        (SignatureRejected("no"), 403),
        (KeyMissing("no"), 503),
        (StoreFull("no"), 503),
        (RuntimeError("no"), 500),
    ],
)
def test_nothing_that_was_not_kept_is_answered_with_success(error: Exception, status: int) -> None:
    def fail(_incoming: Incoming) -> bytes:
        raise error

    with listening(fail) as listener:
        assert call(listener) == status
        assert call(listener) == status


def test_only_posts_to_the_path_with_a_small_body_of_known_length_are_heard() -> None:
    with listening(echo) as listener:
        assert call(listener, path="/other") == 404
        assert call(listener, method="GET") == 501
        assert call(listener, b"x" * 100) == 200
        assert call(listener, b"x" * 101) == 413
        for head in (b"", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"):
            assert b" 411 " in raw(listener, b"POST /callback HTTP/1.1\r\n" + head + b"\r\n")


def test_a_stranger_is_turned_away_unheard() -> None:
    heard: list[Incoming] = []

    def keep(incoming: Incoming) -> bytes:
        heard.append(incoming)
        return b""

    with (
        listening(keep, "10.0.0.0/8") as listener,
        pytest.raises((http.client.HTTPException, OSError)),
    ):
        call(listener)
    assert heard == []


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
    ],
)
def test_peers_are_known_by_network_in_either_notation(peer: str, admitted: bool) -> None:
    networks = (ip_network("10.1.0.0/16"), ip_network("fe80::/10"))
    settings = ListenerSettings("127.0.0.1", 0, "/callback", networks, 100)
    assert Listener(settings, echo, SystemClock(), threading.Event()).admits(peer) is admitted


def test_a_call_that_dawdles_is_cut_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CALL_S", 0.3)
    with listening(echo) as listener:
        idle = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(serving.THREADS)]
        for connection in idle:
            connection.settimeout(PATIENCE_S)
            connection.sendall(b"POST /callback HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf")
        for connection in idle:
            assert connection.recv(100) == b""
            connection.close()
        assert call(listener) == 200


def test_who_comes_while_all_threads_are_busy_is_turned_away_and_heard_later() -> None:
    inside, leave = threading.Semaphore(0), threading.Event()

    def slow(_incoming: Incoming) -> bytes:
        inside.release()
        assert leave.wait(PATIENCE_S)
        return b"late"

    told: list[int] = []
    with listening(slow) as listener:
        busy = [threading.Thread(target=lambda: told.append(call(listener))) for _ in range(serving.THREADS)]
        for thread in busy:
            thread.start()
        for _ in busy:
            assert inside.acquire(timeout=PATIENCE_S)
        with pytest.raises((http.client.HTTPException, OSError)):
            call(listener)
        leave.set()
        for thread in busy:
            thread.join()
        assert told == [200] * serving.THREADS
        assert call(listener) == 200


def test_what_is_being_kept_when_the_agent_stops_is_kept_first() -> None:
    inside, leave, kept = threading.Event(), threading.Event(), threading.Event()

    def slow(_incoming: Incoming) -> bytes:
        inside.set()
        assert leave.wait(PATIENCE_S)
        kept.set()
        return b""

    with listening(slow) as listener:
        connection = socket.create_connection(("127.0.0.1", listener.port))
        connection.sendall(b"POST /callback HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
        assert inside.wait(PATIENCE_S)
        listener.stopping.set()
        leave.set()
    connection.close()
    assert kept.is_set()


def test_an_address_that_is_taken_fails_the_worker_which_is_tried_again() -> None:
    with listening(echo) as listener:
        settings = ListenerSettings("127.0.0.1", listener.port, "/", (), 1)
        second = Listener(settings, echo, SystemClock(), threading.Event())
        with pytest.raises(OSError, match=r"in use|10048|10013"):
            second.run()
        assert not second.ready.is_set()
