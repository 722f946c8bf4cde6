from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from agent.config import document, load
from agent.config.sample import literal, render_sample
from agent.config.schema import RESERVED_OPTIONS, SECTIONS
from agent.hookspecs import KeyUse, Option, ProtocolSpec
from agent.registry import Registry

DOCUMENTED = "http://platform.example:7015/engine"


def unused(*_arguments: object) -> None:
    raise AssertionError("a sample builds nothing")


ALPHA = ProtocolSpec(
    name="alpha",
    title="阿尔法平台",
    options=(
        Option("url", "url", "接口地址", required=True, example=DOCUMENTED),
        Option("limit", "integer", "每批行数", default=500),
        Option("kinds", "list", "类别", default=["a", "b"]),
    ),
    keys=(KeyUse("alpha/own-private", "本方私钥", "sm2-private"),),
    load_catalog=unused,  # type: ignore[arg-type]
    build=unused,  # type: ignore[arg-type]
)


def with_everything_in_force(sample: str) -> str:
    return re.sub(r"^#(?=\[|\w+ = )", "", sample, flags=re.MULTILINE)


def options(names: Iterable[str]) -> dict[str, tuple[Option, ...]]:
    return {"alpha": tuple(ALPHA.options)}


def test_the_sample_as_written_is_a_valid_configuration_without_systems(tmp_path: Path) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_text(render_sample(tmp_path / "root", [ALPHA]), encoding="utf-8")
    config = load(path, options)
    assert (config.data, config.systems) == (tmp_path / "root", {})


def test_the_sample_with_every_comment_taken_away_is_valid_but_for_its_made_up_folder(tmp_path: Path) -> None:
    sample = with_everything_in_force(render_sample(tmp_path, [ALPHA]))
    path = tmp_path / "his-agent.toml"
    path.write_text(sample.replace('"ministry"', '"alpha"'), encoding="utf-8")
    config = load(path, options)
    assert config.systems["alpha"].options == {"url": DOCUMENTED, "limit": 500, "kinds": ["a", "b"]}
    assert config.folders[0].marker == ".ok"


def test_the_sample_offers_every_setting_and_documented_addresses_only_as_comments(tmp_path: Path) -> None:
    sample = render_sample(tmp_path, [replace(ALPHA, hear=unused)])  # type: ignore[arg-type]
    assert "listener" not in render_sample(tmp_path, [ALPHA])
    for section in SECTIONS:
        for setting in section.settings:
            assert re.search(rf"^#?{setting.name} = ", sample, re.MULTILINE), setting.name
            assert setting.zh in sample
    addresses = [line for line in sample.splitlines() if "http://" in line]
    assert addresses
    assert all(line.startswith("#") for line in addresses)
    assert "alpha/own-private：本方私钥" in sample


def test_the_page_in_docs_is_what_the_declarations_say() -> None:
    page = Path(__file__).parents[3] / "docs" / "configuration.md"
    declared = document.render(Registry().protocols().values())
    assert page.read_text(encoding="utf-8") == declared, "run: python -m agent.config.document"


def test_the_page_tells_of_a_protocols_options_what_the_sample_does() -> None:
    page = document.render([ALPHA])
    for option in ALPHA.options:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{option.name}` |")]
        assert option.about in row
        assert ("必填" in row) == option.required


def test_every_setting_is_described_in_both_languages_with_an_example() -> None:
    for section in SECTIONS:
        for setting in section.settings:
            assert re.search("[一-鿿]", setting.zh), setting.name
            assert setting.en.isascii() or "…" in setting.en, setting.name
            assert setting.example, setting.name


def test_names_that_the_agent_keeps_for_itself_are_reserved() -> None:
    assert {"order", "parallel", "transport", "resend_unguarded"} <= RESERVED_OPTIONS


def test_literals_read_back_as_the_same_value() -> None:
    import tomllib

    values = [True, 3, 2.5, "a\\b", 'quo"te', "它's", ["x", "y"], ""]
    for value in values:
        assert tomllib.loads(f"v = {literal(value)}")["v"] == value
