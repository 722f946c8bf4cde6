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
    home = "360100"                  # 参保地, default 360100 (510100 where the place is not in 510000)
    review = "0"                     # only for an application that waits for its review (GYD001, GYU001);
                                     # it has no starts and ends
    invalid_since = 2026-03-01       # only for one that became invalid
    reason = "9103"                  # 备案状态变更原因

    [[person.filing.aid]]            # 辅助器具 of a filing
    aaz195 = "195000000000000001"
    aka068 = "1000.00"               # any field of the catalog; the rest is filled in (papers)

    [[person.card]]
    aaz500 = "…"                     # 社保卡卡号, 9 characters
    aaz501 = "…"                     # 卡识别码, 32 characters
    reset = "…"                      # 卡复位信息, 26 characters
    qrcode = "…"                     # 电子社保卡二维码, 22 characters
    state = "1"                      # 实体卡状态, default 1

    [[attachment]]
    aaa726 = "…"                     # 附件ID of a file uploaded before; it has no content
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.errors import ConfigurationError
from agent.events import JsonObject
from agent.rehearsal.people import MOST, invented_identity
from plugins.ministry.simulator.registry import Access, Card, FiledAid, Filing, Institution, Person

_Value = TypeVar("_Value")
NO_PERIOD: Final = (date.max, date.min)
"""Start and end of an application, which holds on no day."""


@dataclass(frozen=True, slots=True)
class Seed:
    """``digest`` changes with every change of the content: it ties a ledger file to its seed."""

    accesses: tuple[Access, ...]
    institutions: tuple[Institution, ...]
    people: tuple[Person, ...]
    filings: tuple[Filing, ...]
    aids: tuple[FiledAid, ...]
    cards: tuple[Card, ...]
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
        people = _tables(table, "person")
        return Seed(
            accesses=tuple(_access(item) for item in _tables(table, "access")),
            institutions=tuple(_institution(item) for item in _tables(table, "institution")),
            people=(*(_person(item) for item in people), *map(_crowd_member, range(crowd))),
            filings=(
                *_filings(people),
                *(each for number in range(crowd) for each in _crowd_filings(number)),
            ),
            aids=tuple(_aids(people)),
            cards=tuple(_card(person, item) for person in people for item in _tables(person, "card")),
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
    akb020 = _value(table, "akb020", str)
    return Institution(
        akb020=akb020,
        alc002=_value(table, "alc002", str),
        region=_value(table, "region", str),
        active=_value(table, "active", bool, True),
        aab998=f"91{akb020:0>16}",
    )


def _person(table: dict[str, Any]) -> Person:
    return Person(_value(table, "aac002", str), _value(table, "aac003", str))


def _filings(people: list[dict[str, Any]]) -> list[Filing]:
    return [_filing(_person(person), item) for person in people for item in _tables(person, "filing")]


def _filing(person: Person, table: dict[str, Any]) -> Filing:
    review = _value(table, "review", str, "1")
    place = _value(table, "place", str)
    starts, ends = NO_PERIOD
    if review == "1":
        starts, ends = _value(table, "starts", date), _value(table, "ends", date)
    return Filing(
        aaz341=_value(table, "aaz341", str),
        ala491=_value(table, "ala491", str),
        aac002=person.aac002,
        aac003=person.aac003,
        starts=starts,
        ends=ends,
        place=place,
        home=_value(table, "home", str, "360100" if place.startswith("51") else "510100"),
        invalid_since=_value(table, "invalid_since", date) if "invalid_since" in table else None,
        reason=_value(table, "reason", str, ""),
        review=review,
    )


def _aids(people: list[dict[str, Any]]) -> list[FiledAid]:
    filings = [filing for person in people for filing in _tables(person, "filing")]
    return [_aid(filing, item) for filing in filings for item in _tables(filing, "aid")]


def _aid(filing: dict[str, Any], table: dict[str, Any]) -> FiledAid:
    details: JsonObject = {code: _value(table, code, str) for code in table if code != "aaz195"}
    return FiledAid(_value(table, "aaz195", str), _value(filing, "aaz341", str), details)


def _card(person: dict[str, Any], table: dict[str, Any]) -> Card:
    holder = _person(person)
    return Card(
        aac002=holder.aac002,
        aac003=holder.aac003,
        aaz500=_value(table, "aaz500", str),
        aaz501=_value(table, "aaz501", str),
        reset=_value(table, "reset", str, ""),
        qrcode=_value(table, "qrcode", str, ""),
        state=_value(table, "state", str, "1"),
    )


def _crowd_member(number: int) -> Person:
    identity = invented_identity(number)
    return Person(identity.aac002, identity.aac003)


def _crowd_filings(number: int) -> list[Filing]:
    person = _crowd_member(number)
    return [
        Filing(
            aaz341=f"CROWD{number:09d}{ala491}",
            ala491=ala491,
            aac002=person.aac002,
            aac003=person.aac003,
            starts=date(2000, 1, 1),
            ends=date(2099, 12, 31),
            place="510000",
            home="360100",
        )
        for ala491 in ("03", "04")
    ]


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
