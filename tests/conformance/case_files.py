"""Reads conformance cases: ``cases/<protocol>/<transaction>.toml``, the same form for every protocol.

A file has ``[[case]]`` tables::

    id, about            what it is called, what it shows
    event                the business data a HIS drops (TOML values; numbers as strings or integers)
    now                  when it is planned and sent; 2026-01-02T09:00:00.123 unless given
    faults               [{pointer, rule, code}] when it is refused locally, in order; then nothing else
    warnings             pointers of what is only odd
    message              one per draft, in order:
      transaction        the draft's own, where it is not plain
      wire               the business data on the wire, opened with the peer's key: compared whole
      values             what earlier messages gave for its slots; "" where nothing is known
      rows, scopes       the draft's row range; [kind, key…, "shared"/"observer"] per scope
      response           what the peer answers (its keys belong to the protocol's peer)
      outcome            what interpret makes of it; members not given must have their defaults,
                         except ``data`` and ``message``, which are compared when given
      error              or the stable code of the error that interpret raises
      inquiry            {wire, response, finding, outcome, counts_from}: asking about this message; with
                         "absent", how it ends once the negatives count, and from when on they do
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from agent import jsontext
from agent.clock import BEIJING

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 1, 2, 9, 0, 0, 123000)  # noqa: DTZ001 - given its zone where it is used

KEYS = {"id", "about", "event", "now", "faults", "warnings", "message"}
MESSAGE_KEYS = {"transaction", "wire", "values", "rows", "scopes", "response", "outcome", "error", "inquiry"}


@dataclass(frozen=True)
class Case:
    """One case; ``event`` has gone through JSON as a HIS's file would."""

    protocol: str
    transaction: str
    id: str
    about: str
    event: Any
    now: datetime
    faults: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.protocol}-{self.transaction}-{self.id}"


@cache
def all_cases() -> tuple[Case, ...]:
    return tuple(
        _case(path.parent.name, path.stem, table)
        for path in sorted(CASES.glob("*/*.toml"))
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    )


def _case(protocol: str, transaction: str, table: dict[str, Any]) -> Case:
    unknown = (
        set(table) - KEYS | {key for message in table.get("message", []) for key in message} - MESSAGE_KEYS
    )
    assert not unknown, f"{transaction} {table['id']}: unknown keys {sorted(unknown)}"
    return Case(
        protocol=protocol,
        transaction=transaction,
        id=table["id"],
        about=table["about"],
        event=jsontext.read(json.dumps(table["event"])),
        now=table.get("now", NOW).replace(tzinfo=BEIJING),
        faults=table.get("faults", []),
        warnings=table.get("warnings", []),
        messages=table.get("message", []),
    )
