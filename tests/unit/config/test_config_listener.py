"""``[systems.<name>.listener]``: off by default, and never open to everybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config import load
from agent.config.model import ListenerConfig
from agent.errors import ConfigurationError


def loaded(tmp_path: Path, *lines: str) -> ListenerConfig | None:
    path = tmp_path / "his-agent.toml"
    table = ["[systems.alpha]", *(["[systems.alpha.listener]", *lines] if lines else [])]
    path.write_text("\n".join(table) + "\n", encoding="utf-8")
    return load(path, lambda names: {"alpha": ()}).systems["alpha"].listener


def test_nothing_listens_without_an_address(tmp_path: Path) -> None:
    assert loaded(tmp_path) is None
    assert loaded(tmp_path, 'peers = ["10.0.0.1"]') is None


def test_an_address_with_peers_listens_there(tmp_path: Path) -> None:
    lines = ('address = "[::1]:8080"', 'peers = ["10.0.0.1", "10.1.0.0/24"]', "max_kb = 5")
    assert loaded(tmp_path, *lines) == ListenerConfig(
        "::1", 8080, "/callback", ("10.0.0.1", "10.1.0.0/24"), 5
    )


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (('address = "10.0.0.2:8080"',), "peers"),
        (('address = "10.0.0.2:8080"', 'peers = ["platform"]'), "peers"),
        (('address = "10.0.0.2"', 'peers = ["10.0.0.1"]'), "address"),
        (('address = "10.0.0.2:70000"', 'peers = ["10.0.0.1"]'), "address"),
        (('address = "10.0.0.2:8080"', 'peers = ["10.0.0.1"]', 'path = "callback"'), "path"),
    ],
)
def test_what_would_be_open_to_everybody_or_is_no_address_is_refused(
    tmp_path: Path, lines: tuple[str, ...], place: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"systems.alpha.listener.{place}")):
        loaded(tmp_path, *lines)
