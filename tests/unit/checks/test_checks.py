from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.checks import Level, run_checks, worst
from agent.checks.database import check_database
from agent.checks.folders import check_folders, check_scans
from agent.checks.keys import check_keys, check_sm2
from agent.checks.machine import check_clock, check_disk, judge_free
from agent.checks.model import Finding
from agent.clock import BEIJING, ManualClock
from agent.config import AgentConfig, load
from agent.crypto import backends
from agent.crypto import keys as sm2_keys
from agent.hookspecs import KeyUse
from agent.keys import DATA_KEY, NEXT_DATA_KEY, KeyRing
from agent.keys_memory import MemoryKeyring
from agent.opening import open_outbox
from agent.registry import Registry

unix_modes = pytest.mark.skipif(os.name == "nt", reason="modes")


@pytest.fixture
def config(tmp_path: Path) -> AgentConfig:
    """One system, every folder there."""
    path = tmp_path / "his-agent.toml"
    path.write_text(
        '[agent]\ndata = "data"\n[systems.ministry]\nurl = "http://127.0.0.1:9/"\naccess_key = "510000001"\n'
    )
    config = load(path)
    for folder in config.folders:
        for kind in (folder.inbox, folder.results, folder.archive, folder.rejected, folder.taking):
            kind.mkdir(mode=0o750, parents=True, exist_ok=True)
    config.data.chmod(0o750)
    return config


def faults(findings: Iterator[Finding] | list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings if finding.level is not Level.OK}


@pytest.fixture
def beijing_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(os.name == "nt", reason="the zone of a process can be set on Unix only")
@pytest.mark.usefixtures("beijing_machine")
class TestClock:
    def test_a_sound_clock_in_beijing_time_is_fine(self) -> None:
        assert not faults(check_clock(ManualClock()))

    @pytest.mark.parametrize("year", [1970, 2024, 2100])
    def test_a_year_that_cannot_be_is_an_error(self, year: int) -> None:
        (finding,) = check_clock(ManualClock(datetime(year, 6, 1, tzinfo=BEIJING)))
        assert finding.level is Level.ERROR

    def test_another_time_zone_of_the_machine_is_a_warning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import time

        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        (finding,) = check_clock(ManualClock())
        assert finding.level is Level.WARNING
        assert finding.hint


def test_free_space_is_judged_by_what_is_left(tmp_path: Path) -> None:
    grades = {judge_free(tmp_path, free).level for free in (4000, 2048)}
    assert grades == {Level.OK}
    assert judge_free(tmp_path, 2047).level is Level.WARNING
    assert judge_free(tmp_path, 255).level is Level.ERROR


def test_the_space_of_a_folder_that_is_not_there_cannot_be_told(tmp_path: Path) -> None:
    (finding,) = check_disk(tmp_path / "none")
    assert finding.level is Level.ERROR
    (finding,) = check_disk(tmp_path)
    assert "MB" in finding.message


def test_folders_that_are_there_and_writable_are_fine(config: AgentConfig) -> None:
    assert not faults(check_folders(config))
    assert not list(config.folders[0].inbox.glob("*.tmp")), "the check left its probe"


@pytest.mark.parametrize("kind", ["inbox", "results", "archive", "rejected", "taking"])
def test_a_missing_folder_is_named_with_the_way_to_make_it(config: AgentConfig, kind: str) -> None:
    shutil.rmtree(getattr(config.folders[0], kind))
    finding = faults(check_folders(config))[f"folders.ministry.{kind}"]
    assert finding.level is Level.ERROR
    assert "init" in finding.hint


def test_a_folder_that_two_inboxes_share_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_text(
        '[agent]\ndata = "data"\n[systems.ministry]\nurl = "http://127.0.0.1:9/"\naccess_key = "510000001"\n'
        '[folders.one]\nsystem = "ministry"\n[folders.two]\nsystem = "ministry"\n'
    )
    config = load(path)
    for folder in config.folders:
        for made in (folder.inbox, folder.results, folder.archive, folder.taking):
            made.mkdir(parents=True, exist_ok=True)
    told = [finding for finding in check_folders(config) if finding.level is Level.ERROR]
    assert [finding.subject for finding in told] == ["folders.one.rejected"]


@pytest.mark.parametrize("kind", ["downloads", "scans"])
def test_a_folder_is_made_when_it_is_needed_but_what_is_there_must_be_one(
    config: AgentConfig, kind: str
) -> None:
    path: Path = getattr(config, kind)
    assert not path.exists()
    assert str(path) not in faults(check_folders(config))
    path.write_bytes(b"")
    assert faults(check_folders(config))[str(path)].check == kind


def test_a_file_in_the_place_of_a_folder_is_told(config: AgentConfig) -> None:
    config.folders[0].results.rmdir()
    config.folders[0].results.write_text("")
    assert "不是文件夹" in faults(check_folders(config))["folders.ministry.results"].message


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(config: AgentConfig) -> None:
    config.folders[0].results.chmod(0o500)
    assert "不可写" in faults(check_folders(config))["folders.ministry.results"].message


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second volume")
def test_a_taking_folder_on_another_volume_is_an_error(config: AgentConfig) -> None:
    import tempfile
    from dataclasses import replace

    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == config.data.stat().st_dev:
            pytest.skip("the temporary folder lies on the same volume")
        moved = replace(config.folders[0], taking=Path(elsewhere))
        finding = faults(check_folders(replace(config, folders=(moved,))))["folders.ministry.taking"]
        assert "卷" in finding.message


@unix_modes
def test_a_data_root_open_to_everybody_is_a_warning(config: AgentConfig) -> None:
    config.data.chmod(0o755)
    assert faults(check_folders(config))[str(config.data)].level is Level.WARNING


def test_a_configuration_without_systems_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_text("")
    assert any(finding.check == "systems" for finding in faults(check_folders(load(path))).values())


OWN = KeyUse("alpha/own", "本方私钥", "sm2-private")


def test_a_key_that_is_there_shows_its_fingerprint() -> None:
    pair = sm2_keys.generate()
    ring = KeyRing(backend=MemoryKeyring())
    ring.set("alpha/own", pair.to_pem())
    findings = {finding.subject: finding for finding in check_keys(ring, [OWN])}
    assert pair.public.fingerprint() in findings["alpha/own"].message
    assert findings["alpha/own"].level is Level.OK


@pytest.mark.parametrize(("content", "word"), [(None, "缺少"), ("damaged", "私钥")])
def test_a_missing_or_damaged_key_is_an_error_that_says_what_to_do(content: str | None, word: str) -> None:
    ring = KeyRing(backend=MemoryKeyring())
    if content:
        ring.set("alpha/own", content)
    finding = faults(check_keys(ring, [OWN]))["alpha/own"]
    assert finding.level is Level.ERROR
    assert word in finding.message
    assert finding.hint


def test_a_forgetful_keyring_is_a_warning() -> None:
    (finding,) = check_keys(KeyRing(backend=MemoryKeyring()), [])
    assert finding.level is Level.WARNING


def test_without_a_keyring_the_cause_is_told_once_and_held_keys_are_still_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keyring
    from keyring.backends import fail

    monkeypatch.setattr(keyring.core, "_keyring_backend", fail.Keyring())  # type: ignore[no-untyped-call]
    held = KeyUse("alpha/held", "平台公钥", "sm2-public")
    ring = KeyRing(held={"alpha/held": sm2_keys.generate().public.to_pem()})
    found = {finding.subject: finding for finding in check_keys(ring, [OWN, held])}
    assert "gnome-keyring" in found["keyring"].hint
    assert "gnome-keyring" not in found["alpha/own"].hint
    assert found["alpha/own"].level is Level.ERROR
    assert found["alpha/held"].level is Level.OK


def test_the_sm2_implementation_in_use_is_named() -> None:
    (finding,) = check_sm2()
    assert backends.choose().name in finding.subject


def test_a_sound_database_with_its_key_is_fine_and_left_as_it_is(tmp_path: Path) -> None:
    ring = KeyRing(backend=MemoryKeyring())
    path = tmp_path / "outbox.db"
    assert check_database(path, ring).level is Level.OK
    assert not path.exists()
    open_outbox(path, keys=ring, clock=ManualClock(), answer_within_s=20).close()
    before = path.read_bytes()
    assert check_database(path, ring).level is Level.OK
    assert path.read_bytes() == before


def test_a_database_whose_key_is_lost_is_an_error_that_asks_for_the_backup(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    open_outbox(path, keys=KeyRing(backend=MemoryKeyring()), clock=ManualClock(), answer_within_s=20).close()
    finding = check_database(path, KeyRing(backend=MemoryKeyring()))
    assert finding.level is Level.ERROR
    assert "备份" in finding.hint


def test_a_key_of_another_database_and_a_change_of_key_cut_short_are_told(tmp_path: Path) -> None:
    ring, other = (KeyRing(backend=MemoryKeyring()) for _ in range(2))
    path = tmp_path / "outbox.db"
    open_outbox(path, keys=ring, clock=ManualClock(), answer_within_s=20).close()
    other.data_key(create=True)
    finding = check_database(path, other)
    assert (finding.level, "不符" in finding.message) == (Level.ERROR, True)
    other.set(NEXT_DATA_KEY, ring.get(DATA_KEY))
    finding = check_database(path, other)
    assert (finding.level, "rekey" in finding.hint) == (Level.WARNING, True)
    with closing(sqlite3.connect(path)) as connection:
        told = b'{"to":2,"check":"","table":0,"after":0}'
        connection.execute("INSERT INTO meta VALUES ('rekey', ?)", (told,))
        connection.commit()
    finding = check_database(path, ring)
    assert (finding.level, "rekey" in finding.hint) == (Level.ERROR, True)


def test_a_damaged_database_is_an_error_and_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
        connection.commit()
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    finding = check_database(path, KeyRing(backend=MemoryKeyring()))
    assert finding.level is Level.ERROR
    assert "备份" in finding.hint
    assert path.read_bytes() == bytes(content)


@unix_modes
def test_all_checks_together_name_every_key_of_the_configured_systems(config: AgentConfig) -> None:
    clock = ManualClock(datetime.now(UTC).astimezone(BEIJING))
    findings = run_checks(config, Registry(), KeyRing(backend=MemoryKeyring()), clock)
    subjects = {finding.subject for finding in findings}
    assert {"ministry/own-private", "ministry/peer-public", "ministry"} <= subjects
    assert {finding.check for finding in findings} >= {"clock", "disk", "data", "folder", "key", "sm2"}
    assert worst(findings) is Level.ERROR


def test_a_key_renamed_by_its_option_is_looked_for_under_its_new_name(config: AgentConfig) -> None:
    renamed = load(config.path).path
    renamed.write_text(renamed.read_text() + 'own_key = "ministry/second-own"\n')
    findings = run_checks(load(renamed), Registry(), KeyRing(backend=MemoryKeyring()), ManualClock())
    subjects = {finding.subject for finding in findings}
    assert "ministry/second-own" in subjects
    assert "ministry/own-private" not in subjects


def test_every_finding_that_is_not_fine_says_what_to_do(config: AgentConfig) -> None:
    shutil.rmtree(config.data)
    findings = run_checks(config, Registry(), KeyRing(backend=MemoryKeyring()), ManualClock())
    assert all(finding.hint for finding in findings if finding.level is not Level.OK)
    assert all(
        set(finding.as_json()) == {"check", "level", "subject", "message", "hint"} for finding in findings
    )


def test_a_data_key_without_database_and_numbers_is_a_warning_and_a_first_start_is_none(
    tmp_path: Path,
) -> None:
    path, ring = tmp_path / "outbox.db", KeyRing(backend=MemoryKeyring())
    assert check_database(path, ring).level is Level.OK
    ring.data_key(create=True)
    found = check_database(path, ring)
    assert (found.level, "restore" in found.hint) == (Level.WARNING, True)
    (tmp_path / "numbers.json").write_text("{}")
    assert check_database(path, ring).level is Level.OK


def test_scans_that_are_left_for_long_are_told_of_until_they_are_marked_or_gone(config: AgentConfig) -> None:
    config.scans.mkdir(parents=True)
    now = datetime(2026, 1, 6, 9, tzinfo=BEIJING)
    for name, hours in (("SCAN-1.json", 25), ("SCAN-2.json", 25), ("SCAN-3.json", 23), (".4.writing", 30)):
        (config.scans / name).write_text("{}")
        at = now.timestamp() - hours * 3600
        os.utime(config.scans / name, (at, at))
    (finding,) = check_scans(config, now)
    assert (finding.level, "2 个" in finding.message) == (Level.WARNING, True)
    (config.scans / "SCAN-1.json").unlink()
    (config.scans / "SCAN-2.json.ack").write_text("")
    assert not list(check_scans(config, now))
