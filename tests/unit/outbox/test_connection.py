"""One owner, and an opening that tells damage, foreign files, newer schemas and wrong keys apart."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey
from agent.errors import KeyMissing, StoreDamaged, StoreError, StoreFull, StoreLocked
from agent.outbox import migrating
from agent.outbox.connection import translate
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import World, accepted, draft, visit

KEY = DataKey(1, b"k" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def world(path: Path) -> Iterator[World]:
    clock = ManualClock()
    built = World(_open(path, clock), clock, lambda: _open(path, clock))
    yield built
    built.outbox.close()


def _open(path: Path, clock: ManualClock | None = None) -> SqliteOutbox:
    return SqliteOutbox(path, KEY, clock=clock or ManualClock())


def _filled(path: Path, messages: int = 50) -> None:
    clock = ManualClock()
    world = World(_open(path, clock), clock, lambda: _open(path, clock))
    for number in range(messages):
        world.accept(f"A{number}", draft(visit(f"v{number}")))
    world.outbox.close()


# -- ownership ------------------------------------------------------------------------------------
def test_a_second_owner_is_refused_at_once_and_the_first_goes_on(world: World, path: Path) -> None:
    with pytest.raises(StoreLocked):
        _open(path)
    assert world.message("A")


def test_another_process_is_refused_until_the_owner_is_gone(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agent.crypto.at_rest import DataKey\n"
        "from agent.outbox.store import SqliteOutbox\n"
        "SqliteOutbox(Path(sys.argv[1]), DataKey(1, b'k' * 32)); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked):
            _open(path)
        owner.kill()
    _open(path).close()


def test_an_owner_that_could_not_open_leaves_the_place_to_the_next(path: Path) -> None:
    _filled(path)
    with pytest.raises(KeyMissing):
        SqliteOutbox(path, DataKey(1, b"x" * 32))
    _open(path).close()


def test_closing_writes_the_log_back_into_the_database(path: Path) -> None:
    _filled(path)
    assert [file.name for file in path.parent.iterdir() if "wal" in file.name] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead")
def test_nobody_else_may_read_the_files(world: World, path: Path) -> None:
    assert world.message("A")
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_commits_are_flushed_and_what_is_deleted_is_overwritten(world: World) -> None:
    connection = world.outbox._writer.connection  # type: ignore[attr-defined]
    settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    assert settings == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}


# -- what is opened ---------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["head", "inside", "garbage"])
def test_a_damaged_database_is_moved_aside_whole_and_reported(path: Path, where: str) -> None:
    _filled(path)
    content = bytearray(path.read_bytes())
    if where == "garbage":
        content = bytearray(b"not a database at all, but long enough to be looked at" * 40)
    else:
        begin = 0 if where == "head" else len(content) // 2
        content[begin : begin + 8192] = b"\xa5" * 8192
    path.write_bytes(content)
    path.with_name(path.name + ".lock").write_bytes(b"opened")
    with pytest.raises(StoreDamaged) as caught:
        _open(path)
    kept = path.with_name(str(caught.value.details["kept"]))
    assert kept.read_bytes() == content
    assert not path.exists()
    assert kept.name in caught.value.message


def test_the_log_of_a_damaged_database_is_kept_with_it(path: Path) -> None:
    _filled(path)
    path.write_bytes(b"\xa5" * 8192)
    path.with_name(path.name + "-wal").write_bytes(b"log")
    with pytest.raises(StoreDamaged) as caught:
        _open(path)
    kept = str(caught.value.details["kept"])
    assert path.with_name(kept + "-wal").read_bytes() == b"log"


def test_a_second_damage_in_the_same_second_does_not_overwrite_the_first(path: Path) -> None:
    names = set()
    for _ in range(2):
        path.write_bytes(b"\xa5" * 8192)
        with pytest.raises(StoreDamaged) as caught:
            _open(path)
        names.add(caught.value.details["kept"])
    assert len(names) == 2


@pytest.mark.parametrize(
    ("left", "looked"),
    [
        (b"closed", False),
        (b"opened %d", False),
        (b"opened 1", True),
        (b"opened", True),
        (b"", True),
        (b"opened x", True),
    ],
    ids=["closed", "killed", "machine stopped", "cut", "empty", "spoilt"],
)
def test_every_page_is_looked_at_after_a_stop_of_the_machine_only(
    path: Path, left: bytes, looked: bool
) -> None:
    _filled(path)
    _spoil(path, bytearray(path.read_bytes()), "series")
    clock = ManualClock()
    started = int(clock.now().timestamp() - clock.monotonic())
    mark = left % started if b"%" in left else left
    path.with_name(path.name + ".lock").write_bytes(mark)
    if looked:
        with pytest.raises(StoreDamaged):
            _open(path, clock)
    else:
        _open(path, clock).close()


def test_counts_are_kept_by_a_close_and_counted_after_anything_else(path: Path) -> None:
    _filled(path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE message SET state = 'accepted', finished_at = 1 WHERE number = 1")
    connection.close()
    outbox = _open(path)
    assert outbox.counts() == {("AK-1", "ready"): 3}, "as it was closed"
    outbox.close()
    path.with_name(path.name + ".lock").write_bytes(b"opened 1")
    outbox = _open(path)
    assert outbox.counts() == {("AK-1", "accepted"): 1, ("AK-1", "ready"): 2}
    outbox.close()


def _spoil(path: Path, content: bytearray, table: str) -> None:
    """Overwrite a page of a table that opening does not read."""
    with sqlite3.connect(path) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = connection.execute(query, (table,)).fetchone()
    connection.close()
    content[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreDamaged, match="不是"):
        _open(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    connection.close()


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    _filled(path)
    newer = max(migrating.migrations()) + 1
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match=f"结构 {newer}"):
        _open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", [DataKey(1, b"x" * 32), DataKey(2, b"k" * 32)], ids=["secret", "number"])
def test_a_wrong_data_key_is_no_damage(path: Path, key: DataKey) -> None:
    _filled(path)
    before = path.read_bytes()
    with pytest.raises(KeyMissing):
        SqliteOutbox(path, key)
    assert path.read_bytes() == before
    _open(path).close()


# -- while it runs -------------------------------------------------------------------------------------
def test_a_full_disk_keeps_nothing_of_the_commit_and_passes_when_there_is_room(world: World) -> None:
    first = world.message("A")
    connection = world.outbox._writer.connection  # type: ignore[attr-defined]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull) as caught:
        world.accept("B", *(draft(visit(f"v{n}"), body={"x": "y" * 4000}) for n in range(20)))
    assert caught.value.retry
    assert [view.message for view in world.outbox.messages()] == [first]
    assert world.outbox.counts() == {("AK-1", "ready"): 1}
    connection.execute("PRAGMA max_page_count = 1000000")
    world.accept("B", draft(visit("v1")))
    assert len(world.deliver_all()) == 2


def test_a_store_that_cannot_be_written_is_closed_all_the_same(path: Path) -> None:
    _filled(path, 1)
    outbox = _open(path)
    outbox._writer.connection.execute("PRAGMA query_only = ON")
    outbox.close()
    assert path.with_name(path.name + ".lock").read_bytes().startswith(b"opened")
    outbox = _open(path)
    assert outbox.counts() == {("AK-1", "ready"): 1}
    outbox.close()


def test_damage_that_shows_while_it_runs_is_reported_as_such(world: World, path: Path) -> None:
    stored = world.accept("A", draft(visit("v1")))
    world.restart()
    content = bytearray(path.read_bytes())
    _spoil(path, content, "body")
    with pytest.raises(StoreDamaged):
        world.outbox.body(stored.submission)
    assert world.turn(), "what is whole goes on"


def test_somebody_elses_lock_on_the_file_is_told_from_damage() -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
    assert isinstance(translate(error), StoreLocked)
    assert type(translate(sqlite3.OperationalError("disk I/O error"))) is StoreError


def test_a_writer_cannot_write_within_its_own_write(world: World) -> None:
    with pytest.raises(StoreError), world.outbox.write():
        world.accept("A", draft(visit("v1")))
    assert world.message("A"), "and the way is free again"


def test_a_copy_taken_while_it_runs_opens_with_all_that_was_committed(
    world: World, path: Path, tmp_path: Path
) -> None:
    message = world.message("A", draft(visit("v1")))
    world.send()
    with world.outbox.write() as tx:
        tx.settle(message, accepted(), world.clock.now())
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in path.parent.glob("outbox.db*"):
            shutil.copy(file, copy)
    copied = _open(copy / path.name)
    view = copied.message(message)
    assert view is not None
    assert view.state == "inquiring", "the settlement was not committed yet"
    copied.close()
