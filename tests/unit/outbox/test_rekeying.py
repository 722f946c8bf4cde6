"""A new data key: all is sealed anew and found again, whenever the process dies; the old one opens none."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey, key_id_of
from agent.errors import CiphertextRejected, ConfigurationError, KeyMissing, StoreError, StoreLocked
from agent.keys import DATA_KEY, NEXT_DATA_KEY, KeyRing
from agent.keys_systemd import CredentialsKeyring
from agent.opening import open_outbox
from agent.outbox import places
from agent.outbox.store import SqliteOutbox
from agent.rekeying import rekey
from tests.acceptance.plain_keyring import PlainKeyring
from tests.contract import test_outbox_downloads, test_outbox_facts, test_outbox_waits
from tests.contract.outbox_world import FAULT, World, accepted, draft, partial, query, rejected, visit
from tests.unit.outbox import test_secrecy

REPOSITORY = Path(__file__).parents[3]


def plain() -> PlainKeyring:
    return PlainKeyring()  # type: ignore[no-untyped-call]


class Safe:
    """A database with a busy day in it, and the keyring of its data key, in files."""

    def __init__(self, root: Path) -> None:
        self.path = root / "outbox.db"
        self.clock = ManualClock()
        self.ring = KeyRing(backend=plain())
        self.world = World(self.open(), self.clock, self.open)

    def open(self) -> SqliteOutbox:
        ring = KeyRing(backend=plain())  # as another process would: nothing is remembered
        return open_outbox(self.path, keys=ring, clock=self.clock, answer_within_s=20)

    def rekey(self) -> int:
        ring = KeyRing(backend=plain())
        return rekey(self.path, ring, self.clock, "officer", "a laptop was stolen", lambda _table: None)

    def story(self) -> list[Any]:
        """Everything that can be seen of the database."""
        outbox = self.world.outbox
        views = outbox.messages(limit=1000)
        submissions = sorted({view.submission for view in views})
        return [
            *(repr(view) for view in views),
            *(view.his_id for view in views),
            *(outbox.history(view.message) for view in views),
            *(outbox.result(number) for number in submissions),
            *(outbox.body(number) for number in submissions),
            outbox.messages_by_wire_id("W000001"),
            outbox.messages_by_wire_id("WF"),
            outbox.reserved(),
            outbox.waits(),
            outbox.due_downloads(100),
            *(outbox.content(view.submission, PDF) for view in views if view.his_id == "with a file"),
        ]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Safe]:
    monkeypatch.setenv("PLAIN_KEYRING", str(tmp_path / "keyring.json"))
    built = Safe(tmp_path)
    yield built
    built.world.outbox.close()


PDF = "digest of the pdf"


def purged(world: World) -> None:
    """A finished submission of which only its id and its final result are left."""
    world.message("old", draft(visit("old")))
    world.deliver(accepted(data={"aaz217": "N1"}))
    world.write_results()
    world.clock.advance(1)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now()) == 1


def waiting(world: World) -> None:
    """What waits for a scan, with a scan; for a fact; a download in hand; an attachment; two names of one
    thing; an attempt that was completed for it."""
    wait = world.take(test_outbox_waits.waiting(world, "scanning", "vs"))
    with world.outbox.write() as tx:
        assert tx.take_scan(wait.submission, "scan-1", {"text": "81"})
    world.message("held", draft(visit("vh")))
    test_outbox_facts.hold(world)
    test_outbox_downloads.download(world, test_outbox_downloads.feedback(), pages=2)
    fee = test_outbox_facts.fact("member", "12.50", key="vm")
    test_outbox_facts.give(world, fee, aliases=(test_outbox_facts.AZ,))
    carrying = draft(visit("vf"), body={"f": {"$file": PDF}})
    message = world.message("with a file", carrying, files=True, contents={PDF: b"%PDF invented"})
    with world.outbox.write() as tx:
        other = draft(visit("vf"), body={"completed": "某甲"})
        tx.begin(message, {"wire_id": "WF"}, world.clock.now(), other)
        tx.doubt(message, 1, "lost", world.clock.now())
        tx.leave_unknown(message, "nobody knows", world.clock.now())


def busy(safe: Safe) -> None:
    """Something of everything, a part of it unfinished, with scopes that wait for one another."""
    world = safe.world
    purged(world)
    waiting(world)
    test_secrecy._busy_day(world)
    for number in range(30):
        world.accept(f"M{number}", draft(visit(f"v{number % 7}")), body={"name": "某甲"})
    world.accept("later", draft(visit("v0")), after="M0")
    world.deliver(accepted(slots={"a": "1"}))
    world.deliver(rejected())
    world.deliver(partial(visit("v2")))
    world.lose()
    world.accept("asked", query(visit("v3")))
    world.accept("bad", faults=(FAULT,))
    with world.outbox.write() as tx:
        tx.note_control("control-1", done=True)


def test_all_of_it_reads_and_is_found_as_before(safe: Safe) -> None:
    busy(safe)
    before = safe.story()
    safe.world.outbox.close()
    assert safe.rekey() == 2
    safe.world.outbox = safe.open()
    assert safe.story() == before
    world = safe.world
    assert world.accept("M5", draft(visit("v5")), body={"name": "某甲"}).receipt == "repeated"
    with world.outbox.write() as tx:
        assert not tx.take_scan(world.outbox.waits()[0].submission, "scan-1", {"text": "81"}), "it is known"
    assert world.accept("old", draft(visit("old"))).receipt == "repeated"
    with world.outbox.write() as tx:
        assert tx.control_done("control-1") is True
        assert tx.control_done("control-2") is None
        assert len(tx.find("ministry", "M7")) == 1
    sent = world.deliver_all()
    world.restart()
    assert sent
    assert world.outbox.audit_records(0, 10_000)[-1]["kind"] != ""


def test_who_waited_for_whom_before_still_does_and_is_let_go(safe: Safe) -> None:
    world = safe.world
    first, second = world.message("A", draft(visit("v1"))), world.message("B", draft(visit("v1")))
    lost = world.lose()
    assert lost == first
    third = world.message("C", draft(visit("v1")))
    world.outbox.close()
    safe.rekey()
    world.outbox = safe.open()
    assert [world.state(number) for number in (first, second, third)] == ["unknown", "blocked", "blocked"]
    fourth = world.message("D", draft(visit("v1")))
    world.resolve(first, "accepted")
    assert world.deliver_all() == [second, third, fourth]


def test_a_second_change_works_on_the_first(safe: Safe) -> None:
    busy(safe)
    before = safe.story()
    safe.world.outbox.close()
    assert (safe.rekey(), safe.rekey()) == (2, 3)
    safe.world.outbox = safe.open()
    assert safe.story() == before
    assert safe.world.accept("M5", draft(visit("v5")), body={"name": "某甲"}).receipt == "repeated"


def test_nothing_is_left_that_the_old_key_opens_or_that_stands_as_it_stood(safe: Safe) -> None:
    busy(safe)
    safe.world.outbox.close()
    values: dict[str, set[bytes]] = {}
    with closing(sqlite3.connect(safe.path)) as connection:
        for table in places.tables(connection):
            for column in (*table.keys, *table.sealed):
                rows = connection.execute(f"SELECT {column} FROM {table.name} WHERE length({column}) > 0")
                values[f"{table.name}.{column}"] = {bytes(row[0]) for row in rows}
    assert [name for name, found in values.items() if not found] == [], "columns that this day leaves empty"
    old = DataKey(1, safe.ring.data_key(create=False))
    safe.rekey()
    content = b"".join(
        file.read_bytes() for file in safe.path.parent.iterdir() if file.name != "keyring.json"
    )
    assert [name for name, found in values.items() if any(value in content for value in found)] == []
    with closing(sqlite3.connect(safe.path)) as connection:
        for table in places.tables(connection):
            for column in table.sealed:
                rows = connection.execute(f"SELECT {column} FROM {table.name} WHERE {column} IS NOT NULL")
                for (blob,) in rows:
                    assert key_id_of(bytes(blob)) == 2, (table.name, column)
    with pytest.raises(KeyMissing):
        SqliteOutbox(safe.path, old, clock=safe.clock)
    assert safe.ring.names() == (DATA_KEY,)
    safe.world.outbox = safe.open()


def test_the_change_is_in_the_audit_trail_and_the_trail_stays_whole(safe: Safe) -> None:
    busy(safe)
    safe.world.outbox.close()
    safe.rekey()
    safe.world.outbox = safe.open()
    told = [r for r in safe.world.outbox.audit_records(0, 10_000) if r["kind"].startswith("data_key.")]
    assert [record["kind"] for record in told] == ["data_key.changing", "data_key.changed"]
    for record in told:
        shown = (record["who"], record["why"], record["details"])
        assert shown == ("officer", "a laptop was stolen", {"key": 2})
    assert safe.world.outbox.damaged_notes() == []


def recorded(safe: Safe) -> list[str]:
    return [str(record["kind"]) for record in safe.world.outbox.audit_records(0, 10_000)]


POINTS = (
    *("rekey.before_batch:1", "rekey.after_batch:1", "rekey.after_batch:4", "rekey.before_batch:9"),
    *("rekey.after_batch:11", "rekey.before_finish", "rekey.before_record"),
    *("rekey.before_promotion", "keys.promoting"),
)


@pytest.mark.kill
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_anywhere_is_survived_and_the_change_resumed(
    safe: Safe, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.outbox.rekeying.BATCH", 7)
    busy(safe)
    before = safe.story()
    safe.world.outbox.close()
    code = (
        "from pathlib import Path; import sys, agent.outbox.rekeying as r; r.BATCH = 7\n"
        "from agent.clock import ManualClock; from agent.keys import KeyRing\n"
        "from agent.rekeying import rekey; from tests.acceptance.plain_keyring import PlainKeyring\n"
        "ring = KeyRing(backend=PlainKeyring())\n"
        "rekey(Path(sys.argv[1]), ring, ManualClock(), 'x', '', lambda table: None)"
    )
    environment = os.environ | {"HIS_AGENT_CRASH_AT": point, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(safe.path)], env=environment, cwd=REPOSITORY, check=False
    )
    assert done.returncode == -signal.SIGKILL
    if point.startswith("rekey.") and point not in {"rekey.before_record", "rekey.before_promotion"}:
        with pytest.raises(StoreError, match="rekey"):
            safe.open()
        assert safe.rekey() == 2
    else:
        safe.world.outbox = safe.open()  # nobody has to come back for what happened to be on record
        assert ("data_key.changed" in recorded(safe)) is (point != "rekey.before_record")
        safe.world.outbox.close()
        assert safe.rekey() in {2, 3}
    safe.world.outbox = safe.open()
    assert safe.story() == before
    assert {"data_key.changing", "data_key.changed"} <= set(recorded(safe))
    assert safe.ring.names() == (DATA_KEY,)
    assert safe.world.accept("M5", draft(visit("v5")), body={"name": "某甲"}).receipt == "repeated"
    with closing(sqlite3.connect(safe.path)) as connection:
        key = DataKey(1, b"0" * 32)
        assert len(list(places.damaged(connection, key))) > 50, "the search for damage does look"


def test_between_the_last_row_and_the_keyring_the_agent_starts_with_the_new_key(safe: Safe) -> None:
    safe.world.message("A", draft(visit("v1")))
    safe.world.outbox.close()
    old = safe.ring.get(DATA_KEY)
    safe.rekey()
    new = KeyRing(backend=plain()).get(DATA_KEY)
    backend = KeyRing(backend=plain())
    backend.set(DATA_KEY, old)
    backend.set(NEXT_DATA_KEY, new)
    safe.world.outbox = safe.open()
    assert [view.his_id for view in safe.world.outbox.messages()] == ["A"]


def test_a_running_agent_and_a_missing_key_stop_the_change_before_it_begins(safe: Safe) -> None:
    safe.world.message("A", draft(visit("v1")))
    with pytest.raises(StoreLocked):
        safe.rekey()
    safe.world.outbox.close()
    kept = safe.ring.get(DATA_KEY)
    plain().delete_password("his-agent", DATA_KEY)
    with pytest.raises(KeyMissing):
        safe.rekey()
    KeyRing(backend=plain()).set(DATA_KEY, kept)
    safe.world.outbox = safe.open()
    assert NEXT_DATA_KEY not in safe.ring.names()


def test_a_keyring_that_can_only_be_read_changes_nothing_and_says_so(
    safe: Safe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe.world.message("A", draft(visit("v1")))
    safe.world.outbox.close()
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    credential = folder / "agent__data-key"
    credential.write_text(safe.ring.get(DATA_KEY))
    credential.chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    ring = KeyRing(backend=CredentialsKeyring())  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigurationError, match="systemd"):
        rekey(safe.path, ring, safe.clock, "officer", "", lambda _table: None)
    safe.world.outbox = safe.open()
    assert not [kind for kind in recorded(safe) if kind.startswith("data_key.")]
    assert [view.his_id for view in safe.world.outbox.messages()] == ["A"]


def test_a_lost_new_key_stops_a_resumed_change_and_loses_nothing(safe: Safe) -> None:
    safe.world.message("A", draft(visit("v1")))
    safe.world.outbox.close()
    safe.rekey()
    with closing(sqlite3.connect(safe.path)) as connection:
        told = b'{"to":3,"check":"","table":0,"after":0}'
        connection.execute("INSERT INTO meta VALUES ('rekey', ?)", (told,))
        connection.commit()
    with pytest.raises(KeyMissing, match=r"data-key\.next"):
        safe.rekey()
    with closing(sqlite3.connect(safe.path)) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'rekey'")
        connection.commit()
    safe.world.outbox = safe.open()


def test_a_value_that_does_not_open_stops_the_change_and_is_named(safe: Safe) -> None:
    message = safe.world.message("A", draft(visit("v1")))
    safe.world.outbox.close()
    with closing(sqlite3.connect(safe.path)) as connection:
        (blob,) = connection.execute("SELECT content_sealed FROM draft").fetchone()
        changed = bytearray(blob)
        changed[-1] ^= 1
        connection.execute("UPDATE draft SET content_sealed = ?", (bytes(changed),))
        connection.commit()
    with pytest.raises(CiphertextRejected) as caught:
        safe.rekey()
    assert (caught.value.details["place"], caught.value.details["row"]) == ("draft|content", str(message))
    with closing(sqlite3.connect(safe.path)) as connection:
        connection.execute("UPDATE draft SET content_sealed = ?", (blob,))
        connection.commit()
    assert safe.rekey() == 2
    safe.world.outbox = safe.open()


# -- places ---------------------------------------------------------------------------------------


def test_every_sealed_column_says_what_its_values_are_bound_to(safe: Safe) -> None:
    with closing(sqlite3.connect(safe.path)) as connection:
        found = places.tables(connection)
    assert {table.name for table in found if table.sealed} == set(places.IDENTITY)
    whole = {table.name for table in found if not table.order}
    assert not whole & {"draft", "answer", "attempt", "body", "content", "submission", "audit", "reply"}


def test_every_sealed_value_of_a_busy_day_opens_at_the_place_that_is_named(safe: Safe) -> None:
    busy(safe)
    safe.world.outbox.close()
    key = DataKey(1, safe.ring.data_key(create=False))
    with closing(sqlite3.connect(safe.path)) as connection:
        assert list(places.damaged(connection, key)) == []
        filled = {
            f"{table.name}.{column}"
            for table in places.tables(connection)
            for column in table.sealed
            if connection.execute(f"SELECT 1 FROM {table.name} WHERE {column} IS NOT NULL").fetchone()
        }
        every = {f"{t.name}.{column}" for t in places.tables(connection) for column in t.sealed}
    assert filled == every
    safe.world.outbox = safe.open()


@pytest.mark.parametrize("table", sorted(places.IDENTITY))
def test_a_flipped_bit_of_a_sealed_value_is_found_and_named(safe: Safe, table: str) -> None:
    busy(safe)
    safe.world.outbox.close()
    key = DataKey(1, safe.ring.data_key(create=False))
    with closing(sqlite3.connect(safe.path)) as connection:
        (found,) = [one for one in places.tables(connection) if one.name == table]
        column = found.sealed[0]
        row, blob = connection.execute(
            f"SELECT {found.identity()}, {column} FROM {table} WHERE {column} IS NOT NULL"
        ).fetchone()
        for byte in {0, 1, 4, 5, 17, len(blob) // 2, len(blob) - 1}:
            changed = bytearray(blob)
            changed[byte] ^= 0x10
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {found.identity()} = ?", (bytes(changed), str(row))
            )
            assert list(places.damaged(connection, key)) == [(found.place(column), str(row))], byte
        connection.rollback()
    safe.world.outbox = safe.open()
