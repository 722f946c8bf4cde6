"""agent.replies.downloads: pages become files, and only files open gates."""

from __future__ import annotations

import json
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import generate
from agent.events import Download
from agent.outbox.store import SqliteOutbox
from agent.replies import downloads as module
from agent.replies.downloads import LOOK_S, RETRY_S, DownloadWriter
from tests.contract.outbox_world import World, accepted, draft

ROWS = {"datalist": [{"downno": "1", "aac003": "测试甲"}]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, key = ManualClock(), generate(1)

    def opened() -> SqliteOutbox:
        return SqliteOutbox(tmp_path / "outbox.db", key, clock=clock, answer_within_s=20)

    built = World(opened(), clock, opened)
    yield built
    built.outbox.close()


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def writer(world: World, tmp_path: Path, opened: list[str]) -> DownloadWriter:
    root = tmp_path / "downloads"
    root.mkdir(mode=0o770)
    root.chmod(0o770)
    return DownloadWriter(world.outbox, root, world.clock, threading.Event(), lambda: opened.append("opened"))


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    noted: list[dict[str, Any]] = []

    class Log:
        def warning(self, event: str, **fields: Any) -> None:
            noted.append({"event": event, **fields})

        def info(self, _event: str, **_fields: Any) -> None:
            pass

    monkeypatch.setattr(module, "log", Log())
    return noted


def receive(world: World, *downloads: Download) -> None:
    """An answer that hands these out, with a follow-up behind the gate."""
    world.accept(downloads[0].name, draft(transaction="GYD101"))
    gated = draft(transaction="GYU008", gated=True)
    world.deliver(accepted(downloads=downloads, follow_ups=(gated,)))


def page(name: str = "GYD101-W1.json", transaction: str = "GYD101") -> Download:
    return Download(transaction, name, 1, {"wire_id": "W1", "page": 1, "data": ROWS})


def test_a_page_is_a_json_file_in_the_folder_of_its_transaction(world: World, writer: DownloadWriter) -> None:
    receive(world, page())
    assert writer.write_due() == 1
    (path,) = (writer.root / "GYD101").iterdir()
    assert path.name == "GYD101-W1.json"
    assert json.loads(path.read_text("utf-8")) == {
        "system": "ministry",
        "transaction": "GYD101",
        "records": 1,
        "downloaded_at": world.clock.now().isoformat(),
        "wire_id": "W1",
        "page": 1,
        "data": ROWS,
    }


def test_an_attachment_is_the_file_itself(world: World, writer: DownloadWriter) -> None:
    content = bytes(range(256))
    receive(world, Download("GYD054", "GYD054-7.pdf", attachment=b64encode(content).decode()))
    writer.write_due()
    assert (writer.root / "GYD054" / "GYD054-7.pdf").read_bytes() == content


def test_the_gate_opens_when_the_file_is_there_and_lanes_are_told(
    world: World, writer: DownloadWriter, opened: list[str]
) -> None:
    receive(world, page())
    assert (world.turn(), opened) == (0, [])
    writer.write_due()
    assert opened == ["opened"]
    assert world.head().transaction == "GYU008"  # type: ignore[union-attr]


def test_a_file_that_cannot_be_written_keeps_its_gate_and_holds_up_no_other(
    world: World, writer: DownloadWriter
) -> None:
    (writer.root / "GYD101").write_bytes(b"in the way")
    receive(world, page())
    receive(world, page("GYD009-W2.json", "GYD009"))
    assert writer.write_due() == 1
    assert (writer.root / "GYD009" / "GYD009-W2.json").exists()
    assert writer.trouble
    (writer.root / "GYD101").unlink()
    assert writer.write_due() == 0, "it is tried again after a while"
    world.clock.advance(RETRY_S)
    assert writer.write_due() == 1
    assert not writer.trouble


def test_a_file_written_before_a_crash_is_written_once_more_over_itself(
    world: World, writer: DownloadWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(world, page())

    def die(_point: str) -> None:
        if _point == "downloads.before_mark":
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "crash_point", die)
    with pytest.raises(KeyboardInterrupt):
        writer.write_due()
    assert world.turn() == 0, "nothing is confirmed"
    monkeypatch.undo()
    world.restart()
    again = DownloadWriter(world.outbox, writer.root, world.clock, threading.Event(), lambda: None)
    assert again.write_due() == 1
    assert len(list((writer.root / "GYD101").iterdir())) == 1
    assert world.turn()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists")
def test_the_his_by_its_group_may_take_files_away(world: World, writer: DownloadWriter) -> None:
    writer.root.rmdir()
    receive(world, page())
    writer.write_due()
    modes = [path.stat().st_mode & 0o777 for path in (writer.root, writer.root / "GYD101")]
    assert modes == [0o770, 0o770]


def test_a_file_that_the_his_took_away_is_forgotten(world: World, writer: DownloadWriter) -> None:
    receive(world, page("GYD101-W1.json"), page("GYD101-W2.json"))
    writer.write_due()
    writer.look_for_taken()
    assert len(world.outbox.left_downloads()) == 2
    (writer.root / "GYD101" / "GYD101-W1.json").unlink()
    writer.look_for_taken()
    assert len(world.outbox.left_downloads()) == 2, "it looks only now and then"
    world.clock.advance(LOOK_S)
    writer.look_for_taken()
    assert [left.name for left in world.outbox.left_downloads()] == ["GYD101-W2.json"]


def test_a_file_that_was_marked_as_read_is_forgotten_and_stays(world: World, writer: DownloadWriter) -> None:
    receive(world, page())
    writer.write_due()
    path = writer.root / "GYD101" / "GYD101-W1.json"
    path.with_name("GYD101-W1.json.ack").touch()
    writer.look_for_taken()
    assert not world.outbox.left_downloads()
    assert path.exists()


def test_a_folder_that_is_away_says_nothing_about_its_files(
    world: World, writer: DownloadWriter, warnings: list[dict[str, Any]]
) -> None:
    receive(world, page())
    writer.write_due()
    writer.root.rename(writer.root.with_name("unmounted"))
    writer.look_for_taken()
    assert len(world.outbox.left_downloads()) == 1
    assert [warning["event"] for warning in warnings] == ["downloads folder cannot be read"]


def test_a_file_that_nobody_takes_is_warned_of_once(
    world: World, writer: DownloadWriter, warnings: list[dict[str, Any]]
) -> None:
    receive(world, page())
    writer.write_due()
    written_at = world.clock.now()
    for _ in range(3):
        writer.look_for_taken()
        world.clock.advance(writer.unread_after.total_seconds() / 2)
    writer.look_for_taken()
    assert warnings == [
        {
            "event": "downloads unread",
            "transaction": "GYD101",
            "files": 1,
            "since": written_at.isoformat(),
        }
    ]


def test_the_thread_writes_what_comes_and_ends_when_it_is_told(world: World, writer: DownloadWriter) -> None:
    running = threading.Thread(target=writer.run)
    running.start()
    receive(world, page())
    writer.wakeup.set()
    path = writer.root / "GYD101" / "GYD101-W1.json"
    while not path.exists():
        assert running.is_alive()
    writer.stopping.set()
    writer.wakeup.set()
    running.join(20)
    assert not running.is_alive()
