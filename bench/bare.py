"""The bare loops: post after post in one process, nothing kept, or one durable commit for each.

Each run is a process of its own (``python -m bench.bare``) and prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.events import Request
from bench import plain, workload

Post = Callable[[Request], bytes]
WARM_UP = 20


def requests_session() -> Post:
    """(a) what one would write: a session, its kept connection, nothing tuned."""
    import requests

    session = requests.Session()

    def post(request: Request) -> bytes:
        answer = session.post(request.url, data=request.body, headers=dict(request.headers), timeout=30)
        answer.raise_for_status()
        return answer.content

    return post


def urllib3_pool() -> Post:
    import urllib3

    pool = urllib3.PoolManager(retries=False)

    def post(request: Request) -> bytes:
        answer = pool.request(
            "POST", request.url, body=request.body, headers=dict(request.headers), timeout=30
        )
        return answer.data

    return post


def urllib3_connection() -> Post:
    from urllib.parse import urlsplit

    from urllib3.connection import HTTPConnection

    connection: HTTPConnection | None = None

    def post(request: Request) -> bytes:
        nonlocal connection
        parts = urlsplit(request.url)
        if connection is None:
            connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("POST", parts.path, body=request.body, headers=dict(request.headers))
        return connection.getresponse().data

    return post


def http_client() -> Post:
    import http.client
    from urllib.parse import urlsplit

    connection: http.client.HTTPConnection | None = None

    def post(request: Request) -> bytes:
        nonlocal connection
        parts = urlsplit(request.url)
        if connection is None:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("POST", parts.path, body=request.body, headers=dict(request.headers))
        return connection.getresponse().read()

    return post


def own_transport() -> Post:
    """(a′) the agent's transport, used as the agent uses it."""
    from agent.clock import SystemClock
    from agent.transport.base import TransportSettings
    from agent.transport.http import HttpTransport

    transport = HttpTransport(TransportSettings(), SystemClock())

    def post(request: Request) -> bytes:
        transport.prepare(request.url)
        return transport.send(request).body

    return post


CLIENTS: dict[str, Callable[[], Post]] = {
    "requests": requests_session,
    "urllib3-pool": urllib3_pool,
    "urllib3-connection": urllib3_connection,
    "http-client": http_client,
    "agent": own_transport,
}


@contextmanager
def durable_journal(path: Path) -> Iterator[Callable[[bytes], None]]:
    """(b) one durable commit for each message, as the agent's database commits."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE message (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def commit(body: bytes) -> None:
        database.execute("INSERT INTO message (body) VALUES (?)", (body,))

    yield commit
    database.close()


def plain_loop(url: str, count: int, post: Post, keep: Callable[[bytes], None] | None) -> Iterator[None]:
    bodies = [plain.write_body(workload.note(number)) for number in range(count)]
    for body in bodies:
        if keep is not None:
            keep(body)
        if json.loads(post(Request(url, plain.HEADERS, body)))["code"] != "0":
            raise AssertionError("the server refused")
        yield


def sealing_loop(url: str, count: int, post: Post, keys: workload.Keys) -> Iterator[None]:
    """Seals each message and opens each answer: who does not learn the outcome has not delivered."""
    admissions = [workload.admission(number) for number in range(count)]
    for number, data in enumerate(admissions):
        answer = post(workload.sealed_request(url, number, data, keys))
        if workload.open_answer(answer, keys)["busi_code"] != "RE0000":
            raise AssertionError("the server refused")
        yield


def measure(loop: Iterator[None], count: int) -> dict[str, float]:
    """Posts a second and CPU milliseconds a post, without the first posts."""
    for _ in range(WARM_UP):
        next(loop)
    began, cpu = time.perf_counter(), time.process_time()
    for _ in loop:
        pass
    seconds, worked = time.perf_counter() - began, time.process_time() - cpu
    posts = count - WARM_UP
    return {"per_second": posts / seconds, "cpu_ms": worked / posts * 1000}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--client", choices=CLIENTS, default="requests")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--sealed", action="store_true", help="keys as a line of JSON on standard input")
    options = parser.parse_args()
    began = time.perf_counter()
    post = CLIENTS[options.client]()
    import_ms = (time.perf_counter() - began) * 1000
    if options.sealed:
        keys = workload.Keys(**json.loads(sys.stdin.readline()))
        result = measure(sealing_loop(options.url, options.count, post, keys), options.count)
    elif options.journal:
        with durable_journal(options.journal) as keep:
            result = measure(plain_loop(options.url, options.count, post, keep), options.count)
    else:
        result = measure(plain_loop(options.url, options.count, post, None), options.count)
    print(json.dumps({**result, "import_ms": import_ms}))


if __name__ == "__main__":
    main()
