"""Who may talk, and what is left on disk."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import jsontext
from agent.clock import SystemClock
from agent.control import ControlClient, endpoint_at, error_code
from agent.control.handshake import greet_as_client, greet_as_server
from agent.control.lines import Closed, Lines
from agent.control.loopback import LoopbackEndpoint
from agent.control.server import ControlServer
from agent.control.unix import UnixEndpoint
from agent.errors import ConfigurationError, ControlError

needs_unix = pytest.mark.skipif(os.name == "nt", reason="Unix sockets and modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def serving(endpoint: UnixEndpoint | LoopbackEndpoint) -> Iterator[ControlServer]:
    server = ControlServer(endpoint, {"status": lambda args: {"alive": True}})
    server.start()
    try:
        yield server
    finally:
        server.stop()


def a_pair(timeout_s: float = 5) -> tuple[Lines, Lines, list[socket.socket]]:
    near, far = socket.socketpair()
    clock = SystemClock()
    return (
        Lines(near, clock, largest=4096, timeout_s=timeout_s),
        Lines(far, clock, largest=4096, timeout_s=timeout_s),
        [near, far],
    )


@needs_unix
def test_the_socket_and_its_folder_are_closed_to_other_accounts(tmp_path: Path) -> None:
    path = tmp_path / "control" / "endpoint"
    with serving(UnixEndpoint(path)):
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)


@needs_unix
def test_the_token_file_is_closed_to_other_accounts_and_gone_after_stop(tmp_path: Path) -> None:
    path = tmp_path / "control" / "endpoint"
    with serving(LoopbackEndpoint(path)):
        assert mode(path) == 0o600
        assert [entry.name for entry in path.parent.iterdir()] == ["endpoint"]
    assert not path.exists()


@needs_unix
def test_a_path_longer_than_a_socket_address_works(tmp_path: Path) -> None:
    path = tmp_path / ("数据目录" * 12) / ("d" * 80) / "endpoint"
    with serving(UnixEndpoint(path)):
        assert ControlClient(UnixEndpoint(path)).call("status") == {"alive": True}


@needs_unix
def test_a_file_that_is_no_socket_is_left_alone_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    path.write_text("somebody's")
    with pytest.raises(ConfigurationError, match="已有别的文件"):
        UnixEndpoint(path).listen()
    assert path.read_text() == "somebody's"


@needs_unix
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root to become another account")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_another_account_is_turned_away_even_where_the_mode_would_let_it_in(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    with serving(UnixEndpoint(path)):
        path.chmod(0o666)
        private = [folder for folder in (tmp_path, *tmp_path.parents) if not folder.stat().st_mode & 0o001]
        for folder in private:
            folder.chmod(0o755)
        assert code_seen_by_another_account(path) == "cut_off"
        path.chmod(0o600)
        assert code_seen_by_another_account(path) == "forbidden"


def code_seen_by_another_account(path: Path) -> str:
    """Calls from a forked child that gave up root; the child tells the code over a pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            ControlClient(UnixEndpoint(path)).call("status")
            said = "served"
        except ControlError as error:
            said = error_code(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_a_client_with_another_token_is_turned_away_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    with serving(LoopbackEndpoint(path)):
        content = jsontext.read_object(path.read_text())
        path.write_text(jsontext.write({**content, "token": "00" * 32}))
        with pytest.raises(ControlError) as caught:
            ControlClient(LoopbackEndpoint(path)).call("status")
        assert error_code(caught.value) == "stranger"


def test_a_client_says_nothing_to_a_stranger_who_took_over_the_port(tmp_path: Path) -> None:
    """After a crash the file names a port that somebody else may listen on: no key goes there."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        path = tmp_path / "endpoint"
        path.write_text(jsontext.write({"port": stranger.getsockname()[1], "token": "11" * 32}))
        thread = threading.Thread(target=pretend, args=(stranger, heard))
        thread.start()
        with pytest.raises(ControlError) as caught:
            ControlClient(LoopbackEndpoint(path)).call("keys.import", {"name": "a/b", "value": "SECRET"})
        thread.join(5)
    assert error_code(caught.value) == "stranger"
    assert b"SECRET" not in b"".join(heard)
    assert b"1111" not in b"".join(heard)


def pretend(stranger: socket.socket, heard: list[bytes]) -> None:
    connection, _ = stranger.accept()
    with connection:
        connection.sendall(jsontext.write({"nonce": "ab" * 32}).encode() + b"\n")
        heard.append(connection.recv(65536))
        connection.sendall(jsontext.write({"proof": "cd" * 32}).encode() + b"\n")
        heard.append(connection.recv(65536))


def test_both_ends_with_one_token_accept_each_other() -> None:
    server, client, sockets = a_pair()
    thread = threading.Thread(target=greet_as_server, args=(server, b"token"))
    thread.start()
    greet_as_client(client, b"token")
    thread.join(5)
    server.write({"after": "greeting"})
    assert client.read() == {"after": "greeting"}
    for one in sockets:
        one.close()


def test_an_answer_recorded_earlier_does_not_pass_again() -> None:
    """A replayed proof belongs to another nonce of the server."""
    server, client, sockets = a_pair()
    refused: list[str] = []

    def greet() -> None:
        try:
            greet_as_server(server, b"token")
        except ControlError as error:
            refused.append(error_code(error))
            sockets[0].close()

    thread = threading.Thread(target=greet)
    thread.start()
    client.read()
    client.write({"nonce": "ab" * 32, "proof": "cd" * 32})
    thread.join(5)
    assert refused == ["stranger"]
    with pytest.raises(Closed):
        client.read()
    sockets[1].close()


@pytest.mark.parametrize(
    "content", ["", "{}", "{", '{"port": "x", "token": "zz"}', '{"port": 1, "token": "00"}']
)
def test_a_damaged_token_file_counts_as_nobody_running(tmp_path: Path, content: str) -> None:
    path = tmp_path / "endpoint"
    path.write_text(content)
    assert not ControlClient(LoopbackEndpoint(path)).is_running()


def test_the_endpoint_of_this_system_is_the_one_that_it_has(tmp_path: Path) -> None:
    expected = LoopbackEndpoint if os.name == "nt" else UnixEndpoint
    assert isinstance(endpoint_at(tmp_path / "endpoint"), expected)
