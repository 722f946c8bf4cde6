"""Bulk through the real daemon while somebody asks, and what it takes above the idle agent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from agent import jsontext
from agent.clock import BEIJING
from agent.dispatch.filling import load
from agent.events import Attachment, Submission
from agent.protocol.attachments import attachment_of
from bench import bulk
from bench.agent_run import Daemon, running
from bench.install import MINISTRY, Workstation
from bench.peers import Platform
from bench.workload import ACCESS_KEY, PROVINCE, Keys
from plugins.ministry.adapter import build

PATIENCE_S = 600.0
IDLE_S = 2.0


@dataclass
class Memory:
    """The most that the daemon and its helpers take, looked at all the time."""

    pid: int
    most_mb: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def now_mb(self) -> float:
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            for member in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += member.memory_info().rss
        return total / 1e6

    @contextlib.contextmanager
    def watched(self) -> Iterator[Memory]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.most_mb = max(self.most_mb, self.now_mb())


@dataclass
class Inbox:
    """Drops submissions and waits for their results by name."""

    station: Workstation
    daemon: Daemon

    def put(self, name: str, content: bytes) -> Path:
        inbox = self.station.inbox
        inbox.mkdir(parents=True, exist_ok=True)
        aside = inbox / f"{name}.part"
        aside.write_bytes(content)
        return aside.rename(inbox / name)

    def submit(self, submission: dict[str, Any]) -> Path:
        name = f"{submission['id']}.json"
        self.put(name, jsontext.write(submission).encode())
        return self.result(name, submission["id"])

    def result(self, name: str, his_id: str) -> Path:
        return self.station.results / f"{name}.{his_id}.result.json"

    def wait(self, result: Path) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while not (told := self.told(result)):
            if self.daemon.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no result: {self.station.root}")
            time.sleep(0.002)
        return told

    def told(self, result: Path) -> dict[str, Any]:
        """The final result, empty while there is none; fails unless it says accepted."""
        if not result.exists():
            return {}
        told: dict[str, Any] = json.loads(result.read_bytes())
        if not told["final"]:
            return {}
        if told["state"] != "accepted":
            raise AssertionError(f"{told['state']} {told['code']} {told['message']}: {self.station.root}")
        return told


@dataclass
class Asker:
    """Asks one question after the other, and keeps how many milliseconds each took from file to result."""

    inbox: Inbox
    took: list[float] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def asking(self) -> Iterator[Asker]:
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _ask(self) -> None:
        number = 0
        while not self._ended.is_set():
            began = time.perf_counter()
            self.inbox.wait(self.inbox.submit(bulk.question(number)))
            self.took.append((time.perf_counter() - began) * 1000)
            number += 1
            time.sleep(0.01)


def attachments(station: Workstation, platform: Platform, keys: Keys, uploads: int) -> dict[str, float]:
    """Ten files of 500 KB an upload while questions are asked."""
    platform.begin()
    with running(station) as daemon:
        inbox = Inbox(station, daemon)
        inbox.wait(inbox.submit({**bulk.question(0), "id": "FIRST"}))
        time.sleep(IDLE_S)
        memory = Memory(daemon.process.pid)
        idle = memory.now_mb()
        with memory.watched(), Asker(inbox).asking() as asker:
            began = time.perf_counter()
            for number in range(uploads):
                for place in range(bulk.FILES):
                    content = bulk.file_content(number * bulk.FILES + place)
                    inbox.put(bulk.upload_file(number, place), content)
                inbox.wait(inbox.submit(bulk.upload(number)))
            seconds = time.perf_counter() - began
    _check_files(platform, uploads)
    took = sorted(asker.took)
    return {
        "question_p50_ms": took[len(took) // 2],
        "question_p99_ms": took[max(0, -(-len(took) * 99 // 100) - 1)],
        "questions": float(len(took)),
        "above_idle_mb": memory.most_mb - idle,
        "upload_s": seconds / uploads,
        "seal_cpu_s": seal_cpu(keys),
    }


def _check_files(platform: Platform, uploads: int) -> None:
    expected = [
        hashlib.sha256(bulk.file_content(number)).hexdigest() for number in range(uploads * bulk.FILES)
    ]
    if platform.report()["files"] != expected:
        raise AssertionError("the files did not arrive as they are, once and in order")


def rows(station: Workstation, platform: Platform, count: int) -> dict[str, float]:
    """A CSV of ``count`` fees, from its rename to the result."""
    platform.begin()
    with running(station) as daemon:
        inbox = Inbox(station, daemon)
        inbox.wait(inbox.submit({**bulk.question(0), "id": "FIRST"}))
        time.sleep(IDLE_S)
        memory = Memory(daemon.process.pid)
        idle = memory.now_mb()
        content = "\r\n".join([*bulk.fees_csv(count), ""]).encode()
        with memory.watched():
            began = time.perf_counter()
            inbox.put("fees.csv", content)
            told = inbox.wait(inbox.result("fees.csv", bulk.fees_id(1)))
            seconds = time.perf_counter() - began
    if platform.report()["fees"] != [bulk.fee_number(number) for number in range(count)]:
        raise AssertionError("the fees did not arrive completely and in order")
    if len(told["rows"]) != count:
        raise AssertionError("the result does not tell every fee")
    return {"rows_per_s": count / seconds, "above_idle_mb": memory.most_mb - idle, "rows": float(count)}


class _Ring:
    """The keys of a bench as the adapter asks for them."""

    def __init__(self, keys: Keys) -> None:
        self._texts = {
            "ministry/own-private": keys.own,
            "ministry/peer-public": keys.platform_public.to_pem(),
        }

    def get(self, name: str) -> str:
        return self._texts[name]


def seal_cpu(keys: Keys) -> float:
    """Seconds of CPU from ten files in hand to the bytes for the wire; the second of two tries."""
    options = {"url": "http://127.0.0.1:9/api", "access_key": ACCESS_KEY, "province": PROVINCE}
    adapter = build(options, _Ring(keys))
    contents = [bulk.file_content(place) for place in range(bulk.FILES)]
    found: dict[str, Attachment] = {
        bulk.upload_file(0, place): attachment_of(content) for place, content in enumerate(contents)
    }
    whole = bulk.upload(0)
    now = datetime.now(BEIJING)
    submission = Submission(MINISTRY, "GYU002", "FILES", whole["data"], occurred_at=now, attachments=found)
    (draft,) = adapter.plan(submission, now).drafts
    by_digest = {file.digest: content for file, content in zip(found.values(), contents, strict=True)}
    serials = {series.name: 1 for series in adapter.series(draft)}
    ids = adapter.stamp(draft, serials, now)
    spent = 0.0
    for _ in range(2):
        began = time.process_time()
        adapter.encode(load(draft, by_digest.__getitem__), ids, now)
        spent = time.process_time() - began
    return spent
