"""Nothing personal stands in the clear in the database, its log or its lock file."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey
from agent.errors import CiphertextRejected, Fault
from agent.events import Identifier, Need
from agent.outbox.model import ReplyAddress
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import LANE, World, accepted, draft, partial, rejected, row, visit

NAMES = (
    *("id", "body", "draft", "scope", "file", "folder", "fault", "warning", "answer", "data", "rowdata"),
    *("wire", "slot", "identifier", "idkey", "why", "who", "note", "doubt", "need", "event"),
)
SECRETS = {name: f"{name}-某甲-51010119000101999X" for name in NAMES}


def _busy_day(world: World) -> None:
    """Every value that may be personal, in every column that may hold it."""
    s = SECRETS
    needy = draft(visit(s["scope"]), body={"x": s["draft"]}, needs=(Need(s["slot"], "kind", (s["need"],)),))
    fault = Fault("/data", "rule", s["fault"])
    world.accept(
        s["id"],
        draft(visit(s["scope"]), body={"x": s["draft"]}),
        needy,
        draft(visit("other")),
        body={"x": s["body"]},
        digest=s["body"].encode(),
        event_id=s["event"],
        reply=ReplyAddress(s["folder"], s["file"]),
        warnings=(Fault("/data", "rule", s["warning"]),),
        rows_total=3,
    )
    world.accept("bad", faults=(fault,), scopes=(visit(s["scope"]),), event_id=s["event"] + "2")
    with world.outbox.write() as tx:
        head = tx.head(LANE)
        assert head is not None
        attempt = tx.begin(head.message, {"wire_id": s["wire"], "second": s["wire"]}, world.clock.now())
        tx.retry(head.message, attempt.number, "RE1173", s["note"])
    world.begin(head.message)
    with world.outbox.write() as tx:
        tx.doubt(head.message, 2, s["doubt"], world.clock.now())
        tx.clear_doubt(head.message)
    world.begin(head.message)
    told = accepted(
        message=s["answer"],
        data={"x": s["data"]},
        rows=(row(0, key=s["rowdata"]),),
        slots={s["slot"]: s["slot"]},
        identifiers=(Identifier("kind", (s["idkey"],), s["identifier"]),),
        follow_ups=(draft(visit(s["scope"]), body={"x": s["draft"]}, transaction="GYU008"),),
    )
    world.settle(head.message, told)
    world.deliver(partial(visit(s["scope"]), message=s["answer"]))
    world.deliver(rejected(message=s["answer"]))
    with world.outbox.write() as tx:
        tx.skip(world.outbox.messages(state="partial")[0].message, s["who"], s["why"], world.clock.now())
    lost = world.message("U", draft(visit("u")))
    world.turn()
    world.begin(lost)
    world.doubt(lost)
    with world.outbox.write() as tx:
        tx.leave_unknown(lost, s["why"], world.clock.now())
        tx.resolve(lost, "accepted", {"x": s["data"]}, s["who"], s["why"], world.clock.now(), world.resolved)
    world.write_results()


@pytest.fixture
def world(tmp_path: Path) -> World:
    clock = ManualClock()
    key = DataKey(1, b"k" * 32)

    def open_outbox() -> SqliteOutbox:
        return SqliteOutbox(tmp_path / "outbox.db", key, clock=clock)

    return World(open_outbox(), clock, open_outbox)


def _found(folder: Path) -> set[str]:
    content = b"".join(file.read_bytes() for file in folder.iterdir())
    needles = {name: value.encode() for name, value in SECRETS.items()}
    parts = {"name": "某甲".encode(), "number": b"51010119000101", "utf16": "某甲".encode("utf-16-le")}
    return {name for name, needle in (needles | parts).items() if needle in content}


def test_nothing_personal_is_in_the_files_neither_while_open_nor_closed(world: World, tmp_path: Path) -> None:
    _busy_day(world)
    assert (tmp_path / "outbox.db-wal").stat().st_size > 0
    assert _found(tmp_path) == set()
    world.clock.advance(3600)
    with world.outbox.write() as tx:
        tx.purge(world.clock.now() + timedelta(days=1))
    assert _found(tmp_path) == set()
    world.outbox.close()
    assert _found(tmp_path) == set()


def test_the_day_really_wrote_what_is_looked_for(world: World) -> None:
    _busy_day(world)
    seen = repr([world.outbox.result(number) for number in (1, 2, 3)])
    seen += repr([world.outbox.history(view.message) for view in world.outbox.messages()])
    seen += repr(world.outbox.body(1))
    expected = {"id", "body", "fault", "warning", "answer", "rowdata", "wire", "note", "doubt", "who", "why"}
    assert {name for name in expected if SECRETS[name] not in seen} == set()
    world.outbox.close()


def test_a_sealed_value_copied_to_another_row_does_not_open(world: World, tmp_path: Path) -> None:
    world.accept("A", draft(visit("v1")))
    world.accept("B", draft(visit("v2")))
    world.outbox.close()
    with sqlite3.connect(tmp_path / "outbox.db") as connection:
        connection.execute(
            "UPDATE draft SET content_sealed = (SELECT content_sealed FROM draft WHERE message = 2) "
            "WHERE message = 1"
        )
    connection.close()
    world.outbox = world.reopen()
    with pytest.raises(CiphertextRejected):
        world.head()
    world.outbox.close()


def test_errors_and_values_do_not_show_what_they_hold(world: World) -> None:
    _busy_day(world)
    due = world.outbox.due_replies(world.clock.now(), 100)
    head = world.head()
    shown = repr([due, head, world.outbox.messages(), world.new(SECRETS["id"], draft(visit("v1")))])
    assert "某甲" not in shown
    world.outbox.close()
