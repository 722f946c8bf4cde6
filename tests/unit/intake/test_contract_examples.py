"""The examples of docs/his-contract.md are good submissions: what a HIS maker copies is taken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.intake.prepare import Dropped, prepare
from agent.submissions.options import OPTIONS
from tests.unit.intake.inbox_bench import START
from tests.unit.intake.test_prepare import PLUGIN, RULES

PAGE = (Path(__file__).parents[3] / "docs" / "his-contract.md").read_text("utf-8")
NAMES = {"json": "visit.json", "csv": "fees.csv", "xml": "GYU101__HIS-20260105-0003.xml"}


def example(language: str) -> str:
    """The page's first example in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("language", sorted(NAMES))
def test_an_example_is_taken_as_it_stands(language: str, encoding: str) -> None:
    text = example(language).replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"')
    dropped = Dropped("event-1", "till", NAMES[language], START, START, text.encode(encoding))
    (new,) = prepare(dropped, RULES, PLUGIN)
    assert new.faults == ()
    assert new.id.startswith("HIS-20260105-")
    assert [draft.transaction for draft in new.drafts] == [new.transaction]


def test_every_key_beside_the_data_is_explained() -> None:
    section = PAGE.partition("## 一次提交")[2].partition("### 附件")[0]
    assert [key for key in OPTIONS if f"`{key}`" not in section] == []
