"""Reads the tables of a parsed file by the schema and collects every problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from agent.config.schema import FOLDER, LISTENER, SYSTEM, TRANSPORT
from agent.config.setting import Section, Setting
from agent.config.values import Problem, expectation

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_DEVICES: Final = ("scanners", "readers", "codes", "usb", "unasked")
_TABLES: Final = ("transport", "listener")
_TOP: Final = ("agent", "log", "control", "keys", "retention", "systems", "folders", *_DEVICES)


class SystemTables(NamedTuple):
    """``[systems.<name>]`` taken apart; ``options`` are the protocol's own, unchecked."""

    settings: dict[str, Any]
    transport: dict[str, Any]
    listener: dict[str, Any]
    options: dict[str, Any]


class Tables:
    """A file's tables. ``problems`` grows with every reading; a wrong value reads as its default."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.problems: list[Problem] = []
        self._content = content
        for key in content:
            if key not in _TOP:
                self.problems.append(Problem(key, unknown(key, _TOP)))

    def single(self, section: Section) -> dict[str, Any]:
        """The settings of a table that there is once (``[log]``), defaults filled in."""
        return self._settings(section, section.path, self._table(self._content, section.path, section.path))

    def named(self, group: str) -> dict[str, Mapping[str, Any]]:
        """The raw tables of ``[systems.*]`` or ``[folders.*]``."""
        tables: dict[str, Mapping[str, Any]] = {}
        for name in self._table(self._content, group, group):
            place = f"{group}.{name}"
            if not _NAME.fullmatch(name):
                self.problems.append(Problem(place, "名称应由 1–40 个字母、数字、- 或 _ 组成"))
            tables[name] = self._table(self._content[group], name, place)
        return tables

    def system(self, name: str, raw: Mapping[str, Any]) -> SystemTables:
        """Of one system: the agent's settings, those of its transport and listener, and the protocol's own
        options."""
        place = f"systems.{name}"
        own = {key: value for key, value in raw.items() if SYSTEM.find(key)}
        options = {key: value for key, value in raw.items() if not SYSTEM.find(key) and key not in _TABLES}
        transport = self._table(raw, "transport", f"{place}.transport")
        listener = self._table(raw, "listener", f"{place}.listener")
        return SystemTables(
            settings=self._settings(SYSTEM, place, own),
            transport=self._settings(TRANSPORT, f"{place}.transport", transport),
            listener=self._settings(LISTENER, f"{place}.listener", listener),
            options=options,
        )

    def one(self, section: Section, name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of one table of a group (``[scanners.<name>]``), defaults filled in."""
        return self._settings(section, section.path.replace("<name>", name), raw)

    def folder(self, name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        return self._settings(FOLDER, f"folders.{name}", raw)

    def _table(self, holder: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
        value = holder.get(key, {})
        if isinstance(value, dict):
            return value
        self.problems.append(Problem(place, f"应为一节 [{place}]"))
        return {}

    def _settings(self, section: Section, place: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        known = tuple(setting.name for setting in section.settings)
        for key in raw:
            if key not in known:
                self.problems.append(Problem(f"{place}.{key}", unknown(key, known)))
        return {setting.name: self._value(setting, place, raw) for setting in section.settings}

    def _value(self, setting: Setting, place: str, raw: Mapping[str, Any]) -> Any:
        if setting.name not in raw:
            return setting.default
        value = raw[setting.name]
        expected = expectation(setting.kind, value, setting.limits)
        if expected:
            self.problems.append(Problem(f"{place}.{setting.name}", expected))
            return setting.default
        return tuple(value) if isinstance(value, list) else value


def unknown(key: str, known: tuple[str, ...]) -> str:
    """What to say of a key that nobody declared."""
    near = get_close_matches(key, known, n=1)
    return f"没有这一项，是否想写 {near[0]}" if near else f"没有这一项，可用的有：{'、'.join(known)}"
