"""The documents point at what is there, and the two READMEs at the same."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from agent.cli import MODULES
from agent.cli.base import Group
from agent.cli.protocol_commands import commands_of
from agent.rehearsal.serving import COMMON_OPTIONS

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = [*READMES, *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def links(text: str) -> list[str]:
    """Targets of the links of a document, in their order; nothing inside of code is one."""
    return [inline or reference for inline, reference in LINK.findall(CODE.sub("", text))]


def is_local(target: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*:|//", target) is None


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to the headings of a document."""
    headings = HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing(document: Path, root: Path) -> list[str]:
    """Targets of a document's links that are no file or folder below ``root``, or no heading there."""
    text = document.read_text("utf-8")
    return [target for target in links(text) if is_local(target) and not _leads(document, target, root)]


def _leads(document: Path, target: str, root: Path) -> bool:
    path, _, anchor = target.partition("#")
    place = (document.parent / path).resolve() if path else document
    if not place.exists() or not place.is_relative_to(root):
        return False
    return not anchor or anchor in anchors(place.read_text("utf-8"))


def table_links(text: str) -> list[list[str]]:
    """The links of each table row that has one."""
    rows = [links(line) for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if row]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_of_a_document_leads_to_something_in_the_repository(name: str) -> None:
    assert missing(ROOT / name, ROOT) == []


def test_the_readmes_have_the_same_tables_links_headings_and_commands() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in READMES)
    assert len(table_links(english)) >= 5
    assert table_links(chinese) == table_links(english)
    assert outline(chinese) == outline(english)
    assert set(links(chinese)) - {"README.md"} == set(links(english)) - {"README.zh-CN.md"}
    assert commands(chinese) == commands(english)


def outline(text: str) -> list[str]:
    """The depths of the headings, in order."""
    return re.findall(r"^(#+) ", CODE.sub("", text), re.MULTILINE)


def commands(text: str) -> list[str]:
    """The shell lines of the code blocks, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Two words\n", "utf-8")
    document = tmp_path / "document.md"
    document.write_text(
        "[a](there.md) [b](gone.md) [c](there.md#two-words) [d](there.md#gone) [e](#here)\n"
        "[f](../outside.md) [g](https://example.org/x) `[h](code.md)`\n\n"
        '```\n[i](code.md)\n```\n\n# Here\n[j](also-gone.md "title")\n\n[k]: reference-gone.md\n',
        "utf-8",
    )
    (tmp_path.parent / "outside.md").write_text("", "utf-8")
    assert missing(document, tmp_path) == [
        "gone.md",
        "there.md#gone",
        "../outside.md",
        "also-gone.md",
        "reference-gone.md",
    ]


def every_command() -> list[str]:
    """``his-agent`` commands as they are typed, protocols' own included, those that are not listed not."""
    modules = {name: import_module(module).command for name, (module, _) in MODULES.items()}
    protocols = {name: commands_of(name) for name in ("ministry", "jiangxi", "scanpay")}
    found: list[str] = []
    for name, command in {**modules, **protocols}.items():
        inner = sorted(command.commands) if isinstance(command, Group) else [""] * (command is not None)
        found += [f"his-agent {name} {one}".strip() for one in inner if name != "read-file"]
    return found


def test_every_command_has_a_row_in_the_page_of_commands() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert len(every_command()) > 45
    assert [one for one in every_command() if not re.search(rf"^\| `{one}[ `]", page, re.MULTILINE)] == []


@pytest.mark.parametrize("system", ["ministry", "jiangxi", "scanpay"])
def test_every_option_of_a_rehearsal_server_is_explained(system: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8").partition("## 演练服务器")[2]
    options = {*COMMON_OPTIONS, *import_module(f"plugins.{system}.simulator.serve").OPTIONS}
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert sorted(one for one in options if not any(f"`{one}=" in row for row in rows)) == []
