"""Who steals the files of a workstation learns of nobody: searched byte by byte after whole stories."""

from __future__ import annotations

import csv
import io
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

SYSTEMS = ("ministry", "jiangxi", "scanpay")
ENCODINGS = ("utf-8", "utf-16-le", "gb18030")
_START = 4
_SHORTEST = 6
DATE = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])\d{2}(\d{6})?")


@pytest.fixture(scope="module")
def stations(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of the stations on which the stories were played."""
    root = tmp_path_factory.mktemp("stories")
    code = f"import sys; from agent.demo import main; sys.exit(main({SYSTEMS!r}))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"}
    subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, check=False, capture_output=True, timeout=240
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
            for path in (station / "data" / folder).rglob("*.csv"):
                found.update(_cells(path))
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
    try:
        return json.loads(_text(path))
    except ValueError:
        return None


def _cells(path: Path) -> Iterator[str]:
    """Of the rows below the headings: people's names and numbers as they stand there."""
    for row in list(csv.reader(io.StringIO(_text(path))))[1:]:
        yield from (cell for cell in row if re.fullmatch(r"\d{17}[\dX]|[一-鿿]{3,6}", cell))


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


def stolen(stations: list[Path]) -> Iterator[Path]:
    """The database, its log, the number file and every log of the agent: all that is not the HIS's own."""
    for station in stations:
        for path in [*station.iterdir(), *(station / "data").iterdir()]:
            if path.is_file():
                yield path


def told(content: bytes, wanted: set[str]) -> list[str]:
    """Which of the values stand in the bytes, in any of the encodings; one pass, however many they are. Four
    bytes of two characters are not looked for: megabytes of random bytes hold them by chance."""
    by_start: dict[bytes, list[tuple[bytes, str]]] = {}
    for value in wanted:
        for encoded in {value.encode(encoding, "replace") for encoding in ENCODINGS}:
            if len(encoded) < _SHORTEST:
                continue
            by_start.setdefault(encoded[:_START], []).append((encoded, value))
    return sorted(
        {
            value
            for place in range(len(content))
            for encoded, value in by_start.get(content[place : place + _START], ())
            if content.startswith(encoded, place)
        }
    )


def test_the_search_finds_a_value_wherever_and_however_it_is_written() -> None:
    wanted = {"测试甲", "51010119000101999X", "ZY20260001"}
    for encoding in ENCODINGS:
        content = b"\0" * 5 + "测试甲".encode(encoding) + b"--" + "ZY20260001".encode(encoding)
        assert told(content, wanted) == ["ZY20260001", "测试甲"]
    assert told(b"ZY2026000", wanted) == []


@pytest.mark.timeout(300)
def test_no_name_number_or_account_of_a_story_stands_in_the_agents_own_files(stations: list[Path]) -> None:
    wanted = needles(stations)
    assert any(re.fullmatch(r"\d{17}[\dX]", value) for value in wanted), "identity numbers are among them"
    assert any(re.search("[一-鿿]", value) for value in wanted), "names are among them"
    assert len(wanted) > 3000
    finals = [_read(path) for station in stations for path in (station / "data/results").rglob("*.json")]
    for system in SYSTEMS:
        ended = [
            one for one in finals if isinstance(one, dict) and one.get("system") == system and one["final"]
        ]
        assert len(ended) > 5, f"the story of {system} was played"
    files = list(stolen(stations))
    assert {path.name for path in files} >= {"outbox.db", "numbers.json"}
    assert sum(path.stat().st_size for path in files) > 100_000
    found = {str(path): told(path.read_bytes(), wanted) for path in files}
    assert {path: values for path, values in found.items() if values} == {}


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
        bench.call("backup", target=str(tmp_path / "copy"), who="officer", why="weekly")
        copied = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
        assert len(copied) >= 2, "a database and its list"
        content_of = {path.name: path.read_bytes() for path in [*files, *copied]}
        assert b"GYU101" in content_of["outbox.db-wal"], "what may be read there is found there"
        found = {name: told(raw, wanted) for name, raw in content_of.items()}
        assert {name: values for name, values in found.items() if values} == {}
    finally:
        hole.close()
        bench.stop()
