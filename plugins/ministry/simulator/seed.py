"""What the rehearsed platform knows before the first request: a TOML file.

::

    [[access]]                       # a 系统接入标识符
    key = "510000001"
    province = "510000"
    public_key = "-----BEGIN …"      # only where it is not the peer_public of the options

    [[institution]]
    akb020 = "51010000001"
    alc002 = "1"                     # 协议机构类型
    region = "510104"                # 所属社保机构行政区划
    active = true                    # 组织有效状态, default true

    [[person]]
    aac002 = "…"                     # invented, fails the checksum
    aac003 = "…"

    [[person.filing]]
    aaz341 = "…"
    ala491 = "01"                    # 备案申请类型
    starts = 2020-01-01              # 备案有效开始、结束时间, both days included
    ends = 2099-12-31
    place = "510100"                 # 备案就医地: a province, a city or a district
    invalid_since = 2026-03-01       # only for one that became invalid
    reason = "9103"                  # 备案状态变更原因

    [[attachment]]
    aaa726 = "…"                     # 附件ID of a file uploaded before
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import ConfigurationError
from plugins.ministry.simulator.people import MOST, invented_identity

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Access:
    """One access key, whose it is, and its own public key as text ("" for the common one)."""

    key: str
    province: str
    public_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Institution:
    akb020: str
    alc002: str
    region: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Filing:
    """备案: when and where it holds, and since when and why no more."""

    aaz341: str
    ala491: str
    starts: date
    ends: date
    place: str
    invalid_since: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    filings: tuple[Filing, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """``digest`` changes with every change of the content: it ties a ledger file to its seed."""

    accesses: tuple[Access, ...]
    institutions: tuple[Institution, ...]
    people: tuple[Person, ...]
    attachments: tuple[str, ...]
    digest: str


def read_seed(path: Path | None = None, crowd: int = 0) -> Seed:
    """The seed in ``path``, or the sample data of this package; ``crowd`` adds that many invented
    people with medical and rehabilitation filings everywhere in 510000. Raises ConfigurationError."""
    content = _content(path)
    if crowd > MOST:
        raise ConfigurationError(f"crowd 最多 {MOST}", hint="请减少演练人数")
    try:
        table = tomllib.loads(content)
        return Seed(
            accesses=tuple(_access(item) for item in _tables(table, "access")),
            institutions=tuple(_institution(item) for item in _tables(table, "institution")),
            people=(*(_person(item) for item in _tables(table, "person")), *_crowd(crowd)),
            attachments=tuple(_value(item, "aaa726", str) for item in _tables(table, "attachment")),
            digest=hashlib.sha256(f"{crowd}\n{content}".encode()).hexdigest()[:16],
        )
    except tomllib.TOMLDecodeError as error:
        raise _broken(f"不是有效的 TOML：{error}") from error


def _content(path: Path | None) -> str:
    if path is None:
        return files(__package__).joinpath("sample.toml").read_text(encoding="utf-8")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(f"{path.name} 无法读取") from error


def _access(table: dict[str, Any]) -> Access:
    return Access(
        key=_value(table, "key", str),
        province=_value(table, "province", str),
        public_key=_value(table, "public_key", str, ""),
    )


def _institution(table: dict[str, Any]) -> Institution:
    return Institution(
        akb020=_value(table, "akb020", str),
        alc002=_value(table, "alc002", str),
        region=_value(table, "region", str),
        active=_value(table, "active", bool, True),
    )


def _person(table: dict[str, Any]) -> Person:
    return Person(
        aac002=_value(table, "aac002", str),
        aac003=_value(table, "aac003", str),
        filings=tuple(_filing(item) for item in _tables(table, "filing")),
    )


def _filing(table: dict[str, Any]) -> Filing:
    return Filing(
        aaz341=_value(table, "aaz341", str),
        ala491=_value(table, "ala491", str),
        starts=_value(table, "starts", date),
        ends=_value(table, "ends", date),
        place=_value(table, "place", str),
        invalid_since=_value(table, "invalid_since", date) if "invalid_since" in table else None,
        reason=_value(table, "reason", str, ""),
    )


def _crowd(size: int) -> list[Person]:
    return [_crowd_member(number) for number in range(size)]


def _crowd_member(number: int) -> Person:
    identity = invented_identity(number)
    filings = tuple(
        Filing(f"CROWD{number:09d}{ala491}", ala491, date(2000, 1, 1), date(2099, 12, 31), "510000")
        for ala491 in ("03", "04")
    )
    return Person(identity.aac002, identity.aac003, filings)


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = table.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _broken(f"{key} 应为表的数组")
    return items


def _value(table: dict[str, Any], key: str, kind: type[_Value], default: _Value | None = None) -> _Value:
    value = table.get(key, default)
    if not isinstance(value, kind) or isinstance(value, datetime):
        raise _broken(f"{key} 缺失或类型不对")
    return value


def _broken(what: str) -> ConfigurationError:
    return ConfigurationError(f"演练初始数据有误：{what}", hint="请参照随包提供的 sample.toml 修改")
