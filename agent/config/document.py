"""Writes ``docs/configuration.md`` from the schema: ``python -m agent.config.document``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.config.sample import literal
from agent.config.schema import SECTIONS
from agent.config.setting import Section, Setting

_HEAD = """\
# 配置 · Configuration

本页由程序里的声明生成，请勿手改（`python -m agent.config.document`）。
Generated from the declarations in `agent/config/schema.py`; do not edit by hand.

配置是一个 UTF-8 编码的 TOML 文件。位置依次取自：`--config`、环境变量 `HIS_AGENT_CONFIG`、
`C:\\ProgramData\\his-agent\\his-agent.toml`（Windows）或 `/etc/his-agent/his-agent.toml`（Linux）。
`his-agent init` 写出带注释的样例，`his-agent check` 检查并说明每个问题怎么处理。文件里的错误会一次全部列出。
各系统自己的选项（地址、接入标识符、机构编号……）与 `[systems.<name>]` 的设置写在同一节，说明见样例和插件文档。
密钥不写在文件里：`his-agent keys import`。
"""


def render() -> str:
    return "\n".join([_HEAD, *(_section(section) for section in SECTIONS)])


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
    page.write_text(render(), encoding="utf-8", newline="\n")
