"""What the rehearsed province knows before the first request: a TOML file.

::

    [[institution]]
    akb020 = "Y0400"
    akb021 = "…"
    safeinfo = "Y6XL0"               # default: akb020 (J05)
    active = true

    [[person]]
    aac002 = "…"                     # invented, fails the checksum
    aac003 = "…"
    bank = "102100099996"            # BAE118, with the account: what GS002 tells
    account = "…"
    qrcodes = ["…"]                  # what CX003 understands

    [[person.accident]]
    alc005 = "…"
    aaa027 = "360100"                # 统筹区
    aab004 = "…"                     # 单位名称
    alc022 = "…"                     # 伤害部位
    alc020 = "20250301"              # 工伤发生时间

    [[person.accident.relapse]]      # 旧伤复发 applied for before, with its review
    aae032 = "20250601"
    aae036 = "20250601"
    aae015 = "20250605"
    bke107 = "1"
    alc083 = "…"
    aae016 = "审核通过"

    [[item]]                         # one entry of the work-injury catalogue
    ake001 = "…"
    ake002 = "…"
    bkc369 = "13"
    ceiling = "10.5"                 # most that the fund pays of one unit; without: no limit
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import ConfigurationError

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Institution:
    akb020: str
    akb021: str
    safeinfo: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    bank: str = ""
    account: str = field(default="", repr=False)
    qrcodes: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Accident:
    alc005: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    aaa027: str
    aab004: str = field(repr=False)
    alc022: str = field(repr=False)
    alc020: str


@dataclass(frozen=True, slots=True)
class Relapse:
    alc005: str
    aae032: str
    aae036: str
    aae015: str
    bke107: str
    alc083: str = field(repr=False)
    aae016: str


@dataclass(frozen=True, slots=True)
class Item:
    """``ceiling`` None: the fund pays any price."""

    ake001: str
    ake002: str
    bkc369: str
    ceiling: Decimal | None


@dataclass(frozen=True, slots=True)
class Seed:
    """``digest`` changes with every change of the content: it ties a ledger file to its seed."""

    institutions: tuple[Institution, ...]
    people: tuple[Person, ...]
    accidents: tuple[Accident, ...]
    relapses: tuple[Relapse, ...]
    items: tuple[Item, ...]
    digest: str


def read_seed(path: Path | None = None) -> Seed:
    """The seed in ``path``, or the sample data of this package. Raises ConfigurationError."""
    content = _content(path)
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise _broken(f"不是有效的 TOML：{error}") from error
    people = _tables(table, "person")
    return Seed(
        institutions=tuple(map(_institution, _tables(table, "institution"))),
        people=tuple(map(_person, people)),
        accidents=tuple(_accident(person, each) for person in people for each in _tables(person, "accident")),
        relapses=tuple(
            _relapse(accident, each)
            for person in people
            for accident in _tables(person, "accident")
            for each in _tables(accident, "relapse")
        ),
        items=tuple(map(_item, _tables(table, "item"))),
        digest=hashlib.sha256(content.encode()).hexdigest()[:16],
    )


def _content(path: Path | None) -> str:
    if path is None:
        return files(__package__).joinpath("sample.toml").read_text(encoding="utf-8")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(f"{path.name} 无法读取") from error


def _institution(table: dict[str, Any]) -> Institution:
    akb020 = _value(table, "akb020", str)
    return Institution(
        akb020,
        _value(table, "akb021", str),
        _value(table, "safeinfo", str, akb020),
        _value(table, "active", bool, True),
    )


def _person(table: dict[str, Any]) -> Person:
    return Person(
        _value(table, "aac002", str).upper(),
        _value(table, "aac003", str),
        _value(table, "bank", str, ""),
        _value(table, "account", str, ""),
        tuple(_value(table, "qrcodes", list, [])),
    )


def _accident(person: dict[str, Any], table: dict[str, Any]) -> Accident:
    return Accident(
        alc005=_value(table, "alc005", str),
        aac002=_value(person, "aac002", str).upper(),
        aac003=_value(person, "aac003", str),
        aaa027=_value(table, "aaa027", str),
        aab004=_value(table, "aab004", str),
        alc022=_value(table, "alc022", str),
        alc020=_value(table, "alc020", str),
    )


def _relapse(accident: dict[str, Any], table: dict[str, Any]) -> Relapse:
    names = ("aae032", "aae036", "aae015", "bke107", "alc083", "aae016")
    return Relapse(_value(accident, "alc005", str), *(_value(table, name, str) for name in names))


def _item(table: dict[str, Any]) -> Item:
    ceiling = _value(table, "ceiling", str, "")
    try:
        most = Decimal(ceiling) if ceiling else None
    except InvalidOperation:
        raise _broken("ceiling 应为数字") from None
    return Item(
        _value(table, "ake001", str), _value(table, "ake002", str), _value(table, "bkc369", str), most
    )


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = table.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _broken(f"{key} 应为表的数组")
    return items


def _value(table: dict[str, Any], key: str, kind: type[_Value], default: _Value | None = None) -> _Value:
    value = table.get(key, default)
    if not isinstance(value, kind):
        raise _broken(f"{key} 缺失或类型不对")
    return value


def _broken(what: str) -> ConfigurationError:
    return ConfigurationError(f"演练初始数据有误：{what}", hint="请参照随包提供的 sample.toml 修改")
