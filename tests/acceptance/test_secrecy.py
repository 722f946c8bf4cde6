"""Who steals the files of a workstation learns of nobody: searched byte by byte after whole stories."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.registry import Registry
from tests.unit.daemon_bench import BlackHole, DaemonBench
from tests.unit.intake.inbox_bench import admission_file, fee_file

SYSTEMS = ("jiangxi", "scanpay")
"""Stories with visits, fees, settlements and payments that play in seconds."""
ENCODINGS = ("utf-8", "utf-16-le", "gb18030")
DATE = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])\d{2}(\d{6})?")


@pytest.fixture(scope="module")
def stations(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of the stations on which the stories were played."""
    root = tmp_path_factory.mktemp("stories")
    code = f"import sys; from agent.demo import main; sys.exit(main({SYSTEMS!r}))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"}
    subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, check=False, capture_output=True, timeout=100
    )
    return list((root / "demo-data" / "stations").iterdir())


def needles(stations: list[Path]) -> set[str]:
    """Every value of a sensitive field in what the HIS dropped and in what it was told."""
    codes = {code.lower() for name in SYSTEMS for code in Registry().sensitive_codes(name)}
    found: set[str] = set()
    for station in stations:
        for folder in ("archive", "results", "rejected", "downloads"):
            for path in (station / "data" / folder).rglob("*.json"):
                found.update(_values(_read(path), "", codes))
                found.add(path.name)
    settings = "".join((station / "his-agent.toml").read_text("utf-8") for station in stations)
    # What the administrator wrote into the configuration (a till's operator number) names lanes openly.
    return {value for value in found if _tells(value) and value not in settings}


def _tells(value: str) -> bool:
    """Long enough not to be there by chance; a date alone says nothing of anybody."""
    chinese = len(re.findall("[一-鿿]", value)) >= 2
    return (chinese or len(value) >= 8) and not DATE.fullmatch(value.strip())


def _values(value: Any, key: str, codes: set[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _values(item, name, codes)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, key, codes)
    elif isinstance(value, str) and key.lower() in codes:
        yield value


def _read(path: Path) -> Any:
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return json.loads(data.decode(encoding))
        except (UnicodeDecodeError, ValueError):
            continue
    return None


def stolen(stations: list[Path]) -> Iterator[Path]:
    """The database, its log, the number file and every log of the agent: all that is not the HIS's own."""
    for station in stations:
        for path in [*station.iterdir(), *(station / "data").iterdir()]:
            if path.is_file():
                yield path


def test_no_name_number_or_account_of_a_story_stands_in_the_agents_own_files(stations: list[Path]) -> None:
    wanted = needles(stations)
    assert any(re.fullmatch(r"\d{17}[\dX]", value) for value in wanted), "identity numbers are among them"
    assert any(re.search("[一-鿿]", value) for value in wanted), "names are among them"
    assert len(wanted) > 30
    files = list(stolen(stations))
    assert {path.name for path in files} >= {"outbox.db", "numbers.json"}
    assert sum(path.stat().st_size for path in files) > 100_000
    found = {}
    for path in files:
        content = path.read_bytes()
        hits = [v for v in wanted if any(v.encode(e, "replace") in content for e in ENCODINGS)]
        if hits:
            found[path.name] = hits
    assert found == {}


def test_while_the_agent_runs_its_write_ahead_log_and_journal_tell_nobody_either(tmp_path: Path) -> None:
    """The ministry's part: an admission and fees under way, as somebody finds them who pulls the disk."""
    codes = {code.lower() for code in Registry().sensitive_codes("ministry")}
    hole = BlackHole()
    bench = DaemonBench(tmp_path, hole.url)
    bench.start()
    try:
        wanted = {"HIS-住院-000001", "HIS-住院-000002", "HIS-住院-000001.json"}
        for name, content in (
            ("HIS-住院-000001", admission_file("HIS-住院-000001")),
            ("HIS-住院-000002", fee_file("HIS-住院-000002", 20)),
        ):
            bench.drop(f"{name}.json", content)
            bench.wait_for(lambda name=name: bench.archived(f"{name}.json"), f"{name} archived")
            wanted.update(value for value in _values(content, "", codes) if _tells(value))
        hole.wait_for(1)
        assert wanted >= {"测试甲", "519900199901011234", "ZY20260001"}, "name, identity and stay number"
        files = [path for path in bench.config.data.iterdir() if path.is_file()]
        assert (bench.config.data / "outbox.db-wal").stat().st_size > 10_000
        files += [path for path in tmp_path.iterdir() if path.is_file()]
        content_of = {path.name: path.read_bytes() for path in files}
        assert b"GYU101" in content_of["outbox.db-wal"], "what may be read there is found there"
        found = {
            name: value
            for name, raw in content_of.items()
            for value in wanted
            if any(value.encode(e, "replace") in raw for e in ENCODINGS)
        }
        assert found == {}
    finally:
        hole.close()
        bench.stop()
