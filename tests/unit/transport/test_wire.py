"""The head of a request, and the socket it leaves by."""

from __future__ import annotations

import socket

import pytest

from agent.clock import ManualClock, SystemClock
from agent.errors import ConfigurationError
from agent.events import Request
from agent.transport.base import TransportSettings
from agent.transport.dial import Dialer
from agent.transport.target import Origin
from agent.transport.wire import Deadline, compose

ORIGIN = Origin("http", "platform.example", 8080)


def composed(*headers: tuple[str, str], body: bytes = b"{}", method: str = "POST") -> list[str]:
    message = compose(Request("http://unused/", headers, body, method), ORIGIN, "/api")
    head, _, sent = message.partition(b"\r\n\r\n")
    assert sent == body
    return head.decode("latin-1").split("\r\n")


def test_head_names_server_and_length_and_keeps_the_given_headers_in_order() -> None:
    assert composed(("access_key", "k1"), ("Request_ID", "é"), body=b"12345") == [
        "POST /api HTTP/1.1",
        "Host: platform.example:8080",
        "User-Agent: his-agent",
        "Accept-Encoding: identity",
        "access_key: k1",
        "Request_ID: é",
        "Content-Length: 5",
    ]


@pytest.mark.parametrize("name", ["host", "HOST", "user-agent", "Accept-Encoding"])
def test_given_header_stands_alone(name: str) -> None:
    lines = [line for line in composed((name, "given")) if line.lower().startswith(name.lower() + ":")]
    assert lines == [f"{name}: given"]


def test_length_is_the_bodys_whatever_was_given() -> None:
    lines = composed(("content-length", "99"), body=b"123")
    assert [line for line in lines if line.lower().startswith("content-length")] == ["Content-Length: 3"]


def test_empty_body_has_a_length_too() -> None:
    assert composed(body=b"", method="GET")[-1] == "Content-Length: 0"


@pytest.mark.parametrize("method", ["", "PO ST", "POST\r\nX: y", "提交"])
def test_method_that_is_no_token_is_refused(method: str) -> None:
    with pytest.raises(ConfigurationError):
        composed(method=method)


def test_small_requests_are_not_held_back_for_company() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = Origin("http", "127.0.0.1", listener.getsockname()[1])
        with Dialer(TransportSettings(), SystemClock()).dial(origin) as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_deadline_arms_a_socket_with_the_time_that_is_left() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 30)
    with socket.socket() as connection:
        for passed, left in [(0, 30), (12, 18), (0.01, 18), (17, 0.99)]:
            clock.advance(passed)
            deadline.arm(connection)
            assert connection.gettimeout() == pytest.approx(left)
        clock.advance(1)
        with pytest.raises(TimeoutError):
            deadline.arm(connection)
