"""agent.retention: what is old goes, what is unread, unfinished or somebody else's stays."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.audit.heads import signer
from agent.audit.verifying import verify
from agent.clock import BEIJING, ManualClock
from agent.config import AgentConfig, load
from agent.crypto import keys as sm2_keys
from agent.crypto.at_rest import DataKey
from agent.errors import ConfigurationError
from agent.outbox.store import SqliteOutbox
from agent.replies.naming import result_name
from agent.retention.ages import came_at
from agent.retention.files import older
from agent.retention.plan import Retention
from tests.contract.outbox_world import World, accepted, draft, visit

DAY = 86400.0
REPOSITORY = Path(__file__).parents[2]
AUDIT_KEY = sm2_keys.generate()


class Station:
    """A configured installation with an outbox, a clock to wind and files of any age."""

    def __init__(self, root: Path, settings: str = "") -> None:
        path = root / "a.toml"
        path.write_text(
            f'[agent]\ndata = "data"\n{settings}\n[systems.ministry]\n[folders.inbox]\nsystem = "ministry"\n'
        )
        self.config: AgentConfig = load(path)
        self.clock = ManualClock()
        self.stopping = threading.Event()

        def opened() -> SqliteOutbox:
            return SqliteOutbox(self.config.data / "outbox.db", DataKey(1, b"k" * 32), clock=self.clock)

        self.world = World(opened(), self.clock, opened)
        self.retention = Retention(self.config, self.world.outbox, self.clock, self.stopping)

    def file(self, name: str, *, days: float = 0) -> Path:
        """A file below the data root that was last touched so many days ago."""
        path = self.config.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"invented")
        then = self.clock.now().timestamp() - days * DAY
        os.utime(path, (then, then))
        return path

    def counts(self, *, dry: bool) -> dict[str, int]:
        found = self.retention.due() if dry else self.retention.carry_out()
        return {name: tally.count for name, tally in found.items() if tally.count}


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    built = Station(tmp_path)
    _no_change_times(monkeypatch)
    yield built
    built.world.outbox.close()


def _no_change_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's change time cannot be set: as on a system that has none, the HIS's own time counts here."""
    monkeypatch.setattr("agent.retention.files.came_at", lambda path: path.lstat().st_mtime)


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "old", "young"),
    [
        ("archive", "archive/2025/09/30/a.json", "archive/2025/12/31/a.json"),
        ("rejected", "rejected/old.json", "rejected/young.json"),
        ("logs", "logs/his-agent.jsonl.3", "logs/his-agent.jsonl.1"),
    ],
)
def test_what_is_older_than_its_time_goes_and_what_is_younger_stays(
    station: Station, rule: str, old: str, young: str
) -> None:
    gone, stays = station.file(old, days=200), station.file(young, days=10)
    assert station.counts(dry=True) == {rule: 1}
    assert gone.exists(), "a dry run changes nothing"
    assert station.counts(dry=False) == {rule: 1}
    assert (gone.exists(), stays.exists()) == (False, True)
    assert station.counts(dry=True) == {}


def test_a_rejected_file_is_as_old_as_its_stay_there_however_old_the_his_made_it(tmp_path: Path) -> None:
    old, moved = tmp_path / "old.json", tmp_path / "rejected" / "moved.json"
    old.write_bytes(b"invented")
    os.utime(old, (0, 0))
    moved.parent.mkdir()
    before = time.time() - 2
    old.rename(moved)
    assert moved.lstat().st_mtime == 0
    assert before <= came_at(moved) <= time.time() + 2
    assert list(older(moved.parent, datetime.fromtimestamp(before, BEIJING))) == []
    assert list(older(moved.parent, datetime.fromtimestamp(time.time() + 3, BEIJING))) == [moved]


def test_an_archive_is_judged_by_its_day_not_by_the_times_of_the_his(station: Station) -> None:
    stays = station.file("archive/2025/12/31/copied-from-an-old-backup.json", days=3000)
    assert station.counts(dry=False) == {}
    assert stays.exists()


def test_emptied_days_go_and_a_day_with_a_stranger_in_it_stays(station: Station) -> None:
    station.file("archive/2025/01/02/a.json")
    stranger = station.config.data / "archive/2025/01/03/folder/notes.txt"
    station.file("archive/2025/01/03/folder/notes.txt", days=400)
    station.counts(dry=False)
    assert not (station.config.data / "archive/2025/01/02").exists()
    assert stranger.exists()


@pytest.mark.parametrize(
    "name",
    [
        "archive/notes.txt",
        "archive/2025/13/45/a.json",
        "archive/2025/1/2/a.json",
        "rejected/folder/a.json",
        "logs/his-agent.jsonl",
        "logs/other.jsonl.1",
        "results/inbox/unread.json.A1.result.json",
        "downloads/GYD001/page-1.json",
        "inbox/inbox/waiting.json",
        "inbox/inbox/.taking/claimed.json",
        "numbers.json",
    ],
)
def test_what_is_unread_waiting_in_use_or_not_ours_stays_however_old(station: Station, name: str) -> None:
    path = station.file(name, days=5000)
    assert station.counts(dry=False) == {}
    assert path.exists()


def test_a_link_is_not_followed_and_its_target_stays(station: Station) -> None:
    target = station.file("elsewhere/secret.json", days=500)
    link = station.config.data / "rejected/link.json"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    (station.config.data / "archive").symlink_to(target.parent, target_is_directory=True)
    assert station.counts(dry=False) == {}
    assert target.exists()
    assert link.is_symlink()


def test_a_download_goes_with_its_mark_once_it_was_marked_as_read(station: Station) -> None:
    page = station.file("downloads/GYD001/page-1.json", days=400)
    mark = station.file("downloads/GYD001/page-1.json.ack", days=31)
    unread = station.file("downloads/GYD001/page-2.json", days=400)
    young = station.file("downloads/GYD002/page-1.json", days=400)
    station.file("downloads/GYD002/page-1.json.ack", days=29)
    assert station.counts(dry=False) == {"downloads": 2}
    assert [path.exists() for path in (page, mark, unread, young)] == [False, False, True, True]


def test_a_scan_goes_with_its_mark_once_it_was_marked_as_read_and_never_before(station: Station) -> None:
    card = station.file("scans/card-1.json", days=400)
    mark = station.file("scans/card-1.json.ack", days=31)
    unread = station.file("scans/scan-2.json", days=4000)
    young = station.file("scans/card-3.authentication.json", days=400)
    station.file("scans/card-3.authentication.json.ack", days=29)
    assert station.counts(dry=True) == {"scans": 2}
    assert station.counts(dry=False) == {"scans": 2}
    assert [path.exists() for path in (card, mark, unread, young)] == [False, False, True, True]


def test_a_file_that_cannot_be_removed_is_counted_and_stops_no_other(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (station.file(f"rejected/{name}.json", days=200) for name in "ab")
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "a.json":
            raise PermissionError(13, "open in another program")
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    done = station.retention.carry_out()["rejected"]
    assert (done.count, done.failed) == (1, 1)
    assert (first.exists(), second.exists()) == (True, False)


def test_a_stop_ends_a_purge_between_two_files(station: Station) -> None:
    left = [station.file(f"rejected/{name}.json", days=200) for name in "ab"]
    station.stopping.set()
    assert station.counts(dry=False) == {}
    assert all(path.exists() for path in left)


def test_zero_days_keep_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("archive", "rejected", "results", "downloads", "scans", "messages", "logs")
    kept = Station(tmp_path, "[retention]\n" + "".join(f"{name}_days = 0\n" for name in names))
    _no_change_times(monkeypatch)
    paths = [kept.file(name, days=5000) for name in ("archive/2001/01/01/a.json", "rejected/a.json")]
    kept.world.message("A", draft(visit("v1")))
    kept.world.deliver(accepted())
    kept.world.write_results()
    kept.clock.advance(5000 * DAY)
    assert kept.counts(dry=False) == {}
    assert all(path.exists() for path in paths)
    kept.world.outbox.close()


def test_less_than_half_a_year_of_audit_trail_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("[retention]\naudit_days = 182\n")
    with pytest.raises(ConfigurationError, match="audit_days"):
        load(path)


# -- the database ---------------------------------------------------------------------------------


def test_finished_and_told_submissions_lose_their_contents_and_keep_id_and_result(station: Station) -> None:
    world = station.world
    first = world.accept("A", draft(visit("v1")))
    world.deliver(accepted(data={"aaz217": "N1"}))
    world.accept("open", draft(visit("v2")))
    told = world.write_results()
    world.accept("untold", draft(visit("v3"), lane="other"))
    station.clock.advance(181 * DAY)
    assert station.counts(dry=True) == {"messages": 1}
    assert len(world.outbox.messages()) == 3
    assert station.counts(dry=False) == {"messages": 1}
    assert sorted(view.his_id for view in world.outbox.messages()) == ["open", "untold"]
    assert world.result(first.submission)["data"] == {"aaz217": "N1"}
    again = world.accept("A", draft(visit("v1")))
    assert (again.receipt, again.submission) == ("repeated", first.submission)
    assert next(result for result in world.write_results() if result["id"] == "A") == {
        **next(result for result in told if result["id"] == "A"),
        "file": "A.json",
    }


def test_more_than_one_batch_is_purged_in_several_commits(station: Station) -> None:
    for number in range(230):
        station.world.message(f"A{number}", draft(visit(f"v{number}")))
    station.world.deliver_all()
    station.world.write_results()
    station.clock.advance(181 * DAY)
    winder = threading.Thread(target=_wind, args=(station,))
    winder.start()
    assert station.counts(dry=False) == {"messages": 230}
    station.stopping.set()
    winder.join()


def _wind(station: Station) -> None:
    while not station.stopping.wait(0.01):
        station.clock.advance(1)


def test_an_acknowledged_result_that_was_open_in_the_his_goes_later_an_unread_one_never(
    station: Station,
) -> None:
    world = station.world
    read, unread = world.accept("A", draft(visit("v1"))), world.accept("B", draft(visit("v2")))
    world.deliver_all()
    folder = station.config.folders[0].results
    folder.mkdir(parents=True)
    paths = {}
    for result in world.write_results():
        paths[result["id"]] = folder / result_name(result["file"], result["id"], "json")
        paths[result["id"]].write_text(json.dumps(result))
    world.act("acknowledge", read.submission, "control file")
    station.clock.advance(8 * DAY)
    assert station.counts(dry=False) == {"results": 1}
    assert (paths["A"].exists(), paths["B"].exists()) == (False, True)
    station.clock.advance(400 * DAY)
    station.retention.carry_out()
    assert paths["B"].exists()
    assert world.result(unread.submission)["state"] == "accepted"


def test_a_purge_is_recorded_with_who_asked_for_it_and_what_went(station: Station) -> None:
    station.file("rejected/a.json", days=200)
    station.retention.carry_out("officer", "house rule 7")
    (record,) = [
        entry for entry in station.world.outbox.audit_records(0, 100) if entry["kind"] == "retention.purged"
    ]
    assert (record["who"], record["why"], record["details"]) == ("officer", "house rule 7", {"rejected": 1})


def test_what_goes_is_not_named_in_the_log(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    station.file("rejected/张某某-51010119000101999X.json", days=200)
    with caplog.at_level("DEBUG"):
        station.retention.carry_out()
    assert "张某某" not in caplog.text


# -- all of it, and a kill in the middle ----------------------------------------------------------------


class Restless(ManualClock):
    """Nobody winds it while a purge takes breath between two commits."""

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        return event.is_set()


def aged(station: Station) -> None:
    """Something for every rule, and beside each what stays."""
    world = station.world
    for number in range(13):
        world.message(f"A{number}", draft(visit(f"v{number}")))
    world.deliver_all()
    world.accept("unread", draft(visit("u")))
    world.deliver_all()
    world.write_results()
    world.message("open", draft(visit("o")))
    with world.outbox.write() as tx:
        tx.sign_audit(signer(lambda: AUDIT_KEY), station.clock.now())
    station.clock.advance(1200 * DAY)
    for day in ("01", "02", "03"):
        station.file(f"archive/2025/01/{day}/a.json")
    station.file("downloads/GYD001/page-1.json", days=400)
    station.file("downloads/GYD001/page-1.json.ack", days=400)
    station.file("downloads/GYD001/unread.json", days=400)


def test_a_dry_run_counts_just_what_the_real_one_lets_go(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.retention.plan._BATCH", 5)
    aged(station)
    station.retention._clock = Restless(station.clock.now())
    foreseen = station.retention.due()
    assert {name for name, tally in foreseen.items() if tally.count} >= {
        "archive",
        "downloads",
        "messages",
        "audit",
    }
    assert station.retention.due() == foreseen, "looking changes nothing"
    assert station.retention.carry_out() == foreseen
    assert not any(tally.count for tally in station.retention.due().values())


@pytest.mark.kill
@pytest.mark.parametrize(
    "point",
    [
        *("retention.removed_file:1", "retention.removed_file:4", "outbox.before_commit:2"),
        *("outbox.after_commit:1", "outbox.after_commit:3"),
    ],
)
def test_a_purge_that_was_killed_is_finished_by_the_next_and_loses_nothing_that_stays(
    tmp_path: Path, point: str
) -> None:
    station = Station(tmp_path)
    aged(station)
    before = {
        view.his_id: station.world.result(view.submission)
        for view in station.world.outbox.messages(limit=999)
    }
    station.world.outbox.close()
    code = (
        "import sys; from pathlib import Path; from datetime import datetime\n"
        "from tests.unit import test_retention as t\n"
        "import agent.retention.plan as plan; plan._BATCH = 5\n"
        "station = t.Station(Path(sys.argv[1]))\n"
        "station.retention._clock = t.Restless(datetime.fromisoformat(sys.argv[2]))\n"
        "import agent.faults as f; f._NAME, _, f._NTH = sys.argv[3].partition(':')  # not while it opens\n"
        "station.retention.carry_out()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), station.clock.now().isoformat(), point],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    again = Station(tmp_path)
    again.retention._clock = Restless(station.clock.now())
    again.retention.carry_out()
    assert not any(tally.count for tally in again.retention.due().values())
    assert [view.his_id for view in again.world.outbox.messages(limit=999)] == ["open"]
    assert (again.config.data / "downloads/GYD001/unread.json").exists()
    repeated = again.world.accept("A7", draft(visit("v7")), event_id="again")
    assert repeated.receipt == "repeated"
    assert again.world.result(repeated.submission) == before["A7"]
    with closing(sqlite3.connect(again.config.data / "outbox.db")) as connection:
        assert verify(connection).problems == ()
    again.world.outbox.close()
