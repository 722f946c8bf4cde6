"""Over all transactions: valid messages have no fault, one damage gives one fault, the form is canonical."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.catalog import examine, load_catalog, normalise, validate
from agent.catalog.values import fits, read_number, write_number
from tests.property.catalog_messages import damages, messages, replaced

CATALOG = load_catalog("plugins.ministry.catalog")
ASKING = [code for code in CATALOG.transactions if CATALOG.transaction(code).request]
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("code", ASKING)
@FEW
@given(st.data())
def test_a_valid_message_has_no_fault(code: str, data: st.DataObject) -> None:
    spec = CATALOG.transaction(code)
    report = examine(spec, data.draw(messages(spec)), limit_rows=True)
    assert report.faults == ()
    assert report.warnings == ()


@pytest.mark.parametrize("code", ASKING)
@FEW
@given(st.data())
def test_one_damage_gives_exactly_its_fault(code: str, data: st.DataObject) -> None:
    spec = CATALOG.transaction(code)
    message = data.draw(messages(spec))
    for damage in damages(spec, message):
        faults = validate(spec, replaced(message, damage.pointer, damage.value))
        assert [(fault.rule, fault.field) for fault in faults] == [(damage.rule, damage.field.code)], damage
        assert faults[0].pointer.startswith(damage.pointer)
        assert faults[0].name == damage.field.name


@pytest.mark.parametrize("code", ASKING)
@FEW
@given(st.data())
def test_damages_add_up(code: str, data: st.DataObject) -> None:
    spec = CATALOG.transaction(code)
    message = data.draw(messages(spec))
    flat = [each for each in damages(spec, message) if each.pointer.count("/") == 1]
    chosen = {each.pointer: each for each in flat}
    for each in chosen.values():
        message = replaced(message, each.pointer, each.value)
    found = {fault.pointer for fault in validate(spec, message)}
    assert all(any(place.startswith(pointer) for place in found) for pointer in chosen)


@pytest.mark.parametrize("code", ASKING)
@FEW
@given(st.data())
def test_the_normalised_form_is_valid_and_stays_as_it_is(code: str, data: st.DataObject) -> None:
    spec = CATALOG.transaction(code)
    message = data.draw(messages(spec))
    wire = normalise(spec, message)
    assert validate(spec, wire) == []
    assert normalise(spec, wire) == wire
    assert list(wire) == [field.code for field in spec.request]


def respelled(value: Any, chance: random.Random) -> Any:
    """The same message as another HIS might write it."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {
            chance.choice((key, key.upper(), f" {key}")): respelled(value[key], chance) for key in keys
        } | {"unknown_key": "x"}
    if isinstance(value, list):
        return [respelled(each, chance) for each in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int):
        return Decimal(value)
    return f" {value}　"


@pytest.mark.parametrize("code", ASKING)
@FEW
@given(st.data(), st.randoms(use_true_random=False))
def test_messages_that_say_the_same_normalise_to_the_same(
    code: str, data: st.DataObject, chance: random.Random
) -> None:
    spec = CATALOG.transaction(code)
    message = data.draw(messages(spec))
    other = respelled(message, chance)
    assert validate(spec, other) == []
    assert normalise(spec, other) == normalise(spec, message)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
    st.sampled_from(ASKING),
)
def test_any_json_is_judged_and_what_passes_can_be_written(data: Any, code: str) -> None:
    spec = CATALOG.transaction(code)
    message = {field.code: data for field in spec.request}
    faults = validate(spec, message)
    assert all(fault.pointer.startswith("/") and fault.message for fault in faults)
    if not faults:
        assert validate(spec, normalise(spec, message)) == []


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(1, 20), st.integers(0, 6))
def test_a_number_fits_exactly_when_its_plain_form_does(number: Decimal, whole: int, decimals: int) -> None:
    if abs(number.adjusted()) > 40:
        return
    before, _, after = f"{abs(number):f}".partition(".")
    expected = len(before.lstrip("0")) <= whole and len(after.rstrip("0")) <= decimals
    assert fits(number, whole + decimals, decimals) is expected


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 6))
def test_a_written_number_reads_back_as_itself(number: Decimal, decimals: int) -> None:
    if abs(number.adjusted()) > 30 or len(number.as_tuple().digits) > 30:
        return
    text = write_number(number, decimals)
    assert "E" not in text.upper()
    assert read_number(text) == number
