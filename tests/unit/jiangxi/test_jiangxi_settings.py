"""Jiangxi's settings: defaults, institutions, and every wrong value by its name."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import ConfigurationError
from plugins.jiangxi.settings import read_settings

GIVEN = {"url": "http://10.0.0.1/gs", "institutions": ["Y0400=Y6XL0", "Y0401"]}


def test_institutions_keep_their_order_and_are_their_own_safeinfo_unless_said() -> None:
    settings = read_settings(GIVEN)
    assert dict(settings.institutions) == {"Y0400": "Y6XL0", "Y0401": "Y0401"}
    assert settings.first == "Y0400"


def test_defaults_are_the_documents() -> None:
    settings = read_settings(GIVEN)
    assert (settings.flag_success, settings.flag_failure) == ({"success"}, {"fail"})
    assert (settings.traced, settings.rows_per_message, settings.undo_partial) == ({"13"}, 0, False)
    assert not settings.flag_may_be_missing


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "ftp://x"),
        ("url", ""),
        ("institutions", []),
        ("institutions", "Y0400"),
        ("institutions", ["Y040"]),
        ("institutions", ["Y0400", "Y0400=A"]),
        ("institutions", ["Y0400=一二三"]),
        ("flag_success", []),
        ("flag_failure", ["SUCCESS"]),
        ("flag_may_be_missing", "yes"),
        ("rows_per_message", -1),
        ("rows_per_message", True),
        ("traced", ["drug"]),
        ("partial_upload", "wipe"),
        ("skip_rules", ["no_such_rule"]),
    ],
)
def test_a_wrong_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings({**GIVEN, name: value})
    assert name in caught.value.message
    assert caught.value.details["setting"] == name
