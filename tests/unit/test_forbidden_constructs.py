"""What the shipped code never does: run a shell, evaluate text, revive pickles, unpack archives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(  # a rehearsed platform may pack what the agent has to read
    path
    for package in ("agent", "plugins", "winservice")
    for path in (ROOT / package).rglob("*.py")
    if not {"__pycache__", "simulator"} & set(path.parts)
)
MODULES = frozenset(
    {
        *("pickle", "cPickle", "dill", "jsonpickle", "marshal", "shelve", "multiprocessing", "yaml", "runpy"),
        *("tarfile", "zipfile", "gzip", "bz2", "lzma", "zlib", "telnetlib", "ftplib"),
    }
)
"""Reading these needs limits that nobody set here; none is needed. A file of a HIS is never an archive."""
LIMITED = {"plugins/scanpay/reconciling/statement.py": ["import zipfile", "import zlib"]}
"""A document demands this one; its limits are tested in ``scanpay/test_scanpay_statement.py``."""
CALLS = frozenset(
    {
        *("eval", "exec", "compile", "__import__", "system", "popen", "startfile", "getoutput"),
        *("getstatusoutput", "create_subprocess_shell", "unpack_archive", "extractall"),
    }
)
"""By their last name, whatever they were imported as; ``re.compile`` and its like are told apart below."""
HARMLESS = frozenset({"re.compile", "tables.system"})
SHELLS = frozenset({"sh", "bash", "cmd", "cmd.exe", "powershell", "powershell.exe", "pwsh"})


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
    if name.rpartition(".")[2] in CALLS and name not in HARMLESS:
        yield name
    for words in node.args:
        first = words.elts[0] if isinstance(words, ast.List | ast.Tuple) and words.elts else None
        if isinstance(first, ast.Constant) and PurePosixPath(str(first.value)).name.lower() in SHELLS:
            yield f"{name} of a shell"
    for keyword in node.keywords:
        if keyword.arg == "shell" and not (
            isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        ):
            yield f"{name} with a shell"


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from zipfile import ZipFile", "import multiprocessing.pool", "import gzip"),
        *("subprocess.run('x', shell=True)", "subprocess.run('x', shell=chosen)", "os.system('x')"),
        *("from os import popen\npopen('x')", "subprocess.getoutput('x')", "builtins.exec('1')"),
        *("subprocess.run(['/bin/sh', '-c', x])", "Popen(('powershell.exe', x))", "run(['cmd', '/c', x])"),
        *("eval('1')", "compile('1', '', 'eval')", "archive.extractall()", "shutil.unpack_archive('a')"),
    ],
)
def test_the_search_finds_what_it_looks_for(code: str) -> None:
    assert len(list(found(ast.parse(code)))) == 1


@pytest.mark.parametrize("code", ["re.compile('x')", "subprocess.run(['systemctl', 'stop'], shell=False)"])
def test_the_search_lets_the_harmless_pass(code: str) -> None:
    assert list(found(ast.parse(code))) == []


def test_no_shell_no_eval_no_pickle_no_unpacking() -> None:
    assert len(SOURCES) > 200
    guilty = {
        str(path.relative_to(ROOT)): told
        for path in SOURCES
        if (told := list(found(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert {path.replace("\\", "/"): told for path, told in guilty.items()} == LIMITED
