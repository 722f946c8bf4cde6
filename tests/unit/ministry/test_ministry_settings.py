"""Settings are checked where they are read, and named when they are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from agent.crypto import Layout
from agent.errors import ConfigurationError
from plugins.ministry.settings import KEY_USES, OPTIONS, read_settings
from tests.unit.ministry.ministry_desk import options


def test_the_province_is_taken_from_the_access_key() -> None:
    assert read_settings(options()).province == "519900"
    assert read_settings(options(province="660000")).province == "660000"


def test_defaults_are_the_documents() -> None:
    settings = read_settings(options())
    assert settings.sm2_layout is Layout.C1C2C3
    assert settings.hisdata_absent == {"RE1106"}
    assert settings.skip_rules == frozenset()
    assert [settings.own_key, settings.peer_key] == [use.name for use in KEY_USES]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", ""),
        ("url", "gsydjy.mohrss:7009/engine"),
        ("url", "ftp://gsydjy.mohrss/"),
        ("url", "http:///engine"),
        ("url", 7009),
        ("access_key", "51990001"),
        ("access_key", "5199000011"),
        ("access_key", "５１９９００００１"),
        ("access_key", 519900001),
        ("province", "51990"),
        ("own_key", ""),
        ("peer_key", "a b"),
        ("sm2_layout", "C3C2C1"),
        ("hisdata_absent", []),
        ("hisdata_absent", "RE1106"),
        ("hisdata_absent", ["RE0000"]),
        ("hisdata_absent", [""]),
        ("skip_rules", ["gyu102_amount"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(options(**{name: value}))
    assert caught.value.details["setting"] == name
    assert name in caught.value.message


@pytest.mark.parametrize("name", ["url", "access_key"])
def test_a_required_setting_has_no_default(name: str) -> None:
    given = options()
    del given[name]
    with pytest.raises(ConfigurationError) as caught:
        read_settings(given)
    assert caught.value.details["setting"] == name
    assert next(option for option in OPTIONS if option.name == name).required


@pytest.mark.parametrize(
    "url", ["http://gsydjy.mohrss:7009/engine/transport/server/001", "https://10.0.0.1/x"]
)
def test_hosts_without_a_top_level_domain_are_fine(url: str) -> None:
    assert read_settings(options(url=url)).url == url
