"""Scanners, card readers and codes from the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from agent.config.device_model import DeviceConfig, ReaderConfig, ScannerConfig, UnaskedConfig
from agent.config.device_schema import CODE, READER, SCANNER, UNASKED, USB
from agent.config.patterns import SEARCHES_LONG, searches_too_long
from agent.config.tables import Tables
from agent.config.values import Problem

_REPLY = "reply_"
KINDS: Final = frozenset({"ecredential", "esscard", "tracecode", "ean13", "unknown", "card"})
"""What a scan or a card can be without any rule of the site's own (``agent.devices.classify``)."""


def build_devices(tables: Tables) -> DeviceConfig:
    """Problems go to ``tables``."""
    scanners = [
        _scanner(name, tables.one(SCANNER, name, raw)) for name, raw in tables.named("scanners").items()
    ]
    readers = [
        _reader(name, tables.one(READER, name, raw), tables) for name, raw in tables.named("readers").items()
    ]
    codes = [_code(name, tables.one(CODE, name, raw), tables) for name, raw in tables.named("codes").items()]
    usb = [_usb(name, tables.one(USB, name, raw), tables) for name, raw in tables.named("usb").items()]
    unasked = [
        _unasked(name, tables.one(UNASKED, name, raw), tables)
        for name, raw in tables.named("unasked").items()
    ]
    found = DeviceConfig(tuple(scanners), tuple(readers), tuple(codes), tuple(usb), tuple(unasked))
    tables.problems += _never_asked(found)
    return found


def _scanner(name: str, settings: dict[str, Any]) -> ScannerConfig:
    replies = {
        key.removeprefix(_REPLY): bytes.fromhex(settings.pop(key))
        for key in list(settings)
        if key.startswith(_REPLY)
    }
    station = settings.pop("station") or name
    return ScannerConfig(
        name=name, station=station, replies={key: data for key, data in replies.items() if data}, **settings
    )


def _reader(name: str, settings: dict[str, Any], tables: Tables) -> ReaderConfig:
    if settings["kind"] == "driver" and not settings["driver"]:
        tables.problems.append(Problem(f"readers.{name}.driver", 'kind = "driver" 时必须填写助手程序的命令'))
    return ReaderConfig(name=name, station=settings.pop("station") or name, **settings)


def _code(name: str, settings: dict[str, Any], tables: Tables) -> dict[str, object]:
    row: dict[str, object] = {"kind": name, "symbologies": settings["symbologies"]}
    if settings["form"] != "none":
        row["form"] = settings["form"]
    if settings["pattern"]:
        row["pattern"] = settings["pattern"]
    if ("form" in row) == ("pattern" in row):
        tables.problems.append(Problem(f"codes.{name}", "pattern 和 form 要写且只能写一个"))
    elif expected := _pattern_fault(settings["pattern"]):
        tables.problems.append(Problem(f"codes.{name}.pattern", expected))
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
        tables.problems.append(Problem(f"codes.{name}", "名称要用小写英文字母、数字和下划线，以字母开头"))
    return row


def _pattern_fault(pattern: str) -> str:
    try:
        empty = re.fullmatch(pattern, "", re.ASCII) if pattern else None
    except re.error:
        return "应为有效的正则表达式"
    if empty:
        return "连空的码也匹配"
    return SEARCHES_LONG if searches_too_long(pattern) else ""


def _unasked(name: str, settings: dict[str, Any], tables: Tables) -> UnaskedConfig:
    missing = [key for key in ("kind", "system", "transaction") if not settings[key]]
    tables.problems += [Problem(f"unasked.{name}.{key}", "必填") for key in missing]
    if settings["system"] and settings["system"] not in tables.named("systems"):
        tables.problems.append(Problem(f"unasked.{name}.system", "应为配置文件中的一个系统 [systems.<name>]"))
    pairs = [text.partition("=") for text in settings.pop("data")]
    if not all(code and mark for code, mark, _ in pairs):
        tables.problems.append(Problem(f"unasked.{name}.data", '应写成 ["字段=值", …]'))
    return UnaskedConfig(name=name, data=tuple((code, value) for code, _, value in pairs), **settings)


def _never_asked(found: DeviceConfig) -> Iterator[Problem]:
    """What could never come, or would come twice."""
    stations = {one.station for one in found.scanners} | {one.station for one in found.readers}
    kinds = KINDS | {str(row["kind"]) for row in found.codes if "kind" in row}
    taken: set[tuple[str, str]] = set()
    for one in found.unasked:
        place = f"unasked.{one.name}"
        if one.kind and one.kind not in kinds:
            yield Problem(f"{place}.kind", f"没有这种码型，可用：{'、'.join(sorted(kinds))}")
        if one.station and one.station not in stations:
            yield Problem(f"{place}.station", "应为某个 [scanners.<name>] 或 [readers.<name>] 的窗口")
        if (one.kind, one.station) in taken:
            yield Problem(place, "同一种码在同一个窗口已有另一节，只能有一节")
        taken.add((one.kind, one.station))


def _usb(name: str, settings: dict[str, Any], tables: Tables) -> dict[str, object]:
    if not settings["id"]:
        tables.problems.append(Problem(f"usb.{name}.id", "必填，写成 VID 或 VID:PID"))
    vendor, _, product = settings["id"].partition(":")
    return {"vid": vendor, "pid": product, "maker": name, "mode": settings["mode"]}
