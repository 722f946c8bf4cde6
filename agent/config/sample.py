"""The commented sample that ``his-agent init`` writes.

Prose begins with ``# ``; a setting that stands at its default, or has to be filled in, is a line
``#name = value``: taking the ``#`` away puts it into force.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config.schema import (
    AGENT,
    CONTROL,
    DEVICES,
    FOLDER,
    KEYS,
    LISTENER,
    LOG,
    RETENTION,
    SYSTEM,
    TRANSPORT,
)
from agent.config.setting import Section, Setting

if TYPE_CHECKING:
    from agent.hookspecs import Option, ProtocolSpec

_HEAD = """\
# his-agent 的配置文件（TOML，UTF-8 编码）。改完运行 his-agent check 检查。
# “# ”后面是说明；“#名称 = 值”是可用的设置，去掉开头的 # 就生效。
# Windows 路径请用单引号：'D:\\his-agent'。密钥不写在这里，用 his-agent keys import 导入。
"""


def render_sample(data: Path | None, protocols: Sequence[ProtocolSpec]) -> str:
    """The sample's text. With ``data`` the data root is set, else it is the file's own folder."""
    given = {} if data is None else {"data": f"'{data}'"}
    parts = [_HEAD, *(_single(section, given if section is AGENT else {}) for section in (AGENT, LOG))]
    parts += [_single(section, {}) for section in (CONTROL, KEYS, RETENTION)]
    parts += [_system(protocol) for protocol in protocols]
    parts.append(_folder())
    parts += [_example(section) for section in DEVICES]
    return "\n".join(parts)


def literal(value: Any) -> str:
    """``value`` as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(item) for item in value)}]"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = "" if value is None else str(value)
    return f"'{text}'" if "\\" in text and "'" not in text else json.dumps(text, ensure_ascii=False)


def _single(section: Section, given: dict[str, str]) -> str:
    return "\n".join([f"# {section.zh}", f"[{section.path}]", *_settings(section.settings, given)]) + "\n"


def _settings(settings: Iterable[Setting], given: dict[str, str] | None = None) -> Iterator[str]:
    for setting in settings:
        yield f"# {setting.zh}{_remark(setting.choices, setting.shown)}"
        if given and setting.name in given:
            yield f"{setting.name} = {given[setting.name]}"
        else:
            value = setting.example if setting.default in (None, "", ()) else literal(setting.default)
            yield f"#{setting.name} = {value}"


def _remark(choices: Sequence[str], shown: str = "") -> str:
    remark = f"；可选：{'、'.join(choices)}" if choices else ""
    return remark + (f"（默认 {shown}）" if shown else "")


def _system(protocol: ProtocolSpec) -> str:
    place = SYSTEM.path.replace("<name>", protocol.name)
    lines = [f"# ---- {protocol.title} " + "-" * 40, f"#[{place}]"]
    for option in protocol.options:
        lines += [f"# {_about(option)}", f"#{option.name} = {_value(option)}"]
    lines += [f"# {use.name}：{use.about}，用 his-agent keys import {use.name} 导入" for use in protocol.keys]
    lines += [*_settings(SYSTEM.settings), f"#[{place}.transport]", *_settings(TRANSPORT.settings)]
    if protocol.hear is not None:
        lines += [f"#[{place}.listener]", *_settings(LISTENER.settings)]
    return "\n".join(lines) + "\n"


def _about(option: Option) -> str:
    needed = "（必填）" if option.required else ""
    return f"{option.about}{needed}{_remark(option.choices)}"


def _value(option: Option) -> str:
    """The default, else the example: documented addresses appear only here, as comments."""
    if option.default not in (None, "", (), []) or not option.example:
        return literal(option.default)
    if option.kind in {"integer", "number", "boolean", "list"}:
        return option.example
    return literal(option.example)


def _folder() -> str:
    lines = [f"# {FOLDER.zh}", "#[folders.my-his]", *_settings(FOLDER.settings)]
    return "\n".join(lines) + "\n"


def _example(section: Section) -> str:
    """A table of a group, all of it in comments."""
    place = section.path.replace("<name>", "example")
    return "\n".join([f"# {section.zh}", f"#[{place}]", *_settings(section.settings)]) + "\n"
