from datetime import datetime, timedelta

import pytest

from agent.clock import BEIJING
from agent.sources.event_ids import EventIds, Mark, taken_name

MOMENT = datetime(2026, 1, 1, 9, 30, 0, 123, tzinfo=BEIJING)


def test_id_tells_its_time_and_mark() -> None:
    event_id, seen_at = EventIds().next(MOMENT, Mark.ATOMIC)
    assert event_id.startswith("20260101T093000000123")
    assert event_id.endswith("a")
    assert seen_at == MOMENT


def test_ids_rise_even_when_time_stands_still_or_goes_back() -> None:
    ids = EventIds()
    times = [MOMENT, MOMENT, MOMENT - timedelta(hours=1), MOMENT + timedelta(hours=1), MOMENT]
    given = [ids.next(time, Mark.SETTLED)[0] for time in times]
    assert given == sorted(set(given))


def test_ids_follow_what_was_noted() -> None:
    ids = EventIds()
    ids.note(MOMENT)
    assert ids.next(MOMENT - timedelta(days=1), Mark.SETTLED)[1] > MOMENT


def test_ids_of_two_processes_differ_at_the_same_time() -> None:
    assert EventIds().next(MOMENT, Mark.ATOMIC)[0] != EventIds().next(MOMENT, Mark.ATOMIC)[0]


@pytest.mark.parametrize("name", ["a.json", "a-b-.json", "-", "一.csv", "a\nb"])
@pytest.mark.parametrize("mark", Mark)
def test_a_taken_name_comes_apart_as_it_was_put_together(name: str, mark: Mark) -> None:
    event_id, seen_at = EventIds().next(MOMENT, mark)
    taken = taken_name(f"{event_id}-{name}")
    assert taken is not None
    assert (taken.event_id, taken.seen_at, taken.mark, taken.name) == (event_id, seen_at, mark, name)


@pytest.mark.parametrize(
    "name", ["a.json", "20260101T093000000123abcdefx-a", "20261301T093000000123abcdefa-a", ""]
)
def test_other_names_are_not_the_agents(name: str) -> None:
    assert taken_name(name) is None
