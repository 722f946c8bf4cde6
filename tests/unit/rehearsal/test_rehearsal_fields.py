"""The field check that rehearsed platforms share: the formats that its own protocols' tests do not reach."""

from __future__ import annotations

import pytest

from agent.catalog.model import CodeTable, FieldSpec
from agent.rehearsal.fields import FieldFault, FieldReader

TRACE = FieldSpec(
    "bkc372", "药品追溯码", "字符串", "100", required=True, kind="text", max_length=100, format="tracecode"
)


def no_table(name: str) -> CodeTable:
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("81234567890123456789", ""),
        ("010690123456789210LOT7\x1d21SER-1/2", ""),
        ("8123 4567", "format"),
        ("8123\n4567", "format"),
        ("药8123", "format"),
        ("8" * 101, "length"),
        ("", "missing"),
    ],
)
def test_a_trace_code_has_printable_characters_and_separators(code: str, rule: str) -> None:
    read = FieldReader(no_table).read([TRACE], {"bkc372": code})
    if rule:
        assert read == FieldFault(TRACE, rule)
        assert read.sentence.startswith("药品追溯码")
    else:
        assert read == {"bkc372": code}
