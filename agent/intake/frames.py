"""What the helper process says to the agent: length-prefixed JSON frames. Pure.

A frame is four bytes of length (big endian) and one JSON object: ``{"begin": submission}``,
``{"file": digest, "size": n}`` with n bytes behind it, ``{"drafts": heads, …, "size": n}`` with the packed
drafts behind it, one after the other, ``{"end": true}`` after each submission; at the end ``{"done": true}``,
``{"unreadable": errno}`` or ``{"failed": why}``. Both ends are this program in one version; a frame is data,
never code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

from agent import jsontext
from agent.errors import Fault
from agent.events import Draft, JsonObject
from agent.outbox.drafts import (
    Packed,
    draft_value,
    pack_draft,
    scope_value,
    unpack_draft,
    value_draft,
    value_scope,
)
from agent.outbox.model import NewSubmission, ReplyAddress

_LENGTH = struct.Struct(">I")
_TIMES = ("received_at", "occurred_at", "valid_until", "deadline_at")


CONTENT = "content"
"""The member of a frame that travels as bytes behind it; its length stands in ``size``."""

FRAME_BYTES = 64 * 1024
"""Packed drafts beyond which a frame takes no more: a frame is one commit of the agent, and others wait."""


def write_frame(out: IO[bytes], frame: JsonObject) -> None:
    content: bytes | None = frame.get(CONTENT)
    if content is not None:
        frame = {key: value for key, value in frame.items() if key != CONTENT} | {"size": len(content)}
    data = jsontext.write(frame).encode("utf-8")
    out.write(_LENGTH.pack(len(data)) + data)
    if content is not None:
        out.write(content)
    out.flush()


def read_frame(source: IO[bytes]) -> JsonObject | None:
    """The next frame; None at the end, or when the writer died within a frame."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = source.read(length)
    if len(data) < length:
        return None
    frame: JsonObject = json.loads(data)
    if "size" in frame:
        frame[CONTENT] = source.read(frame["size"])
        return frame if len(frame[CONTENT]) == frame["size"] else None
    return frame


def frames_of(new: NewSubmission, chunk: int) -> Iterator[JsonObject]:
    yield {"begin": submission_to_json(new)}
    for digest, content in new.contents.items():
        yield {"file": digest, CONTENT: content}
    for packed in _chunks(map(pack_draft, new.drafts), chunk):
        yield {
            "drafts": [draft_value(one.head) for one in packed],
            "lengths": [len(one.content) for one in packed],
            "files": [one.files for one in packed],
            CONTENT: b"".join(one.content for one in packed),
        }
    yield {"end": True}


def _chunks(drafts: Iterable[Packed], most: int) -> Iterator[list[Packed]]:
    chunk: list[Packed] = []
    for packed in drafts:
        chunk.append(packed)
        if len(chunk) >= most or sum(len(one.content) for one in chunk) >= FRAME_BYTES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def submission_to_json(new: NewSubmission) -> JsonObject:
    """Everything but the drafts."""
    plain: dict[str, Any] = {
        "event_id": new.event_id,
        "system": new.system,
        "transaction": new.transaction,
        "id": new.id,
        "digest": new.digest.hex(),
        "folder": new.reply.folder,
        "file_name": new.reply.file_name,
        "faults": [asdict(fault) for fault in new.faults],
        "warnings": [asdict(fault) for fault in new.warnings],
        "after": new.after,
        "replaces": new.replaces,
        "now": new.now,
        "wants": new.wants,
        "files": new.files,
        "forced": new.forced,
        "expired_says": new.expired_says,
        "rows_total": new.rows_total,
        "seq": new.seq,
        "scopes": [scope_value(scope) for scope in new.scopes],
    }
    for name in _TIMES:
        moment: datetime | None = getattr(new, name)
        plain[name] = moment.isoformat() if moment else None
    return plain


def submission_from_json(plain: JsonObject) -> NewSubmission:
    times = {name: _moment(plain[name]) for name in _TIMES}
    return NewSubmission(
        event_id=plain["event_id"],
        system=plain["system"],
        transaction=plain["transaction"],
        id=plain["id"],
        digest=bytes.fromhex(plain["digest"]),
        reply=ReplyAddress(plain["folder"], plain["file_name"]),
        received_at=_required(times["received_at"]),
        occurred_at=_required(times["occurred_at"]),
        valid_until=times["valid_until"],
        deadline_at=times["deadline_at"],
        faults=_faults(plain["faults"]),
        warnings=_faults(plain["warnings"]),
        after=plain["after"],
        replaces=plain["replaces"],
        now=plain["now"],
        wants=tuple(plain["wants"]),
        files=plain["files"],
        forced=plain["forced"],
        expired_says=plain["expired_says"],
        rows_total=plain["rows_total"],
        seq=plain["seq"],
        scopes=tuple(value_scope(scope) for scope in plain["scopes"]),
    )


def packed_of(frame: JsonObject) -> Iterator[Packed]:
    """The drafts of a frame; their bodies are left as they came."""
    start = 0
    for head, length, files in zip(frame["drafts"], frame["lengths"], frame["files"], strict=True):
        yield Packed(value_draft(head), frame[CONTENT][start : start + length], tuple(files))
        start += length


def drafts_of(frame: JsonObject) -> Iterator[Draft]:
    return map(unpack_draft, packed_of(frame))


def _faults(plain: list[JsonObject]) -> tuple[Fault, ...]:
    return tuple(Fault(**fault) for fault in plain)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _required(moment: datetime | None) -> datetime:
    if moment is None:
        raise ValueError("a frame without its times")
    return moment
