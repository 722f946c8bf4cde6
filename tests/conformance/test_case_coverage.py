"""What a plugin's README calls whole is shown whole: every field of request and answer in some case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from agent.catalog import Catalog, FieldSpec, load_catalog
from agent.events import Json
from tests.conformance.case_files import CASES, Case, all_cases

PLUGINS = Path(__file__).parents[2] / "plugins"
PROTOCOLS = sorted(path.name for path in CASES.iterdir())


def whole(protocol: str) -> list[str]:
    """The transactions in the table under "What is whole"."""
    text = (PLUGINS / protocol / "README.md").read_text(encoding="utf-8")
    section = text.split("## What is whole", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| ([A-Z]+\d+) \|", section, re.MULTILINE)


def catalog(protocol: str) -> Catalog:
    return load_catalog(f"plugins.{protocol}.catalog")


WHOLE = [(protocol, transaction) for protocol in PROTOCOLS for transaction in whole(protocol)]


def cases(protocol: str, transaction: str) -> list[Case]:
    return [case for case in all_cases() if (case.protocol, case.transaction) == (protocol, transaction)]


def paths_of(fields: Iterable[FieldSpec], around: str = "") -> Iterator[str]:
    for spec in fields:
        yield around + spec.code
        yield from paths_of(spec.children, f"{around}{spec.code}/")


def paths_in(value: Json, around: str = "") -> Iterator[str]:
    """The paths of members that say something, list places left out."""
    for item in value if isinstance(value, list) else [value]:
        for key, member in item.items() if isinstance(item, dict) else ():
            if member not in ("", [], {}):
                yield around + key.strip()
            yield from paths_in(member, f"{around}{key.strip()}/")


def test_every_protocol_claims_something() -> None:
    assert {protocol for protocol, _ in WHOLE} == set(PROTOCOLS)


@pytest.mark.parametrize(("protocol", "transaction"), WHOLE)
def test_every_request_field_is_in_a_case(protocol: str, transaction: str) -> None:
    spec = catalog(protocol).transaction(transaction)
    wires = [message["wire"] for case in cases(protocol, transaction) for message in case.messages]
    assert wires
    assert set(paths_of(spec.request)) <= {path for wire in wires for path in paths_in(wire)}


@pytest.mark.parametrize(("protocol", "transaction"), WHOLE)
def test_every_answer_field_is_in_a_case(protocol: str, transaction: str) -> None:
    spec = catalog(protocol).transaction(transaction)
    head = catalog(protocol).envelope.response_head
    answers = [
        message["response"]["data"]
        for case in cases(protocol, transaction)
        for message in case.messages
        if "data" in message.get("response", {})
    ]
    wanted = {*paths_of(head), *paths_of(spec.response)}
    assert wanted <= {path for answer in answers for path in paths_in(answer)}


@pytest.mark.parametrize(("protocol", "transaction"), WHOLE)
def test_every_whole_transaction_has_acceptance_and_refusal(protocol: str, transaction: str) -> None:
    verdicts = {
        message["outcome"]["verdict"]
        for case in cases(protocol, transaction)
        for message in case.messages
        if "outcome" in message
    }
    assert {"accepted", "rejected"} <= verdicts


def test_every_case_file_is_of_a_known_transaction_and_names_its_cases_once() -> None:
    for protocol in PROTOCOLS:
        stems = {path.stem for path in (CASES / protocol).glob("*.toml")}
        assert stems <= set(catalog(protocol).transactions)
    names = [str(case) for case in all_cases()]
    assert len(names) == len(set(names))
