"""What is wrong with a file that is no TOML, in Chinese."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from agent.errors import ConfigurationError

_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)$")
_FAULTS: Final = (
    (
        ("Unescaped", "Invalid hex value"),
        "双引号里有反斜杠 \\",
        "Windows 路径请用单引号，例如 data = 'D:\\his-agent'",
    ),
    (
        ("Cannot declare", "Cannot overwrite", "Duplicate"),
        "重复写了同一节或同一项",
        "每一节、每一项只能写一次，请合并",
    ),
    (("",), "有语法错误", "请检查这一行：文本要加引号，路径用单引号，名称和值之间是 ="),
)
"""How tomllib's sentences begin, what that means, and what to do."""


def not_toml(path: Path, said: str) -> ConfigurationError:
    """``said`` is the parser's English sentence, which ends with the place."""
    found = _PLACE.search(said)
    place = f"第 {found[1]} 行第 {found[2]} 列附近" if found else "末尾"
    problem, hint = next((problem, hint) for begins, problem, hint in _FAULTS if said.startswith(begins))
    return ConfigurationError(
        f"配置文件 {path} 不是有效的 TOML：{place}{problem}", hint=hint, details={"toml": said}
    )
