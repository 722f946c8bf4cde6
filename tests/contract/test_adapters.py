"""One suite over every protocol that registers itself: what the engine may rely on at the border.

A protocol joins by its entry point and by a :class:`Sample` here.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from agent import jsontext
from agent.clock import BEIJING
from agent.crypto.keys import generate
from agent.errors import (
    AgentError,
    AnswerRejected,
    ConfigurationError,
    CryptoError,
    KeyMissing,
    SubmissionInvalid,
)
from agent.events import Draft, Outcome, Request, Response, Submission, Verdict
from agent.hookspecs import GROUP, ProtocolAdapter, ProtocolSpec
from agent.registry import Registry
from tests.unit.jiangxi import province
from tests.unit.scanpay import till

NOW = datetime(2026, 1, 2, 9, 0, tzinfo=BEIJING)
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
SECRETS = ("519900199901011234", "测试甲")


@dataclass(frozen=True)
class Sample:
    """What the suite needs of a protocol: settings, keys by kind, and one sendable upload."""

    options: Mapping[str, Any]
    transaction: str
    data: dict[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = True
    """Whether a request carries a number of its own."""


@cache
def samples() -> dict[str, Sample]:
    own, peer = generate(), generate()
    return {
        "ministry": Sample(
            options={"url": "http://127.0.0.1:7015/engine", "access_key": "519900001"},
            transaction="GYU101",
            data={
                "datalist": [
                    {
                        "akb020": "510000123456",
                        "alc002": "1",
                        "aab360": "510104",
                        "aac002": "519900199901011234",
                        "aac003": "测试甲",
                        "aka130": "72",
                        "akc190": "ZY20260001",
                        "aae030": "20260101",
                    }
                ]
            },
            keys={
                "ministry/own-private": own.to_pem(),
                "ministry/peer-public": peer.public.to_pem(),
            },
        ),
        "jiangxi": Sample(
            options={"url": "http://127.0.0.1:7016/gsyl", "institutions": ["Y0400=Y6XL0"]},
            transaction="FY001",
            data=province.fees(
                province.fee(1, bae125=SECRETS[1], ckc349="MZ0001"),
                akc190="202601010000000001",
            ),
        ),
        "scanpay": Sample(
            options=till.options("http://127.0.0.1:7017/"),
            transaction="ST007",
            data={
                **till.order("DD20260001", 1),
                "pname": SECRETS[1],
                "pidno": SECRETS[0],
                "ecqrcode": "4240000000000000000000000000",
                "ectoken": "T1",
                "idtype": "01",
                "idno": SECRETS[0],
                "username": SECRETS[1],
            },
            keys=till.key_texts(),
            numbered=False,
        ),
    }


@cache
def registered() -> Mapping[str, ProtocolSpec]:
    """The protocols of our own distribution's entry points, registered as a stranger's would be."""
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    points = [EntryPoint(name, module, GROUP) for name, module in groups[GROUP].items()]
    for point in points:
        with suppress(ModuleNotFoundError):  # of a plugin that registers no protocol
            importlib.import_module(
                f"{point.value}.catalog"
            )  # a subpackage takes its name in the plugin's module
    return Registry(points).protocols()


NAMES = sorted(registered())


class Keyring:
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get(self, name: str) -> str:
        if name not in self._texts:
            raise KeyMissing(f"没有密钥 {name}")
        return self._texts[name]


@pytest.fixture(params=NAMES)
def spec(request: pytest.FixtureRequest) -> ProtocolSpec:
    return registered()[request.param]


@pytest.fixture
def sample(spec: ProtocolSpec) -> Sample:
    return samples()[spec.name]


@pytest.fixture
def adapter(spec: ProtocolSpec, sample: Sample) -> ProtocolAdapter:
    return spec.build(sample.options, Keyring(sample.keys))


@pytest.fixture
def submission(spec: ProtocolSpec, sample: Sample) -> Submission:
    return Submission(spec.name, sample.transaction, "HIS-1", sample.data)


@pytest.fixture
def draft(adapter: ProtocolAdapter, submission: Submission) -> Draft:
    return adapter.plan(submission, NOW).drafts[0]


def stamped(adapter: ProtocolAdapter, draft: Draft, first: int = 1) -> Mapping[str, str]:
    serials = {series.name: number for number, series in enumerate(adapter.series(draft), first)}
    return adapter.stamp(draft, serials, NOW)


def sealed(adapter: ProtocolAdapter, draft: Draft, first: int = 1) -> Request:
    return adapter.encode(draft, stamped(adapter, draft, first), NOW)


# -- registration ---------------------------------------------------------------------------------
def test_every_protocol_has_a_sample_here() -> None:
    assert set(NAMES) == set(samples())


def test_options_and_keys_explain_themselves_in_chinese(spec: ProtocolSpec) -> None:
    for text in (spec.title, *(option.about for option in spec.options), *(use.about for use in spec.keys)):
        assert any("\u4e00" <= character <= "\u9fff" for character in text), text
    names = [option.name for option in spec.options]
    assert len(names) == len(set(names))
    assert all(use.name.startswith(f"{spec.name}/") for use in spec.keys)


def test_the_catalog_is_the_protocols_own(spec: ProtocolSpec, adapter: ProtocolAdapter) -> None:
    assert spec.load_catalog().system == spec.name
    assert adapter.catalog.transactions == spec.load_catalog().transactions


def test_a_required_option_that_is_missing_is_a_configuration_error(
    spec: ProtocolSpec, sample: Sample
) -> None:
    for option in spec.options:
        if option.required:
            given = {name: value for name, value in sample.options.items() if name != option.name}
            with pytest.raises(ConfigurationError) as caught:
                spec.build(given, Keyring(sample.keys))
            assert option.name in caught.value.message
            assert caught.value.hint


def test_building_needs_no_key(spec: ProtocolSpec, sample: Sample) -> None:
    """An agent whose keys are still to come starts, shows its lanes and plans; where there are none to
    come it can send."""
    adapter = spec.build(sample.options, Keyring({}))
    submission = Submission(spec.name, sample.transaction, "HIS-1", sample.data)
    draft = adapter.plan(submission, NOW).drafts[0]
    if not spec.keys:
        assert sealed(adapter, draft).body
        return
    with pytest.raises(ConfigurationError):
        sealed(adapter, draft)


# -- planning -------------------------------------------------------------------------------------
def test_planning_is_repeatable_and_changes_nothing(adapter: ProtocolAdapter, submission: Submission) -> None:
    before = jsontext.write(submission.data)
    assert adapter.plan(submission, NOW) == adapter.plan(submission, NOW)
    assert jsontext.write(submission.data) == before


def test_normalising_twice_changes_nothing(adapter: ProtocolAdapter, submission: Submission) -> None:
    """What is compared for duplicates must not depend on how often it went through."""
    once = adapter.plan(submission, NOW).normalised
    assert adapter.plan(replace(submission, data=once), NOW).normalised == once


def test_drafts_go_to_a_known_lane_and_hold_scopes(adapter: ProtocolAdapter, draft: Draft) -> None:
    assert draft.lane in adapter.lanes()
    assert draft.scopes
    assert all(scope.kind and all(scope.key) for scope in draft.scopes)


def test_an_invalid_submission_names_its_faults_and_its_scopes(
    adapter: ProtocolAdapter, submission: Submission
) -> None:
    unreadable = replace(submission, data={})
    with pytest.raises(SubmissionInvalid) as caught:
        adapter.plan(unreadable, NOW)
    assert caught.value.faults
    assert all(fault.rule and fault.message for fault in caught.value.faults)
    assert adapter.scopes(unreadable) == ()
    assert adapter.scopes(submission) == adapter.plan(submission, NOW).drafts[0].scopes


@pytest.mark.parametrize("data", [None, [], "x", {"a": {"$slot": "b"}}], ids=str)
def test_scopes_never_raises(adapter: ProtocolAdapter, submission: Submission, data: Any) -> None:
    assert adapter.scopes(replace(submission, data=data)) == ()
    assert adapter.scopes(replace(submission, transaction="NONE", data=data)) == ()


def test_an_unknown_transaction_is_a_fault(adapter: ProtocolAdapter, submission: Submission) -> None:
    with pytest.raises(SubmissionInvalid):
        adapter.plan(replace(submission, transaction="NONE"), NOW)


# -- sending --------------------------------------------------------------------------------------
def test_wire_ids_name_the_main_one_and_differ_with_their_numbers(
    adapter: ProtocolAdapter, draft: Draft
) -> None:
    first, second = stamped(adapter, draft, 1), stamped(adapter, draft, 101)
    assert first["wire_id"]
    assert all(first[name] != second[name] for name in first if name != "at")  # when an attempt began
    assert all(series.name and series.digits > 0 for series in adapter.series(draft))


def test_a_request_goes_to_the_configured_place_and_shows_no_person(
    adapter: ProtocolAdapter, sample: Sample, draft: Draft
) -> None:
    request = sealed(adapter, draft)
    assert request.url == sample.options["url"]
    shown = f"{request!r}{adapter!r}{draft!r}"
    assert not any(secret in shown for secret in SECRETS)


def test_two_attempts_never_share_their_sealed_bytes(
    adapter: ProtocolAdapter, sample: Sample, draft: Draft
) -> None:
    """Unless the document gives a request no number: then an attempt is told by its order alone."""
    if not sample.numbered:
        assert sealed(adapter, draft, 1).body == sealed(adapter, draft, 101).body
        return
    assert sealed(adapter, draft, 1).body != sealed(adapter, draft, 101).body


# -- answers --------------------------------------------------------------------------------------
BROKEN = [
    b"",
    b"\xff\xfe\x00",
    b"<html><body>502</body></html>",
    b"{}",
    b"[]",
    b"null",
    b'{"code":null}',
    b'{"code":"PE0000","biz_data":{"symmetric_key":"AA==","sign":"AA==","data":"AA=="}}',
    b"[" * 100_000,
]


def judged(adapter: ProtocolAdapter, draft: Draft, response: Response) -> Outcome | AgentError:
    """The outcome, or one of the two errors that the border allows; any other escapes."""
    try:
        return adapter.interpret(draft, stamped(adapter, draft), response)
    except (AnswerRejected, CryptoError) as error:
        return error


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:20]))
def test_a_broken_answer_is_never_taken_for_a_business_one(
    adapter: ProtocolAdapter, draft: Draft, body: bytes
) -> None:
    assert isinstance(judged(adapter, draft, Response(200, {}, body)), AnswerRejected | CryptoError)


@pytest.mark.parametrize(
    "status", [100, 204, 302, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 599]
)
@pytest.mark.parametrize("body", BROKEN[:3], ids=lambda body: repr(body[:20]))
def test_a_status_alone_never_accepts_or_refuses(
    adapter: ProtocolAdapter, draft: Draft, status: int, body: bytes
) -> None:
    outcome = judged(adapter, draft, Response(status, {}, body))
    if isinstance(outcome, Outcome):
        assert outcome.verdict in (Verdict.UNKNOWN, Verdict.RETRY, Verdict.HALT)
        assert outcome.code
        assert outcome.message
    if status >= 500:
        assert isinstance(outcome, Outcome)
        assert outcome.verdict is Verdict.UNKNOWN


def test_answers_that_are_rejected_quote_nothing_of_them(adapter: ProtocolAdapter, draft: Draft) -> None:
    result = judged(adapter, draft, Response(200, {}, '{"code":"","aac003":"测试甲"}'.encode()))
    assert isinstance(result, AgentError)
    assert result.hint
    assert not any(secret in f"{result!r}{result}{result.details}" for secret in SECRETS)


# -- doubt ----------------------------------------------------------------------------------------
def test_an_inquiry_is_harmless_and_can_be_sent(adapter: ProtocolAdapter, draft: Draft) -> None:
    question = adapter.inquire(draft, stamped(adapter, draft))
    assert question is not None
    assert question.harmless
    assert question.lane == draft.lane
    assert question.transaction in adapter.catalog
    assert sealed(adapter, question, 301).body


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.RETRY, Verdict.HALT])
def test_an_inquiry_without_an_answer_concludes_nothing(
    adapter: ProtocolAdapter, draft: Draft, verdict: Verdict
) -> None:
    conclusion = adapter.conclude(draft, stamped(adapter, draft), Outcome(verdict, "X"))
    assert conclusion.finding == "undecided"
    assert conclusion.outcome is None


def test_a_probe_is_harmless_and_can_be_sent(adapter: ProtocolAdapter) -> None:
    for lane in adapter.lanes():
        probe = adapter.probe(lane)
        assert probe is None or (probe.harmless and sealed(adapter, probe, 401).body)
