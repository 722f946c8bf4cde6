"""Client and server over real sockets; every test runs on both kinds of endpoint."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.control import ControlClient, Endpoint, error_code
from agent.control.lines import MAX_REQUEST, Closed, Lines
from agent.control.loopback import LoopbackEndpoint
from agent.control.server import ControlServer, Handler
from agent.control.unix import UnixEndpoint
from agent.errors import ControlError, KeyMissing
from agent.events import JsonObject

MakeEndpoint = Callable[[], Endpoint]
Serve = Callable[[Mapping[str, Handler]], ControlClient]


@pytest.fixture(params=["unix", "loopback"])
def make_endpoint(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEndpoint:
    """Each call gives the object that one process would have."""
    path = tmp_path / "control" / "endpoint"
    return lambda: UnixEndpoint(path) if request.param == "unix" else LoopbackEndpoint(path)


@pytest.fixture
def serve(make_endpoint: MakeEndpoint) -> Iterator[Serve]:
    servers: list[ControlServer] = []

    def start(handlers: Mapping[str, Handler]) -> ControlClient:
        servers.append(ControlServer(make_endpoint(), handlers))
        servers[-1].start()
        return ControlClient(make_endpoint(), timeout_s=5)

    yield start
    for server in servers:
        server.stop()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ControlError) as caught:
        call()
    return error_code(caught.value)


def raw_lines(endpoint: Endpoint) -> tuple[socket.socket, Lines]:
    connection = endpoint.connect(5)
    lines = Lines(connection, SystemClock(), largest=MAX_REQUEST, timeout_s=5)
    endpoint.greet(lines)
    return connection, lines


def test_a_handlers_answer_comes_back_with_its_chinese_text(serve: Serve) -> None:
    client = serve({"status": lambda args: {"所": "就绪", "args": args}})
    assert client.call("status") == {"所": "就绪", "args": {}}


def test_a_handler_gets_its_arguments_completed_with_defaults(serve: Serve) -> None:
    client = serve({"outbox.list": lambda args: {"args": args}})
    answer = client.call("outbox.list", {"state": "unknown"})
    assert answer["args"] == {"state": "unknown", "system": "", "limit": 100}


def test_an_agent_error_comes_back_with_its_code_message_and_hint(serve: Serve) -> None:
    def refuse(args: JsonObject) -> JsonObject:
        raise KeyMissing("缺少密钥 alpha/own", hint="请导入")

    client = serve({"status": refuse})
    with pytest.raises(ControlError) as caught:
        client.call("status")
    assert (caught.value.message, caught.value.hint) == ("缺少密钥 alpha/own", "请导入")
    assert error_code(caught.value) == "key_missing"


def test_a_handlers_bug_is_answered_without_its_text_and_the_server_lives_on(serve: Serve) -> None:
    def broken(args: JsonObject) -> JsonObject:
        raise RuntimeError("patient 张三")

    client = serve({"stop": broken, "status": lambda args: {"alive": True}})
    with pytest.raises(ControlError) as caught:
        client.call("stop")
    assert error_code(caught.value) == "internal"
    assert "张三" not in str(caught.value)
    assert client.call("status") == {"alive": True}


def test_unknown_verbs_missing_handlers_and_wrong_arguments_are_told_apart(serve: Serve) -> None:
    client = serve({"outbox.show": lambda args: {}})
    assert code_of(lambda: client.call("reboot")) == "unknown_verb"
    assert code_of(lambda: client.call("status")) == "unavailable"
    assert code_of(lambda: client.call("outbox.show")) == "bad_arguments"
    assert code_of(lambda: client.call("outbox.show", {"message": True})) == "bad_arguments"
    assert code_of(lambda: client.call("outbox.show", {"message": 1, "more": 2})) == "bad_arguments"


def test_without_a_server_the_client_says_that_nothing_runs(make_endpoint: MakeEndpoint) -> None:
    client = ControlClient(make_endpoint())
    assert not client.is_running()
    assert code_of(lambda: client.call("status")) == "not_running"


def test_after_stop_nothing_runs_and_the_place_is_gone(serve: Serve, make_endpoint: MakeEndpoint) -> None:
    server = ControlServer(make_endpoint(), {"status": lambda args: {}})
    server.start()
    client = ControlClient(make_endpoint())
    assert client.is_running()
    server.stop()
    assert not client.is_running()


def test_a_second_server_at_the_same_place_is_refused_and_the_first_one_stays(
    serve: Serve, make_endpoint: MakeEndpoint
) -> None:
    client = serve({"status": lambda args: {"first": True}})
    second = ControlServer(make_endpoint(), {})
    assert code_of(second.start) == "already_running"
    assert client.call("status") == {"first": True}


def test_what_a_crash_left_behind_does_not_hinder_the_next_start(make_endpoint: MakeEndpoint) -> None:
    make_endpoint().listen().close()  # as a killed process does: no withdraw
    server = ControlServer(make_endpoint(), {"status": lambda args: {"again": True}})
    server.start()
    assert ControlClient(make_endpoint()).call("status") == {"again": True}
    server.stop()


def test_several_requests_may_follow_each_other_on_one_connection(
    serve: Serve, make_endpoint: MakeEndpoint
) -> None:
    serve({"status": lambda args: {"n": 1}})
    connection, lines = raw_lines(make_endpoint())
    with connection:
        for _ in range(3):
            lines.write({"verb": "status", "args": {}})
            assert lines.read() == {"ok": True, "data": {"n": 1}}


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b"\xff\xfe\n", b'{"verb": 1, "verb": 2}\n'])
def test_a_line_that_is_no_json_object_ends_the_connection_but_not_the_server(
    serve: Serve, make_endpoint: MakeEndpoint, line: bytes
) -> None:
    client = serve({"status": lambda args: {"alive": True}})
    connection, lines = raw_lines(make_endpoint())
    with connection:
        connection.sendall(line)
        with pytest.raises(Closed):
            lines.read()
    assert client.call("status") == {"alive": True}


def test_a_request_beyond_the_limit_ends_the_connection_but_not_the_server(
    serve: Serve, make_endpoint: MakeEndpoint
) -> None:
    client = serve({"status": lambda args: {"alive": True}})
    connection, lines = raw_lines(make_endpoint())
    with connection, pytest.raises((Closed, ControlError, OSError)):  # noqa: PT012 - either call meets the reset
        connection.sendall(b"x" * (MAX_REQUEST + 200_000))
        lines.read()
    assert client.call("status") == {"alive": True}


def test_more_connections_than_served_at_once_are_turned_away_and_later_ones_served(
    serve: Serve, make_endpoint: MakeEndpoint
) -> None:
    client = serve({"status": lambda args: {"alive": True}})
    held = [raw_lines(make_endpoint()) for _ in range(8)]
    for _, lines in held:
        lines.write({"verb": "status", "args": {}})
        lines.read()
    assert code_of(lambda: client.call("status")) in {"cut_off", "stranger"}
    for connection, _ in held:
        connection.close()
    assert until_served(client) == {"alive": True}


def until_served(client: ControlClient) -> JsonObject:
    """The server notices closed connections in its own time; ask again until it has."""
    for _ in range(1000):
        try:
            return client.call("status")
        except ControlError:
            continue
    raise AssertionError("never served again")


def test_the_answer_of_a_request_under_way_is_delivered_although_the_server_stops(
    serve: Serve, make_endpoint: MakeEndpoint
) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(args: JsonObject) -> JsonObject:
        entered.set()
        release.wait(5)
        return {"done": True}

    server = ControlServer(make_endpoint(), {"check": slow})
    server.start()
    answers: list[JsonObject] = []
    client = ControlClient(make_endpoint(), timeout_s=5)
    asking = threading.Thread(target=lambda: answers.append(client.call("check")))
    asking.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    release.set()
    stopping.join(5)
    asking.join(5)
    assert answers == [{"done": True}]


def test_a_handler_may_stop_the_server_and_its_answer_still_arrives(make_endpoint: MakeEndpoint) -> None:
    def stop(args: JsonObject) -> JsonObject:
        server.stop()
        return {"stopping": True}

    server = ControlServer(make_endpoint(), {"stop": stop})
    server.start()
    assert ControlClient(make_endpoint()).call("stop") == {"stopping": True}


def test_a_line_that_trickles_in_is_cut_off_at_its_deadline_however_often_bytes_come() -> None:
    class Ticking(SystemClock):
        """Each look at the clock finds a second more: six looks are all that a line gets."""

        def __init__(self) -> None:
            self.time = 0.0

        def monotonic(self) -> float:
            self.time += 1
            return self.time

    near, far = socket.socketpair()
    with near, far:
        lines = Lines(near, Ticking(), largest=MAX_REQUEST, timeout_s=6)
        feeder = threading.Thread(target=feed, args=(far,), daemon=True)
        feeder.start()
        assert code_of(lines.read) == "timeout"


def test_a_line_without_end_is_given_up_at_the_limit_while_its_sender_goes_on() -> None:
    near, far = socket.socketpair()
    with near, far:
        lines = Lines(near, SystemClock(), largest=1000, timeout_s=10)
        feeder = threading.Thread(target=feed, args=(far,), daemon=True)
        feeder.start()
        assert code_of(lines.read) == "too_long"


def feed(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(b"x")
    except OSError:
        return
