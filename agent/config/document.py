"""Writes ``docs/configuration.md`` from the schema and the plugins: ``python -m agent.config.document``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config.sample import literal
from agent.config.schema import SECTIONS
from agent.config.setting import Section, Setting

if TYPE_CHECKING:
    from agent.hookspecs import Option, ProtocolSpec

_HEAD = """\
# 配置 · Configuration

本页由程序里的声明生成，请勿手改（`python -m agent.config.document`）。
Generated from the declarations in `agent/config/schema.py` and of the plugins; do not edit by hand.

配置是一个 UTF-8 编码的 TOML 文件。位置依次取自：`--config`、环境变量 `HIS_AGENT_CONFIG`、
`C:\\ProgramData\\his-agent\\his-agent.toml`（Windows）或 `/etc/his-agent/his-agent.toml`（Linux）。
`his-agent init` 写出带注释的样例，`his-agent check` 检查并说明每个问题怎么处理。文件里的错误会一次全部列出。
各系统自己的选项（地址、接入标识符、机构编号……）与 `[systems.<name>]` 的设置写在同一节，见本页末尾。
密钥不写在文件里：`his-agent keys import`。
"""


def render(protocols: Iterable[ProtocolSpec]) -> str:
    """The page, with the options of these protocols."""
    sections = [_section(section) for section in SECTIONS]
    return "\n".join([_HEAD, *sections, *(_system(protocol) for protocol in protocols)])


def _system(protocol: ProtocolSpec) -> str:
    head = [f"## `[systems.{protocol.name}]`", "", f"{protocol.title}自己的选项。", ""]
    columns = ["| 设置 | 类型 | 默认 | 说明 | 例子 |", "|---|---|---|---|---|"]
    return "\n".join([*head, *columns, *(_option(option) for option in protocol.options)]) + "\n"


def _option(option: Option) -> str:
    kind = " ".join(f"`{choice}`" for choice in option.choices) or option.kind
    default = "必填" if option.required else f"`{literal(option.default)}`"
    example = option.example if option.kind in ("list", "integer", "number") else literal(option.example)
    cells = (f"`{option.name}`", kind, default, option.about, f"`{example}`" if option.example else "")
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _section(section: Section) -> str:
    head = [f"## `[{section.path}]`", "", section.zh + "。", "", section.en + ".", ""]
    columns = ["| 设置 | 类型 | 默认 | 说明 | 例子 |", "|---|---|---|---|---|"]
    return "\n".join([*head, *columns, *_rows(section.settings)]) + "\n"


def _rows(settings: Iterable[Setting]) -> Iterator[str]:
    for setting in settings:
        cells = (
            f"`{setting.name}`",
            _kind(setting),
            f"`{setting.shown or literal(setting.default)}`",
            f"{setting.zh}<br>{setting.en}",
            f"`{setting.example}`",
        )
        yield f"| {' | '.join(cells)} |"


def _kind(setting: Setting) -> str:
    if setting.choices:
        return " ".join(f"`{choice}`" for choice in setting.choices)
    if setting.minimum is None:
        return setting.kind
    return f"{setting.kind} {setting.minimum:g}–{setting.maximum:g}"


if __name__ == "__main__":
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    installed = import_module("agent.registry").Registry().protocols()
    page.write_text(render(installed.values()), encoding="utf-8", newline="\n")
