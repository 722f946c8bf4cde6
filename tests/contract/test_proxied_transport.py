"""Through a proxy the transport still tells exactly whether a request may have left."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from agent.errors import ConfigurationError, MaybeSent, NotSent
from agent.events import Request
from agent.transport.base import TransportSettings
from agent.transport.http import HttpTransport
from tests.contract.certificates import Authority
from tests.contract.scripted_server import Conversation, Script, ScriptedServer, serving

QUICK = TransportSettings(connect_s=5.0, answer_s=5.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

Build = Callable[[TransportSettings], HttpTransport]


@pytest.fixture
def build() -> Iterator[Build]:
    made: list[HttpTransport] = []

    def one(settings: TransportSettings) -> HttpTransport:
        made.append(HttpTransport(settings, SystemClock()))
        return made[-1]

    yield one
    for transport in made:
        transport.abort()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "trusted")


def post(url: str) -> Request:
    return Request(url, (("access_key", "k1"),), "测试".encode())


def answering(conversation: Conversation) -> None:
    while conversation.read_request() is not None:
        conversation.say(OK)


def read_connect(conversation: Conversation) -> bytes:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += conversation.socket.recv(1)
    return received


class Tunnel:
    """A proxy that connects to ``target`` whatever it is asked for, and keeps what it was asked."""

    def __init__(self, target: ScriptedServer) -> None:
        self.target = target
        self.asked: list[bytes] = []

    def __call__(self, conversation: Conversation) -> None:
        self.asked.append(read_connect(conversation))
        with socket.create_connection(("127.0.0.1", self.target.port)) as onward:
            conversation.say(ESTABLISHED)
            back = threading.Thread(target=relay, args=(onward, conversation.socket))
            back.start()
            relay(conversation.socket, onward)
            back.join(10)


def relay(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


def proxy_url(proxy: ScriptedServer, credentials: str = "") -> str:
    return f"http://{credentials}127.0.0.1:{proxy.port}"


def test_encrypted_requests_share_one_tunnel_and_hide_from_the_proxy(
    build: Build, authority: Authority
) -> None:
    with serving(answering, authority.server_context()) as server:
        tunnel = Tunnel(server)
        with serving(tunnel) as proxy:
            settings = replace(
                QUICK, ca_file=authority.ca_file, proxy=proxy_url(proxy, "clerk:p%40ss%3Aword@")
            )
            transport = build(settings)
            for _ in range(3):
                transport.prepare(server.url())
                assert transport.send(post(server.url())).body == b"ok"
            assert len(tunnel.asked) == 1
            lines = tunnel.asked[0].split(b"\r\n")
            assert lines[0] == f"CONNECT 127.0.0.1:{server.port} HTTP/1.1".encode()
            assert b"Proxy-Authorization: Basic Y2xlcms6cEBzczp3b3Jk" in lines
            assert len(server.requests) == 3
            assert b"proxy-authorization" not in server.requests[0].lower()
            transport.abort()


def test_tunnel_is_asked_for_by_name_and_port_even_for_the_usual_port(build: Build) -> None:
    asked: list[bytes] = []

    def script(conversation: Conversation) -> None:
        asked.append(read_connect(conversation))

    with serving(script) as proxy, pytest.raises(NotSent):
        build(replace(QUICK, proxy=proxy_url(proxy))).prepare("https://platform.example/")
    assert asked[0].startswith(b"CONNECT platform.example:443 HTTP/1.1\r\nHost: platform.example:443\r\n")


def test_plain_request_names_its_whole_url_to_the_proxy(build: Build) -> None:
    with serving(answering) as proxy:
        transport = build(replace(QUICK, proxy=proxy_url(proxy, "clerk:word@")))
        for _ in range(2):
            assert transport.send(post("http://platform.example:8080/api?x=1")).body == b"ok"
        lines = proxy.requests[0].split(b"\r\n")
        assert lines[0] == b"POST http://platform.example:8080/api?x=1 HTTP/1.1"
        assert b"Host: platform.example:8080" in lines
        assert b"Proxy-Authorization: Basic Y2xlcms6d29yZA==" in lines
        assert (len(proxy.requests), proxy.connections) == (2, 1)


def test_plain_request_cut_by_the_proxy_is_maybe_sent(build: Build) -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()

    with serving(script) as proxy:
        with pytest.raises(MaybeSent):
            build(replace(QUICK, proxy=proxy_url(proxy))).send(post("http://platform.example/"))
        assert len(proxy.requests) == 1


def answer_connect_with(*pieces: bytes) -> Script:
    def script(conversation: Conversation) -> None:
        read_connect(conversation)
        conversation.say(*pieces)

    return script


REFUSALS = [
    pytest.param(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "proxy", "proxy_credentials", id="407"),
    pytest.param(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", "proxy", "proxy_refused", id="502"),
    pytest.param(b"HTTP/1.1 302 Login\r\nLocation: /\r\n\r\n", "proxy", "proxy_refused", id="redirect"),
    pytest.param(b"", "proxy", "cut", id="close without an answer"),
    pytest.param(b"HTTP/1.1 200 OK\r\nVia", "proxy", "cut", id="close inside the head"),
    pytest.param(b"220 ready\r\n", "proxy", "cut", id="not HTTP"),
    pytest.param(ESTABLISHED, "tls", "cut", id="close inside the tunnel"),
]


@pytest.mark.parametrize(("answer", "stage", "reason"), REFUSALS)
def test_tunnel_that_does_not_come_about_is_not_sent_and_shows_no_password(
    build: Build, answer: bytes, stage: str, reason: str
) -> None:
    with serving(answer_connect_with(answer)) as proxy:
        transport = build(replace(QUICK, proxy=proxy_url(proxy, "clerk:hidden@")))
        for act in (transport.prepare, lambda url: transport.send(post(url))):
            with pytest.raises(NotSent) as caught:
                act("https://platform.example/")
            assert (caught.value.details["stage"], caught.value.details["reason"]) == (stage, reason)
            assert "hidden" not in str(caught.value) + repr(caught.value.details)


def test_silent_proxy_is_not_sent_within_the_connect_timeout(build: Build) -> None:
    with serving(Conversation.until_closed) as proxy:
        with pytest.raises(NotSent) as caught:
            build(replace(QUICK, connect_s=0.3, proxy=proxy_url(proxy))).prepare("https://platform.example/")
        assert (caught.value.details["stage"], caught.value.details["reason"]) == ("proxy", "timeout")


def test_refused_proxy_is_not_sent_and_named_as_the_peer_that_failed(build: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        build(replace(QUICK, proxy=f"http://127.0.0.1:{port}")).prepare("https://platform.example/")
    assert (caught.value.details["host"], caught.value.details["port"]) == ("127.0.0.1", port)
    assert caught.value.details["reason"] == "refused"


@pytest.mark.parametrize(
    "url", ["proxy:3128", "socks5://127.0.0.1:1080", "https://127.0.0.1:3128", "http://"]
)
def test_proxy_that_can_never_work_is_a_fault_of_configuration(build: Build, url: str) -> None:
    with pytest.raises(ConfigurationError, match="代理"):
        build(replace(QUICK, proxy=url))
