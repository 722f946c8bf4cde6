"""The verbs of the audit trail and of retention, and their commands without a daemon."""

from __future__ import annotations

import getpass
import io
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.audit.heads import signer
from agent.cli import execute, exits
from agent.clock import ManualClock
from agent.control.verbs import complete
from agent.crypto.keys import generate, load_private
from agent.errors import ControlError
from agent.keys import AUDIT_KEY, DATA_KEY, KeyRing
from agent.keys_memory import MemoryKeyring
from agent.opening import open_outbox
from agent.records import RecordHandlers
from tests.acceptance.plain_keyring import PlainKeyring
from tests.contract.outbox_world import World, accepted, draft, visit
from tests.unit.test_retention import Station


class Desk(Station):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ring = KeyRing(backend=MemoryKeyring())
        self.handlers = RecordHandlers(
            self.config, self.world.outbox, self.ring, self.clock, self.stopping
        ).handlers()

    def call(self, verb: str, **args: object) -> Any:
        return self.handlers[verb](complete(verb, args))

    def sign(self) -> None:
        key = load_private(self.ring.audit_key(create=True))
        with self.world.outbox.write() as tx:
            tx.sign_audit(signer(lambda: key), self.clock.now())

    def change(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.config.data / "outbox.db")) as connection:
            connection.execute("DROP TRIGGER IF EXISTS audit_is_never_changed")
            connection.execute(statement, values)
            connection.commit()


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    built = Desk(tmp_path)
    built.world.message("A", draft(visit("v1")))
    built.world.lose()
    built.world.resolve(1, "accepted")
    built.sign()
    yield built
    built.world.outbox.close()


def test_a_trail_that_nobody_touched_is_told_with_its_head(desk: Desk) -> None:
    report = desk.call("audit.verify", contents=True)
    assert (report["ok"], report["problems"], report["checkpoints"]) == (True, [], 1)
    assert desk.call("audit.verify", heads=report["head"])["ok"]


def test_a_head_from_the_system_log_that_is_beyond_the_end_is_told(desk: Desk) -> None:
    report = desk.call("audit.verify", heads=f"x audit head 99999 {'ab' * 32} y")
    assert [problem["what"] for problem in report["problems"]] == ["cut"]


def test_a_signature_of_another_key_is_told(desk: Desk) -> None:
    desk.ring.set(AUDIT_KEY, generate().to_pem())
    assert [problem["what"] for problem in desk.call("audit.verify")["problems"]] == ["stranger"]


def test_who_and_why_that_were_changed_or_moved_are_told(desk: Desk) -> None:
    (number,) = [r["number"] for r in desk.call("audit.export")["records"] if r["who"]]
    desk.change("UPDATE audit SET note_sealed = X'00' WHERE number = ?", number)
    report = desk.call("audit.verify")
    assert [(problem["what"], problem["record"]) for problem in report["problems"]] == [("note", number)]


def test_damaged_records_are_exported_among_the_others(desk: Desk) -> None:
    whole = desk.call("audit.export")["records"]
    (number,) = [record["number"] for record in whole if record["who"]]
    desk.change("UPDATE audit SET note_sealed = X'00' WHERE number = ?", number)
    desk.change("UPDATE audit SET facts = '{' WHERE number = 1")
    told = {record["number"]: record for record in desk.call("audit.export")["records"]}
    assert len(told) == len(whole)
    assert (told[number]["who"], told[1]["details"]) == ("(damaged)", {"(damaged)": True})
    assert told[2] == whole[1]


def test_a_payload_that_was_changed_is_named_when_contents_are_asked_for(desk: Desk) -> None:
    desk.change("UPDATE draft SET content_sealed = zeroblob(80)")
    assert desk.call("audit.verify")["ok"]
    (problem,) = desk.call("audit.verify", contents=True)["problems"]
    assert "draft|content，1" in problem["message"]


def test_the_trail_is_exported_in_pages_with_who_and_why(desk: Desk) -> None:
    whole = desk.call("audit.export")["records"]
    paged: list[object] = []
    while page := desk.call("audit.export", after=len(paged), limit=2)["records"]:
        paged += page
    assert paged == whole
    (act,) = [record for record in whole if record["who"]]
    assert (act["kind"], act["who"], act["why"]) == ("act.resolve:accepted", "收费员甲", "已电话核实")
    with pytest.raises(ControlError):
        desk.call("audit.export", limit=5001)


def test_a_dry_run_says_what_would_go_and_the_real_one_lets_it_go(desk: Desk) -> None:
    desk.file("rejected/a.json")
    desk.clock.advance(200 * 86400)
    for dry in (True, False):
        answer = desk.call("retention", dry_run=dry, who="officer", why="because")
        assert (answer["dry_run"], answer["rules"]["messages"]["count"]) == (dry, 0)
    assert desk.call("audit.export")["records"][-1]["who"] == "officer"


# -- commands without a daemon ----------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose daemon ran once and stopped; the keyring is a file."""
    monkeypatch.setenv("PLAIN_KEYRING", str(tmp_path / "keyring.json"))
    ring = KeyRing(backend=PlainKeyring())  # type: ignore[no-untyped-call]
    monkeypatch.setattr("agent.cli.session.key_ring", lambda _config: ring)
    monkeypatch.setattr("agent.cli.direct.key_ring", lambda _config: ring)
    monkeypatch.setattr("agent.cli.rekey.key_ring", lambda _config: ring)
    path = tmp_path / "a.toml"
    path.write_text(
        '[agent]\ndata = "data"\n[systems.ministry]\nurl = "http://127.0.0.1:9/"\naccess_key = "510000001"\n'
    )
    clock = ManualClock()
    outbox = open_outbox(tmp_path / "data" / "outbox.db", keys=ring, clock=clock, answer_within_s=20)
    world = World(outbox, clock, lambda: outbox)
    world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    outbox.close()
    return path


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = execute([str(argument) for argument in arguments])
    sys.stdout.flush()
    return code, capfd.readouterr().out


def test_the_trail_is_verified_without_a_daemon_and_from_a_copy(
    installed: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out = run(capfd, "audit", "verify", "--contents", "--config", installed)
    assert (code, "没有发现改动" in out) == (exits.OK, True)
    code, out = run(capfd, "audit", "verify", "--database", installed.parent / "data" / "outbox.db", "--json")
    head = json.loads(out)["head"]
    log = tmp_path / "journal.txt"
    number = int(head.split()[2]) + 5
    log.write_text(f"Jan 01 ward his-agent[1]: audit head {number} {'00' * 32}\n", encoding="utf-16")
    code, out = run(capfd, "audit", "verify", "--config", installed, "--log", log)
    assert (code, "截断" in out) == (exits.FAILURE, True)


def test_the_trail_is_exported_to_a_new_file_and_never_over_another(
    installed: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = tmp_path / "audit.jsonl"
    assert run(capfd, "audit", "export", "--config", installed, "--output", output)[0] == exits.OK
    lines = [json.loads(line) for line in io.StringIO(output.read_text(encoding="utf-8"))]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert run(capfd, "audit", "export", "--config", installed, "--output", output)[0] == exits.CONFIGURATION


def test_retention_and_rekey_run_without_a_daemon(installed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = run(capfd, "retention", "--dry-run", "--config", installed)
    assert (code, "预览" in out) == (exits.OK, True)
    before = json.loads((installed.parent / "keyring.json").read_text())[f"his-agent {DATA_KEY}"]
    code, out = run(capfd, "rekey", "--reason", "drill", "--config", installed, "--json")
    assert (code, json.loads(out)) == (exits.OK, {"key": 2})
    assert json.loads((installed.parent / "keyring.json").read_text())[f"his-agent {DATA_KEY}"] != before
    code, out = run(capfd, "audit", "verify", "--contents", "--config", installed)
    assert (code, "没有发现改动" in out) == (exits.OK, True)


def test_what_is_done_to_keys_without_a_daemon_is_recorded_with_who_and_why(
    installed: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the data key itself, when it is brought back: without it the trail could not be opened before."""
    ring = KeyRing(backend=PlainKeyring())  # type: ignore[no-untyped-call]
    monkeypatch.setattr("agent.cli.keys_here.key_ring", lambda _config: ring)
    for act in (
        ("generate", "ministry/own-private", "--reason", "first"),
        ("generate", "ministry/own-private", "--rotate", "--reason", "yearly"),
        ("retire", "ministry/own-private", "--reason", "agreed by telephone"),
        ("remove", "ministry/own-private", "--yes", "--reason", "moved"),
    ):
        assert run(capfd, "keys", *act, "--here", "--config", installed)[0] == exits.OK, act
    kept = tmp_path / "data-key.txt"
    kept.write_text(ring.get(DATA_KEY))
    ring.remove(DATA_KEY)
    monkeypatch.setattr("agent.cli.direct.key_ring", lambda _config: KeyRing(backend=PlainKeyring()))  # type: ignore[no-untyped-call]
    code, _ = run(capfd, "keys", "generate", "ministry/own-private", "--here", "--config", installed)
    assert (code, ring.has("ministry/own-private")) == (exits.CONFIGURATION, False), "nothing goes unrecorded"
    back = ("import", DATA_KEY, kept, "--here", "--reason", "from the safe", "--config", installed)
    assert run(capfd, "keys", *back)[0] == exits.OK
    code, out = run(capfd, "audit", "export", "--config", installed)
    told = [record for line in out.splitlines() if (record := json.loads(line))["kind"].startswith("keys.")]
    assert [(record["kind"], record["details"]["key"], record["why"]) for record in told] == [
        ("keys.generate", "ministry/own-private", "first"),
        ("keys.generate", "ministry/own-private", "yearly"),
        ("keys.retire", "ministry/own-private", "agreed by telephone"),
        ("keys.remove", "ministry/own-private", "moved"),
        ("keys.import", DATA_KEY, "from the safe"),
    ]
    assert {record["who"] for record in told} == {getpass.getuser()}


def test_keys_are_not_changed_behind_a_running_agents_back(
    installed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing(backend=PlainKeyring())  # type: ignore[no-untyped-call]
    monkeypatch.setattr("agent.cli.keys_here.key_ring", lambda _config: ring)
    database = installed.parent / "data" / "outbox.db"
    outbox = open_outbox(database, keys=ring, clock=ManualClock(), answer_within_s=20)
    try:
        arguments = ("keys", "generate", "ministry/own-private", "--here", "--config", installed)
        assert execute([str(argument) for argument in arguments]) != exits.OK
        assert "--here" in capfd.readouterr().err
        assert not ring.has("ministry/own-private")
    finally:
        outbox.close()
