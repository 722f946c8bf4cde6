"""docs/errors.md: every code that a HIS or a program may meet is in it, and nothing that there is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from agent.cli import exits
from agent.errors import AgentError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
LISTED = set(re.findall(r"`([a-z_]+)`", PAGE))
TOLD_BY = {"Fault": 1, "fault": 0, "stop": 0, "EncodingRefused": 0, "XmlRefused": 0, "_Unfit": 0, "Breach": 0}
"""What makes a fault of a submission, and which of its arguments is the rule."""


def sources() -> list[Path]:
    """The agent's own modules; a protocol's rules are named by its catalog."""
    return sorted((ROOT / "agent").rglob("*.py"))


def rules_in(source: Path) -> Iterator[str]:
    """The rules that a module writes out; what it takes from elsewhere is written out there."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TOLD_BY:
                given = [keyword.value for keyword in node.keywords if keyword.arg == "rule"]
                given += node.args[TOLD_BY[name] : TOLD_BY[name] + 1]
                yield from (str(rule.value) for rule in given[:1] if isinstance(rule, ast.Constant))


def own_kinds(parent: type[AgentError]) -> list[type[AgentError]]:
    """The agent's own; what plugins and tests derive depends on what was imported before."""
    return [kind for kind in parent.__subclasses__() if kind.__module__.startswith("agent.")]


def codes() -> set[str]:
    """The codes of all classes of errors, and of what the daemon refuses."""
    classes, found = [AgentError], {AgentError.code}
    for source in sources():
        text = source.read_text("utf-8")
        found.update(re.findall(r'"code": "([a-z_]+)"', text))
        if re.search(r"^class \w+\(\w*(Error|Failed|Missing|Rejected)\):", text, re.MULTILINE):
            import_module(".".join(source.relative_to(ROOT).with_suffix("").parts))
    while classes:
        found.add(classes[-1].code)
        classes += own_kinds(classes.pop())
    return found


def test_every_rule_that_a_fault_can_have_is_listed() -> None:
    written = {rule for source in sources() for rule in rules_in(source)}
    assert len(written) > 80
    assert {rule for rule in written if re.fullmatch("[a-z_]+", rule)} - LISTED == set()


def test_every_code_of_an_error_is_listed() -> None:
    assert len(codes()) > 40
    assert codes() - LISTED == set()


@pytest.mark.parametrize(
    "kind", [kind for kind in AgentError.__subclasses__() if kind.__module__ == "agent.errors"]
)
def test_the_exit_code_of_an_error_is_the_one_listed(kind: type[AgentError]) -> None:
    error = kind(()) if kind.__name__ == "SubmissionInvalid" else kind("…")  # type: ignore[arg-type]
    (listed,) = re.findall(rf"^\|.*`{kind.code}`.*\| (\d) \|$", PAGE, re.MULTILINE)
    assert int(listed) == exits.exit_code(error)
