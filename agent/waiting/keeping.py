"""What arrives unasked and has no transaction: a file in ``scans/`` for the HIS, durable before the beep."""

from __future__ import annotations

from pathlib import Path

from agent import jsontext
from agent.devices.classify import Code
from agent.devices.model import ScanVerdict
from agent.disk import SHARED, flush_folder, make_folder, replace_durably
from agent.errors import StoreError
from agent.events import Event, JsonObject
from agent.faults import crash_point

_READ_BY_GROUP = 0o660


def code_content(code: Code) -> JsonObject:
    return {"kind": code.kind, "text": code.text, "symbology": code.symbology, "drug": code.drug}


def keep(folder: Path, event: Event, verdict: ScanVerdict, content: JsonObject) -> Path:
    """Write the file of an event; again over itself for the same event. Raises StoreError, after which the
    event is handed over again."""
    told = {
        "id": event.id,
        "station": event.name,
        "source": event.source,
        "scanned_at": event.received_at.isoformat(),
        "verdict": verdict.value,
        **content,
    }
    path = folder / f"{event.kind.value}-{event.id}.json"
    try:
        if not folder.exists():
            make_folder(folder, SHARED)
            flush_folder(folder.parent)
        crash_point("scans.before_file")
        replace_durably(path, jsontext.write(told).encode("utf-8"), _READ_BY_GROUP)
    except OSError as error:
        raise StoreError(
            "scans 文件夹无法写入，扫到的内容还没有存下",
            hint="请检查磁盘空间和文件夹权限",
            details={"errno": error.errno},
        ) from error
    crash_point("scans.after_file")
    return path
