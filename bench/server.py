"""The platform of a run: answers at once or after a fixed time, keeps when and what it was sent.

A process of its own, so that it does not share an interpreter with what is measured. It does as
little as possible while a run lasts: sealed answers are made before it, what arrived is opened
after it. The n-th new request of a run gets the n-th answer; ``report`` then shows whether each
message arrived once and in order. Times are CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from bench import workload

CONTROL = b"GET /bench/"


class Run:
    """What one run was sent."""

    def __init__(self, answers: list[bytes], read_number: Callable[[bytes], int]) -> None:
        self.answers = answers
        self.read_number = read_number
        self.begin()

    def begin(self) -> None:
        self.arrived: list[int] = []
        self.bodies: list[bytes] = []

    def answer(self, arrived: int, body: bytes) -> bytes:
        place = len(self.arrived)
        self.arrived.append(arrived)
        self.bodies.append(body)
        return self.answers[place % len(self.answers)]

    def report(self) -> bytes:
        numbers = [self.read_number(body) for body in self.bodies]
        return http(json.dumps({"arrived": self.arrived, "numbers": numbers}).encode())


def http(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n"
        f"Server: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Peer(asyncio.Protocol):
    """One connection; requests are not pipelined."""

    def __init__(self, run: Run, seconds: float) -> None:
        self._run = run
        self._seconds = seconds
        self._received = b""
        self._arrived = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._received:
            self._arrived = time.monotonic_ns()
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        if self._received.startswith(CONTROL):
            self._control()
            return
        head = self._received[:end].lower()
        length = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        if len(self._received) - end - 4 < length:
            return
        body, self._received = self._received[end + 4 :], b""
        self._deliver(self._run.answer(self._arrived, body))

    def _deliver(self, answer: bytes) -> None:
        assert self._transport is not None
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)

    def _control(self) -> None:
        assert self._transport is not None
        command, self._received = self._received[len(CONTROL) :].split(b" ", 1)[0], b""
        if command == b"begin":
            self._run.begin()
            self._transport.write(http(b"{}"))
        elif command == b"count":
            self._transport.write(http(b"%d" % len(self._run.arrived)))
        elif command.startswith(b"arrival/"):
            self._transport.write(http(b"%d" % self._run.arrived[int(command[8:])]))
        else:
            self._transport.write(self._run.report())


def _answers(keys: workload.Keys | None, count: int) -> list[bytes]:
    if keys is None:
        return [http(workload.PLAIN_ANSWER)]
    return [http(workload.sealed_answer(number, keys)) for number in range(count)]


async def serve(run: Run, seconds: float) -> NoReturn:
    server = await asyncio.get_running_loop().create_server(lambda: Peer(run, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
    raise AssertionError("the server ended")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--sealed", type=int, default=0, metavar="COUNT")
    options = parser.parse_args()
    keys = workload.Keys(**json.loads(sys.stdin.readline())) if options.sealed else None
    read_number = (
        workload.number_of_note if keys is None else (lambda body: workload.number_of_admission(body, keys))
    )
    asyncio.run(serve(Run(_answers(keys, options.sealed), read_number), options.seconds))


if __name__ == "__main__":
    main()
