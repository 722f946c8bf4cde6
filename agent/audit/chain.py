"""A record of the audit trail and its place in the chain.

A record's hash is SM3 over the hash before it and the record's content, so that whoever changes, moves or
removes one would have to write every later one anew, and with them the heads that were signed and that
stand in the system log. What a person wrote (who, why) is sealed; the chain covers a salted digest of it,
which a new data key does not change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from agent.crypto import sm3

GENESIS: Final = bytes(sm3.DIGEST_BYTES)
"""The hash before the first record."""


@dataclass(frozen=True, slots=True)
class Record:
    """One step. ``at`` in microseconds since 1970 UTC; ``kind`` is a stable English name (``message.ready``,
    ``act.skip``, ``keys.import``); ``facts`` a JSON object of codes and counts, or "", and holds nobody's
    data; ``note_digest`` is b"" where no person had a hand in it."""

    number: int
    at: int
    kind: str
    submission: int | None
    message: int | None
    facts: str
    note_digest: bytes
    hash: bytes


def link(
    former: bytes,
    number: int,
    at: int,
    kind: str,
    submission: int | None,
    message: int | None,
    facts: str,
    note_digest: bytes,
) -> bytes:
    """The hash of a record that follows the one with the hash ``former``. No two records have one content:
    all but the last part are numbers, hex digits or names without a bar."""
    content = f"{number}|{at}|{kind}|{submission}|{message}|{note_digest.hex()}|{facts}"
    return sm3.digest(former, content.encode("utf-8", "surrogatepass"))


def follows(record: Record, former: bytes) -> bool:
    """Whether a record is what was written after the one with the hash ``former``."""
    made = link(
        former,
        record.number,
        record.at,
        record.kind,
        record.submission,
        record.message,
        record.facts,
        record.note_digest,
    )
    return made == record.hash


def note_digest(salt: str, who: str, why: str) -> bytes:
    """What the chain holds of a note: without the salt, which is sealed with it, it cannot be guessed."""
    return sm3.digest(json.dumps([salt, who, why]).encode("ascii"))
