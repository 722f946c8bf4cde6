"""agent.upkeep: the head is signed once a day and told to the system's log; old things go once a day."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.audit.heads import read_heads
from agent.clock import BEIJING
from agent.crypto.keys import load_private
from agent.errors import StoreFull
from agent.keys import AUDIT_KEY, KeyRing
from agent.keys_memory import MemoryKeyring
from agent.records import verify_file
from agent.retention.plan import Retention
from agent.upkeep import Upkeep
from tests.contract.outbox_world import accepted, draft, visit
from tests.unit.test_retention import Station


class Kept(Station):
    def __init__(self, root: Path, ring: KeyRing) -> None:
        super().__init__(root)
        self.ring = ring
        self.told: list[str] = []
        self.upkeep = self.new()

    def new(self) -> Upkeep:
        return Upkeep(
            self.world.outbox, self.ring, self.clock, self.retention, self.stopping, tell=self.told.append
        )

    def verify(self, heads: str = "") -> Any:
        trusted = (load_private(self.ring.audit_key()).public.point,) if self.ring.has(AUDIT_KEY) else ()
        return verify_file(self.config.data / "outbox.db", trusted, read_heads(heads.splitlines()))


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    built = Kept(tmp_path, KeyRing(backend=MemoryKeyring()))
    yield built
    built.world.outbox.close()


def test_a_start_makes_the_audit_key_once_and_signs_the_head(kept: Kept) -> None:
    kept.upkeep.started()
    key = kept.ring.audit_key()
    kept.new().started()
    assert kept.ring.audit_key() == key
    report = kept.verify("\n".join(kept.told))
    assert (report.problems, report.checkpoints) == ((), 1)


def test_the_head_is_signed_once_a_day_across_restarts(kept: Kept) -> None:
    kept.clock.set_wall(datetime(2026, 1, 1, 23, 50, tzinfo=BEIJING))
    kept.upkeep.started()
    for _ in range(3):
        kept.upkeep.sign_if_due()
        kept.new().started()
    assert kept.verify().checkpoints == 1
    kept.clock.advance(660)
    kept.new().sign_if_due()
    assert (kept.verify().checkpoints, len(kept.told)) == (2, 2)


def test_a_clock_set_back_a_day_still_gets_its_signature(kept: Kept) -> None:
    kept.upkeep.started()
    kept.clock.set_wall(kept.clock.now() - timedelta(days=1))
    kept.world.message("A", draft(visit("v1")))
    kept.upkeep.sign_if_due()
    assert kept.verify().checkpoints == 2


def test_the_end_of_the_trail_is_in_the_system_log_after_a_stop(kept: Kept) -> None:
    kept.upkeep.started()
    kept.world.message("A", draft(visit("v1")))
    kept.world.deliver(accepted())
    kept.upkeep.stopped()
    assert read_heads(kept.told)[-1] == kept.verify().head
    assert kept.verify("\n".join(kept.told)).problems == ()


class Sealed(MemoryKeyring):
    """A keyring that takes nothing, as that of systemd's credentials."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PermissionError("read-only")


def test_a_keyring_that_takes_no_audit_key_stops_nothing_and_the_head_is_unsigned(tmp_path: Path) -> None:
    kept = Kept(tmp_path, KeyRing(backend=Sealed()))
    kept.upkeep.started()
    kept.upkeep.look_after()
    assert [problem.what for problem in kept.verify().problems] == ["unsigned"]
    kept.world.outbox.close()


def test_old_things_go_once_a_day(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    monkeypatch.setattr(Retention, "carry_out", lambda self: runs.append(kept.clock.now().date()))
    for _ in range(3):
        kept.upkeep.look_after()
    kept.clock.advance(86400)
    kept.upkeep.look_after()
    assert runs == sorted(set(runs))
    assert len(runs) == 2


def test_a_full_disk_puts_the_upkeep_off_and_the_next_look_does_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    full.set()
    real = Retention.carry_out

    def carry_out(self: Retention, *given: str) -> object:
        if full.is_set():
            raise StoreFull("磁盘空间不足")
        return real(self, *given)

    monkeypatch.setattr(Retention, "carry_out", carry_out)
    kept.file("archive/2001/01/01/a.json")
    kept.upkeep.look_after()
    full.clear()
    kept.upkeep.look_after()
    assert not list((kept.config.data / "archive").rglob("a.json"))
