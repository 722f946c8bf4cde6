"""Every transaction of every protocol has its case file, every field of request and answer stands in some
case, and each is shown accepted, refused by the platform and, where it can be, refused here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from agent.catalog import Catalog, FieldSpec, load_catalog
from agent.events import Json
from tests.conformance.case_files import CASES, Case, all_cases

PLUGINS = Path(__file__).parents[2] / "plugins"
PROTOCOLS = sorted(path.parent.name for path in PLUGINS.glob("*/adapter.py"))


def catalog(protocol: str) -> Catalog:
    return load_catalog(f"plugins.{protocol}.catalog")


WHOLE = [(protocol, transaction) for protocol in PROTOCOLS for transaction in catalog(protocol).transactions]


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


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_there_is_a_case_file_for_every_transaction_of_the_index_and_no_other(protocol: str) -> None:
    stems = {path.stem for path in (CASES / protocol).glob("*.toml")}
    assert stems == set(catalog(protocol).transactions)


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


@pytest.mark.parametrize(("protocol", "transaction"), WHOLE)
def test_whatever_has_a_mandatory_field_is_shown_refused_here(protocol: str, transaction: str) -> None:
    fields = catalog(protocol).transaction(transaction).request
    if any(spec.required for spec in fields):
        assert any(case.faults for case in cases(protocol, transaction))


def test_no_two_cases_have_one_name() -> None:
    names = [str(case) for case in all_cases()]
    assert len(names) == len(set(names))
