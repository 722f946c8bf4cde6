"""A small invented catalog, written to a folder, for tests that bend one thing at a time."""

from __future__ import annotations

from pathlib import Path

INDEX = """
system = "sample"
title = "样例接口"
version = "V1"
transactions = ["T1", "T2"]
[types]
C = "text"
N = "number"
List = "list"
Object = "object"
"""
TABLES = """
[COLOUR]
title = "颜色"
[COLOUR.codes]
1 = "红"
2 = ["绿", "青"]
"""
ERRORS = """
[CODE]
title = "结果"
[CODE.codes]
E0 = "成功"
E1 = "姓名不能为空"
E2 = "姓名长度不能超出限制"
"""
ENVELOPE = """
header = [{code="key", name="钥", type="C", length="9", required=true, sensitive="card"}]
response_head = [{code="code", name="结果", type="C", length="2", required=true, table="CODE"}]
"""
BEHAVIOUR = """
code = "T1"
name = "登记"
section = "1"
caller = "医院"
frequency = "实时"
description = "登记。"
kind = "upload"
class = "interactive"
"""


YES, NO, IF = "true", "false", '"conditional"'


def inline(
    code: str, name: str, more: str = "", *, kind: str = "C", length: str = "9", required: str = YES
) -> str:
    """One field as an inline table; ``more`` holds further keys."""
    keys = f'code="{code}", name="{name}", type="{kind}", length="{length}", required={required}'
    return "{" + (f"{keys}, {more}" if more else keys) + "}"


def rows(*children: str, more: str = "", required: str = YES) -> str:
    """A list called ``rows``; ``more`` holds further keys, each with a comma after it."""
    held = f"{more}children=[{', '.join(children)}]"
    return inline("rows", "明细", held, kind="List", length="", required=required)


NAME = inline("name", "姓名", 'sensitive="name", codes={missing="E1", length="E2"}', length="4")
COLOUR = inline("colour", "颜色", 'table="COLOUR"', length="1", required="false")
FIELDS = f"request = [\n  {NAME},\n  {COLOUR},\n]\n"


def write_catalog(folder: Path, **parts: str) -> Path:
    """Write the sample, with ``index``, ``tables``, ``errors``, ``envelope`` or ``t1`` replaced."""
    (folder / "transactions").mkdir()
    for name, standard in (
        ("index", INDEX),
        ("tables", TABLES),
        ("errors", ERRORS),
        ("envelope", ENVELOPE),
    ):
        (folder / f"{name}.toml").write_text(parts.get(name, standard), encoding="utf-8")
    (folder / "transactions" / "T1.toml").write_text(parts.get("t1", BEHAVIOUR + FIELDS), encoding="utf-8")
    return folder
