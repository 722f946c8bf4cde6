"""What a backup says of itself, and whether it is still what it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agent import jsontext
from agent.crypto import sm3
from agent.errors import StoreDamaged
from agent.events import JsonObject

DATABASE: Final = "outbox.db"
NUMBERS: Final = "numbers.json"
MANIFEST: Final = "manifest.json"
_FORM: Final = "his-agent backup 1"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """``made_at`` is before the first page was copied: what happened later may or may not be in it."""

    made_at: datetime
    digest: str
    size: int
    key: int
    audit_head: str

    def text(self) -> str:
        told: JsonObject = {
            "form": _FORM,
            "made_at": self.made_at.isoformat(),
            "database_sm3": self.digest,
            "database_bytes": self.size,
            "data_key": self.key,
            "audit_head": self.audit_head,
        }
        return jsontext.write_readable(told)


def read_manifest(backup: Path) -> Manifest:
    """Raises StoreDamaged for a folder that is no backup, or not a whole one."""
    try:
        told = jsontext.read_object((backup / MANIFEST).read_text(encoding="utf-8"))
        if told["form"] != _FORM:
            raise ValueError("another form")
        return Manifest(
            made_at=datetime.fromisoformat(told["made_at"]),
            digest=str(told["database_sm3"]),
            size=int(told["database_bytes"]),
            key=int(told["data_key"]),
            audit_head=str(told["audit_head"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(
            f"{backup} 不是完整的备份",
            hint=f"备份是一个文件夹，里面有 {DATABASE} 和 {MANIFEST}；请核对路径",
            details={"reason": type(error).__name__},
        ) from None


def demand_whole(backup: Path, manifest: Manifest) -> None:
    """Raises StoreDamaged when the database is not, bit for bit, what was copied."""
    path = backup / DATABASE
    if not path.is_file() or path.stat().st_size != manifest.size or digest_of(path) != manifest.digest:
        raise StoreDamaged(
            f"备份 {path} 与它的清单不符，已被改动或损坏",
            hint="请使用另一份备份",
            details={"file": DATABASE},
        )


def digest_of(path: Path) -> str:
    """SM3 of a file, as hex digits."""
    state = sm3.new()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.digest().hex()
