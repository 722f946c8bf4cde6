"""What passes the border comes back as it was, in its place only, and its hashes do not meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import BEIJING
from agent.crypto.at_rest import DataKey
from agent.errors import CiphertextRejected
from agent.events import Json
from agent.outbox.moments import from_micros, iso, to_micros
from agent.outbox.sealed import Border, pack, unpack

BORDER = Border(DataKey(1, b"k" * 32))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
numbers = st.decimals(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def _exact(value: Json) -> object:
    """A value with its types, so that 1, True and Decimal(1) differ."""
    if isinstance(value, dict):
        return {key: _exact(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_exact(child) for child in value]
    return type(value).__name__, str(value)


@given(values)
def test_a_value_comes_back_with_every_digit_and_type(value: Json) -> None:
    assert _exact(unpack(pack(value))) == _exact(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("nan"), float("inf")])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        pack(value)


def test_a_sealed_value_opens_at_its_place_only() -> None:
    sealed = BORDER.seal("draft|content", 1, {"a": 1})
    assert BORDER.open("draft|content", 1, sealed) == {"a": 1}
    for place, row in (("draft|content", 2), ("answer|content", 1), ("draft|content", "1 ")):
        with pytest.raises(CiphertextRejected):
            BORDER.open(place, row, sealed)


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
def test_two_keys_meet_only_when_all_their_parts_do(one: list[str], other: list[str]) -> None:
    assert (BORDER.key("scope", one) == BORDER.key("scope", other)) == (one == other)


def test_a_key_depends_on_its_domain_and_on_the_secret() -> None:
    key = BORDER.key("scope", ("a",))
    assert key != BORDER.key("slot", ("a",))
    assert key != Border(DataKey(1, b"x" * 32)).key("scope", ("a",))
    assert BORDER.digest(b"") is None
    assert BORDER.digest(b"a") != BORDER.digest(b"b")


moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1))  # noqa: DTZ001


@given(moments, st.integers(-12, 12))
def test_a_time_comes_back_to_the_microsecond_in_beijing_time(moment: datetime, hours: int) -> None:
    aware = moment.replace(tzinfo=UTC) + timedelta(hours=hours)
    back = from_micros(to_micros(aware))
    assert back == aware
    assert back.utcoffset() == timedelta(hours=8)


def test_a_time_without_a_zone_is_beijing_time() -> None:
    naive = datetime(2026, 1, 1, 9)  # noqa: DTZ001
    assert from_micros(to_micros(naive)) == naive.replace(tzinfo=BEIJING)
    assert to_micros(None) is None
    assert from_micros(None) is None
    assert iso(to_micros(naive)) == "2026-01-01T09:00:00+08:00"
    assert iso(None) is None


def test_money_keeps_its_scale() -> None:
    for text in ("12.50", "0.00", "7", "1E+2", "-0.10"):
        assert str(unpack(pack({"amount": Decimal(text)}))["amount"]) == text
