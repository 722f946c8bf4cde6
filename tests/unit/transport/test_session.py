"""Plain HTTP for people's acts."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from urllib3.exceptions import InsecureRequestWarning

from agent.errors import ConfigurationError, MaybeSent, NotSent
from agent.transport.base import TransportSettings
from agent.transport.session import WebSession
from tests.contract.certificates import Authority
from tests.contract.scripted_server import Conversation, serving

QUICK = TransportSettings(connect_s=5.0, answer_s=5.0)
OK = b'HTTP/1.1 200 OK\r\nX-Kind: ledger\r\nContent-Length: 7\r\n\r\n{"n":1}'


def answering(conversation: Conversation) -> None:
    while conversation.read_request() is not None:
        conversation.say(OK)


def test_json_goes_out_exact_and_the_answer_comes_back_over_a_kept_connection() -> None:
    with serving(answering) as server, WebSession(QUICK) as session:
        for _ in range(2):
            answer = session.request("PUT", server.url("/faults"), [{"名": "后"}])
            assert (answer.status, answer.headers["x-kind"], answer.body) == (200, "ledger", b'{"n":1}')
        assert server.requests[0].endswith('[{"名":"后"}]'.encode())
        assert server.connections == 1


def test_redirect_is_an_answer() -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.say(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")

    with serving(script) as server, WebSession(QUICK) as session:
        assert session.request("POST", server.url(), {}).status == 302
        assert len(server.requests) == 1


def test_refused_connection_is_not_sent_with_the_reason_of_the_operating_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with WebSession(QUICK) as session, pytest.raises(NotSent) as caught:
        session.request("GET", f"http://127.0.0.1:{port}/")
    assert caught.value.details["reason"] == "refused"


def test_close_without_an_answer_is_maybe_sent_and_not_repeated() -> None:
    def script(conversation: Conversation) -> None:
        conversation.read_request()

    with serving(script) as server, WebSession(QUICK) as session:
        with pytest.raises(MaybeSent) as caught:
            session.request("POST", server.url(), {})
        assert caught.value.details["reason"] == "cut"
        assert len(server.requests) == 1


def test_silent_server_is_maybe_sent_within_the_answer_timeout() -> None:
    with serving(Conversation.until_closed) as server, WebSession(replace(QUICK, answer_s=0.2)) as session:
        with pytest.raises(MaybeSent) as caught:
            session.request("GET", server.url())
        assert caught.value.details["reason"] == "timeout"


def test_url_that_can_never_work_is_a_fault_of_configuration() -> None:
    with WebSession(QUICK) as session, pytest.raises(ConfigurationError):
        session.request("GET", "ftp://host/")


def test_trust_is_that_of_the_lanes(tmp_path_factory: pytest.TempPathFactory) -> None:
    trusted = Authority(tmp_path_factory.mktemp("trusted"), "trusted")
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger")
    settings = replace(QUICK, ca_file=trusted.ca_file)
    with serving(answering, trusted.server_context()) as server, WebSession(settings) as session:
        assert session.request("POST", server.url(), {}).status == 200
    with serving(answering, stranger.server_context()) as server, WebSession(settings) as session:
        with pytest.raises(NotSent) as caught:
            session.request("POST", server.url(), {})
        assert caught.value.details["reason"] == "certificate"
        assert server.requests == []


def test_verification_can_be_switched_off_with_a_warning(tmp_path_factory: pytest.TempPathFactory) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger")
    with (
        serving(answering, stranger.server_context("platform.example")) as server,
        WebSession(replace(QUICK, verify_tls=False)) as session,
        pytest.warns(InsecureRequestWarning),
    ):
        assert session.request("POST", server.url(), {}).status == 200


def test_proxies_and_netrc_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login clerk password hidden\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(answering) as server, WebSession(QUICK) as session:
        assert session.request("POST", server.url(), {}).status == 200
        assert b"authorization" not in server.requests[0].lower()


def test_configured_proxy_is_asked() -> None:
    with serving(answering) as proxy:
        settings = replace(QUICK, proxy=f"http://127.0.0.1:{proxy.port}")
        with WebSession(settings) as session:
            assert session.request("POST", "http://platform.example/x", {}).status == 200
        assert proxy.requests[0].startswith(b"POST http://platform.example/x HTTP/1.1\r\n")
