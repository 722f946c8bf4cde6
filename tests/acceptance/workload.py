"""Visits as a HIS drops them, and what the platform's ledger and the results must show for them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

PERSON = {"aac002": "519900198408230014", "aac003": "演练甲"}
OTHER_PERSON = {"aac002": "519900198408240028", "aac003": "演练乙"}
INSTITUTION = {"akb020": "51010000001", "alc002": "1"}
OTHER_INSTITUTION = {"akb020": "51010000002", "alc002": "2"}


@dataclass(frozen=True)
class Visit:
    """A stay with ``rows`` fee rows; its files in the order in which they are dropped."""

    stay: str
    rows: int
    person: Mapping[str, str] = field(default_factory=lambda: PERSON)
    institution: Mapping[str, str] = field(default_factory=lambda: INSTITUTION)

    def files(self):
        return [self.admission(), self.fees(), self.settlement()]

    def admission(self):
        data = {
            **self.institution,
            **self.person,
            "aab360": "510104",
            "aka130": "72",
            "akc190": self.stay,
            "aae030": "20260105",
            "akc192": "S82.2",
        }
        return f"{self.stay}-1.json", _json("GYU101", f"{self.stay}-1", {"datalist": [data]})

    def fees(self):
        fixed = {**self.person, **self.institution, "akc190": self.stay, "aka130": "72"}
        lines = ["#transaction=GYU102", f"#id={self.stay}-2", f"#rows={self.rows}"]
        lines += [f"#{key}={value}" for key, value in fixed.items()]
        lines.append("aaz213_s,ala012,ala002,ala020,akc226,akc225,aae058,aae020,aae022,aae229")
        lines += [self._row(n) for n in range(self.rows)]
        return f"{self.stay}-2.csv", ("\r\n".join(lines) + "\r\n").encode("utf-8")

    def _row(self, n):
        amounts = f"1,{price(n)},{price(n)},{price(n)},0.00"
        return f"{self.stay}-{n:06d},01,CD{n % 40:03d},药品{n % 7},{amounts},20260106"

    def settlement(self):
        total = sum((price(n) for n in range(self.rows)), Decimal(0))
        data = {
            **self.person,
            **self.institution,
            "akc190": self.stay,
            "aka130": "72",
            "aae058": f"{total:.2f}",
            "aae020": f"{total:.2f}",
            "aae022": "0.00",
            "aae031": "20260120",
            "akc195": "好转",
            "filedata": [],
        }
        return f"{self.stay}-3.json", _json("GYU103", f"{self.stay}-3", {"datalist": [data]})


def price(n: int) -> Decimal:
    return Decimal(100 + n % 900) / 100


def invalid_file(name: str):
    return f"{name}.json", _json("GYU101", name, {"datalist": [{**INSTITUTION, "akc190": name}]})


def interleaved(visits):
    """The files of several visits, one of each in turn, with an invalid one between."""
    rounds = list(zip(*(visit.files() for visit in visits), strict=True))
    files = [file for one in rounds for file in one]
    files.insert(len(files) // 2, invalid_file("BAD-1"))
    return files


def check_ledger(stage, visits) -> None:
    """Every business row took effect once, in the order in which the HIS gave it, one call at a time."""
    summary = stage.admin("ledger/summary")
    assert summary["duplicates"] == {}
    assert summary["reused_wire_ids"] == []
    assert summary["overlaps"] == 0
    entries = []
    while page := stage.admin(f"ledger?since={len(entries)}&limit=5000"):
        page = page["entries"] if isinstance(page, dict) else page
        if not page:
            break
        entries += page
    for visit in visits:
        own = [entry for entry in entries if visit.stay in entry["key"]]
        assert [entry["transaction"] for entry in own] == ["GYU101", *["GYU102"] * visit.rows, "GYU103"]
        fees = [entry["key"].rpartition("/")[2] for entry in own if entry["transaction"] == "GYU102"]
        assert fees == [f"{visit.stay}-{n:06d}" for n in range(visit.rows)]


def check_results(results, visits) -> None:
    """Each submission has exactly one final result, and it says what happened."""
    by_id: dict[str, list[dict]] = {}
    for result in results.values():
        by_id.setdefault(result["id"], []).append(result)
    assert all(len(found) == 1 for found in by_id.values())
    for visit in visits:
        for number, transaction in enumerate(("GYU101", "GYU102", "GYU103"), start=1):
            (result,) = by_id[f"{visit.stay}-{number}"]
            assert (result["transaction"], result["state"], result["code"]) == (
                transaction,
                "accepted",
                "RE0000",
            )
        assert len(by_id[f"{visit.stay}-2"][0]["rows"]) == visit.rows
    assert by_id["BAD-1"][0]["state"] == "invalid"


class Answers:
    """Reads every result whenever it changes, from a thread of its own, and at every :meth:`look`: what
    a HIS has once read as final must stay as it is, byte for byte, whatever becomes of the agent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, ...]] = {}
        self._versions: dict[str, list[bytes]] = {}
        self._looking = threading.Lock()
        self._done = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._watching.start()
        return self

    def __exit__(self, *_raised):
        self._done.set()
        self._watching.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.look()

    def look(self) -> None:
        """Read what changed since the last look; what an earlier look found must still be there."""
        with self._looking:
            if not self._folder.is_dir():
                return
            here = {path.name: path for path in self._folder.iterdir() if not path.name.startswith(".")}
            for name, path in here.items():
                self._read(name, path)
            for name in self._versions.keys() - here.keys():
                self._note(name, b"{}")

    def _read(self, name: str, path: Path) -> None:
        facts = path.stat()
        signature = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if self._seen.get(name) != signature:
            self._note(name, path.read_bytes())
            self._seen[name] = signature

    def _note(self, name: str, content: bytes) -> None:
        versions = self._versions.setdefault(name, [])
        if not versions or versions[-1] != content:
            versions.append(content)

    def check(self, results) -> None:
        """``results`` are the final ones, and the first final form that each was read in."""
        self.look()
        assert self._watching.is_alive(), "nobody watched"
        read = {name: [json.loads(one) for one in versions] for name, versions in self._versions.items()}
        for name, forms in read.items():
            finals = [number for number, form in enumerate(forms) if form.get("final")]
            after = [_shown(form) for form in forms[finals[0] :]] if finals else []
            assert len(after) <= 1, f"{name} changed after its final form: {after}"
        assert {name: forms[-1] for name, forms in read.items()} == results


def _shown(form) -> dict:
    return {key: form.get(key) for key in ("revision", "finished_at", "state", "final")}


def _json(transaction, his_id, data) -> bytes:
    return json.dumps({"transaction": transaction, "id": his_id, "data": data}, ensure_ascii=False).encode()
