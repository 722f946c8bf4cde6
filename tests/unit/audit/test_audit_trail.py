"""Every step has its record, in the commit of the step; every change of a record is found and named."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from agent.audit.chain import GENESIS, link
from agent.audit.heads import read_heads, signer
from agent.audit.model import Head
from agent.audit.verifying import Report, verify
from agent.clock import ManualClock
from agent.crypto import keys as sm2_keys
from agent.crypto.at_rest import DataKey
from agent.errors import KeyMissing, StoreError
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import FAULT, World, accepted, draft, partial, rejected, visit

AUDIT_KEY, STRANGER = sm2_keys.generate(), sm2_keys.generate()
SIGN = signer(lambda: AUDIT_KEY)
TRIGGERS = ("audit_is_never_changed", "audit_goes_in_whole_segments", "checkpoint_stays")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def world(path: Path) -> Iterator[World]:
    clock = ManualClock()

    def reopen() -> SqliteOutbox:
        return SqliteOutbox(path, DataKey(1, b"k" * 32), clock=clock)

    built = World(reopen(), clock, reopen)
    yield built
    built.outbox.close()


def judge(path: Path, *, heads: tuple[Head, ...] = (), trust: bytes = b"") -> Report:
    with closing(sqlite3.connect(path)) as connection:
        return verify(connection, trusted={trust} if trust else (), heads=heads)


def found(report: Report) -> list[tuple[str, int]]:
    return [(problem.what, problem.record) for problem in report.problems]


def tamper(path: Path, *statements: str) -> None:
    """What somebody with the file and any SQLite can do."""
    with closing(sqlite3.connect(path)) as connection:
        for trigger in TRIGGERS:
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def records(path: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM audit ORDER BY number").fetchall()


def kinds(path: Path, message: int) -> list[str]:
    return [row["kind"].removeprefix("message.") for row in records(path) if row["message"] == message]


def sign(world: World) -> Head:
    with world.outbox.write() as tx:
        head: Head = tx.sign_audit(SIGN, world.clock.now())
    return head


def day(world: World) -> None:
    """Something of everything: delivered, refused, partial, in doubt, decided, skipped, invalid, repeated."""
    world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    world.message("B", draft(visit("v2")))
    world.message("C", draft(visit("v2")))
    refused = world.deliver(rejected())
    world.skip(refused)
    lost = world.lose()
    world.resolve(lost, "accepted")
    world.message("D", draft(visit("v4")))
    world.deliver(partial(visit("v4")))
    world.accept("bad", faults=(FAULT,))
    world.accept("A", draft(visit("v1")))
    world.write_results()


# -- every step has its record ---------------------------------------------------------------------


def test_the_life_of_a_message_is_recorded_step_by_step(world: World, path: Path) -> None:
    message = world.message("A", draft(visit("v1")))
    world.begin(message)
    with world.outbox.write() as tx:
        tx.withdraw(message, 1)
    world.begin(message)
    with world.outbox.write() as tx:
        tx.retry(message, 2, "RE1173", "too frequent")
    world.begin(message)
    world.doubt(message)
    with world.outbox.write() as tx:
        tx.note_negative(message, world.clock.now())
        tx.clear_doubt(message)
    world.begin(message)
    world.settle(message, accepted(settled_by="inquiry"))
    world.write_results()
    assert kinds(path, message) == [
        *("ready", "in_flight", "ready", "in_flight", "ready", "in_flight", "inquiring"),
        *("not_found", "ready", "in_flight", "accepted"),
    ]
    facts = {row["kind"]: json.loads(row["facts"] or "{}") for row in records(path)}
    assert facts["message.accepted"] == {"code": "RE0000", "settled_by": "inquiry", "attempt": 4}
    assert records(path)[-1]["kind"] == "result.written"


def test_what_a_person_did_is_recorded_with_who_and_why_sealed(world: World, path: Path) -> None:
    message = world.message("A", draft(visit("v1")))
    world.park()
    world.resolve(message, "accepted")
    (act,) = [row for row in records(path) if row["kind"] == "act.resolve:accepted"]
    assert act["message"] == message
    assert "收费员甲".encode() not in path.read_bytes() + Path(f"{path}-wal").read_bytes()
    assert len(act["note_digest"]) == 32
    assert act["note_sealed"]


def test_after_any_sequence_the_last_record_of_each_message_is_its_state(world: World, path: Path) -> None:
    chance = random.Random(20260101)
    ways: list[Callable[[], object]] = [
        *(lambda: world.deliver(accepted()), lambda: world.deliver(rejected())),
        *(world.lose, world.park),
    ]
    for number in range(120):
        his_id, where = f"M{number}", visit(f"v{chance.randrange(6)}")
        world.message(his_id, draft(where))
        for _ in range(chance.randrange(3)):
            if world.turn():
                chance.choice(ways)()
        if chance.random() < 0.3:
            world.write_results()
    for view in world.outbox.messages(limit=1000):
        assert kinds(path, view.message)[-1] == view.state, view.message
    world.restart()
    assert found(judge(path)) == []


def test_a_commit_that_fails_leaves_no_record_and_the_chain_goes_on(world: World, path: Path) -> None:
    message = world.message("A", draft(visit("v1")))
    before = len(records(path))
    with pytest.raises(StoreError):
        _begin_twice(world, message)
    assert len(records(path)) == before
    world.deliver(accepted())
    assert found(judge(path)) == []


def _begin_twice(world: World, message: int) -> None:
    with world.outbox.write() as tx:
        tx.begin(message, {"wire_id": "W"}, world.clock.now())
        tx.begin(message, {"wire_id": "W"}, world.clock.now())


def test_the_chain_goes_on_after_a_restart_and_a_purge_of_all_messages(world: World, path: Path) -> None:
    day(world)
    world.restart()
    world.clock.advance(86400)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now()) > 0
    day_after = world.message("Z", draft(visit("v9")))
    assert kinds(path, day_after) == ["ready"]
    assert found(judge(path)) == []


# -- every change is found and named ------------------------------------------------------------------


def test_an_untouched_trail_has_no_fault(world: World, path: Path) -> None:
    day(world)
    head = sign(world)
    report = judge(path, heads=(head,), trust=AUDIT_KEY.public.point)
    assert (found(report), report.first, report.head, report.checkpoints) == ([], 1, head, 1)
    assert report.records == report.last == head.number > 20


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + 1"),
        ("kind", "'message.rejected'"),
        ("submission", "submission + 1"),
        ("submission", "NULL"),
        ("message", "999"),
        ("facts", "'{}'"),
        ("note_digest", "X'00'"),
        ("hash", "zeroblob(32)"),
    ],
)
def test_a_changed_record_is_named(world: World, path: Path, column: str, value: str) -> None:
    day(world)
    tamper(path, f"UPDATE audit SET {column} = {value} WHERE number = 5")
    assert ("changed", 5) in found(judge(path))


def test_any_flipped_bit_of_a_record_is_named(world: World, path: Path) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    for column in ("kind", "facts", "hash"):
        (row,) = [row for row in records(path) if row["number"] == 2]
        whole = row[column] if isinstance(row[column], bytes) else row[column].encode()
        for bit in range(len(whole) * 8):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            given = "?" if column == "hash" else "CAST(? AS TEXT)"  # any bytes
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("DROP TRIGGER IF EXISTS audit_is_never_changed")
                statement = f"UPDATE audit SET {column} = {given} WHERE number = 2"
                connection.execute(statement, (bytes(changed),))
                assert ("changed", 2) in found(verify(connection)), (column, bit)


@pytest.mark.parametrize(
    ("gone", "named"), [("1", 1), ("7", 7), ("BETWEEN 7 AND 9", 7)], ids=["first", "middle", "several"]
)
def test_removed_records_are_named(world: World, path: Path, gone: str, named: int) -> None:
    day(world)
    tamper(path, f"DELETE FROM audit WHERE number {gone if 'BETWEEN' in gone else '= ' + gone}")
    report = judge(path)
    assert found(report) == [("missing", named)]
    assert ("7 至 9" in report.problems[0].message) is ("BETWEEN" in gone)


def test_a_removed_record_whose_successors_were_renumbered_is_found(world: World, path: Path) -> None:
    day(world)
    tamper(
        path,
        "DELETE FROM audit WHERE number = 7",
        "UPDATE audit SET number = -number WHERE number > 7",
        "UPDATE audit SET number = -number - 1 WHERE number < 0",
    )
    assert ("changed", 7) in found(judge(path))


def test_records_that_changed_places_are_named(world: World, path: Path) -> None:
    day(world)
    tamper(
        path,
        "UPDATE audit SET number = -1 WHERE number = 8",
        "UPDATE audit SET number = 8 WHERE number = 11",
        "UPDATE audit SET number = 11 WHERE number = -1",
    )
    assert {("changed", 8), ("changed", 11)} <= set(found(judge(path)))


def rewrite(path: Path, number: int, kind: str) -> None:
    """Change a record and write the rest of the chain anew, as one who knows how can."""
    former = GENESIS
    statements = []
    for row in records(path):
        told = kind if row["number"] == number else row["kind"]
        former = link(
            former,
            *(row["number"], row["at"], told, row["submission"], row["message"]),
            *(row["facts"], row["note_digest"]),
        )
        statements.append(
            f"UPDATE audit SET kind = '{told}', hash = X'{former.hex()}' WHERE number = {row['number']}"
        )
    tamper(path, *statements)


def test_a_chain_that_was_written_anew_does_not_lead_to_its_signed_head(world: World, path: Path) -> None:
    day(world)
    rewrite(path, 5, "message.rejected")
    assert found(judge(path)) == [], "without a head from before nothing can tell"
    head = sign(world)
    rewrite(path, 5, "message.accepted")
    assert found(judge(path)) == [("rewritten", head.number)]


def test_a_cut_tail_is_found_by_the_signed_head(world: World, path: Path) -> None:
    day(world)
    head = sign(world)
    tamper(path, f"DELETE FROM audit WHERE number > {head.number - 3}")
    assert found(judge(path)) == [("cut", head.number)]


def test_a_cut_tail_is_found_by_the_system_log_when_its_head_was_cut_too(world: World, path: Path) -> None:
    day(world)
    sign(world)
    world.message("later", draft(visit("v8")))
    last = sign(world)
    log = f"Jan 02 03:00:00 ward-3 his-agent[7]: {last.line()}\nother lines\n"
    tamper(
        path,
        f"DELETE FROM audit WHERE number >= {last.number}",
        f"DELETE FROM checkpoint WHERE number = {last.number}",
    )
    assert found(judge(path)) == []
    assert found(judge(path, heads=tuple(read_heads(log.splitlines())))) == [("cut", last.number)]


@pytest.mark.parametrize("column", ["at", "hash", "signature", "public"])
def test_a_head_whose_signature_does_not_fit_is_named(world: World, path: Path, column: str) -> None:
    day(world)
    head = sign(world)
    value = {
        "at": "at + 1",
        "hash": "zeroblob(32)",
        "signature": "X'3006020101020101'",
        "public": f"X'{STRANGER.public.point.hex()}'",
    }[column]
    tamper(path, f"UPDATE checkpoint SET {column} = {value}")
    assert ("forged", head.number) in found(judge(path))


def test_a_head_that_a_stranger_signed_is_named(world: World, path: Path) -> None:
    day(world)
    with world.outbox.write() as tx:
        head = tx.sign_audit(signer(lambda: STRANGER), world.clock.now())
    assert found(judge(path)) == []
    assert found(judge(path, trust=AUDIT_KEY.public.point)) == [("stranger", head.number)]


def test_without_an_audit_key_the_head_is_kept_and_called_unsigned(world: World, path: Path) -> None:
    def no_key() -> sm2_keys.PrivateKey:
        raise KeyMissing("缺少")

    day(world)
    with world.outbox.write() as tx:
        head = tx.sign_audit(signer(no_key), world.clock.now())
    assert found(judge(path)) == [("unsigned", head.number)]


# -- purging --------------------------------------------------------------------------------------------


def test_records_go_in_whole_segments_behind_a_signed_head_that_stays(world: World, path: Path) -> None:
    day(world)
    first = sign(world)
    world.clock.advance(86400)
    world.message("next", draft(visit("v7")))
    second = sign(world)
    world.message("last", draft(visit("v6")))
    with world.outbox.write() as tx:
        assert tx.purge_audit(world.clock.now() - timedelta(hours=1)) == first.number
        assert tx.purge_audit(world.clock.now() - timedelta(hours=1)) == 0
    left = [row["number"] for row in records(path)]
    assert left[0] == first.number + 1
    report = judge(path, heads=(first, second), trust=AUDIT_KEY.public.point)
    assert (found(report), report.checkpoints) == ([], 2)
    tamper(path, f"DELETE FROM audit WHERE number = {left[0]}")
    assert found(judge(path)) == [("missing", left[0])]


def test_records_that_no_signed_head_covers_are_not_purged(world: World, path: Path) -> None:
    def no_key() -> sm2_keys.PrivateKey:
        raise KeyMissing("缺少")

    day(world)
    with world.outbox.write() as tx:
        tx.sign_audit(signer(no_key), world.clock.now())
    world.clock.advance(86400 * 400)
    with world.outbox.write() as tx:
        assert tx.purge_audit(world.clock.now()) == 0
    assert records(path)[0]["number"] == 1


@pytest.mark.parametrize("everything", [True, False])
def test_records_that_somebody_removed_and_called_purged_are_missed(
    world: World, path: Path, everything: bool
) -> None:
    day(world)
    head = sign(world)
    world.clock.advance(86400)
    if not everything:
        world.message("next", draft(visit("v7")))
    tamper(path, "UPDATE checkpoint SET purged = 1", f"DELETE FROM audit WHERE number <= {head.number}")
    assert found(judge(path, trust=AUDIT_KEY.public.point)) == [("missing", head.number)]


def test_after_several_purges_the_last_ones_record_accounts_for_all_that_went(
    world: World, path: Path
) -> None:
    for id_, visit_id in (("A", "v1"), ("B", "v2"), ("C", "v3")):
        world.message(id_, draft(visit(visit_id)))
        head = sign(world)
        world.clock.advance(86400)
        with world.outbox.write() as tx:
            assert tx.purge_audit(world.clock.now())
        assert records(path)[0]["number"] == head.number + 1
    world.restart()
    world.message("next", draft(visit("v7")))
    assert found(judge(path, trust=AUDIT_KEY.public.point)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET kind = 'x' WHERE number = 1",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM checkpoint",
    ],
)
def test_the_database_itself_refuses_a_slip_of_ours(world: World, path: Path, statement: str) -> None:
    day(world)
    sign(world)
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
