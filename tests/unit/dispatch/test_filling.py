"""agent.dispatch.filling: late values reach their places, and nothing else changes."""

from hypothesis import given
from hypothesis import strategies as st

from agent.dispatch.filling import fill, refusal
from agent.events import SLOT, Draft, Need, Verdict

bodies = st.recursive(
    st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3).filter(lambda k: k != SLOT), inner)
    ),
    max_leaves=10,
)


def test_slots_are_filled_wherever_they_stand():
    draft = Draft(
        "GYU003", "lane", {"pch": {SLOT: "pch"}, "rows": [{"a": {SLOT: "a"}}]}, needs=(Need("pch"), Need("a"))
    )
    assert fill(draft, {"pch": "7", "a": "8"}).body == {"pch": "7", "rows": [{"a": "8"}]}


def test_an_optional_value_that_does_not_exist_becomes_empty():
    draft = Draft("GYU003", "lane", {"pch": {SLOT: "pch"}}, needs=(Need("pch", required=False),))
    assert fill(draft, {}).body == {"pch": ""}


@given(st.dictionaries(st.text(max_size=3).filter(lambda key: key != SLOT), bodies))
def test_a_body_without_slots_stays_as_it_is(body):
    draft = Draft("T", "lane", body, needs=(Need("x"),))
    assert fill(draft, {"x": "1"}).body == body


def test_only_missing_required_values_refuse_and_all_are_named():
    assert refusal((Need("a", required=False),)) is None
    outcome = refusal((Need("b"), Need("a"), Need("c", required=False)))
    assert outcome is not None
    assert outcome.verdict is Verdict.REJECTED
    assert "a、b" in outcome.message
