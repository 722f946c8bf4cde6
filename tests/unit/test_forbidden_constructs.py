"""What the shipped code never does: run a shell, evaluate text, revive pickles, unpack archives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(  # a rehearsed platform may pack what the agent has to read
    path
    for package in ("agent", "plugins", "winservice")
    for path in (ROOT / package).rglob("*.py")
    if not {"__pycache__", "simulator"} & set(path.parts)
)
MODULES = frozenset(
    {"pickle", "cPickle", "dill", "marshal", "shelve", "tarfile", "zipfile", "yaml", "telnetlib", "ftplib"}
)
"""Reading these needs limits that nobody set here; none is needed. A file of a HIS is never an archive."""
LIMITED = {"plugins/scanpay/reconciling/statement.py": ["import zipfile"]}
"""A document demands this one; its limits are tested in ``scanpay/test_scanpay_statement.py``."""
CALLS = frozenset(
    {"eval", "exec", "os.system", "os.popen", "shutil.unpack_archive", "extractall", "__import__"}
)


def found(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield f"import {node.module}"
        elif isinstance(node, ast.Call):
            yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    if name in CALLS or name.rpartition(".")[2] == "extractall":
        yield name
    for keyword in node.keywords:
        if keyword.arg == "shell" and not (
            isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        ):
            yield f"{name} with a shell"


def test_the_search_finds_what_it_looks_for() -> None:
    assert len(SOURCES) > 200
    code = (
        "import pickle\nfrom zipfile import ZipFile\nimport subprocess, os\n"
        "subprocess.run('x', shell=True)\nos.system('x')\neval('1')\nZipFile('a').extractall()\n"
    )
    assert len(list(found(ast.parse(code)))) == 6


def test_no_shell_no_eval_no_pickle_no_unpacking() -> None:
    guilty = {
        str(path.relative_to(ROOT)): told
        for path in SOURCES
        if (told := list(found(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert {path.replace("\\", "/"): told for path, told in guilty.items()} == LIMITED
