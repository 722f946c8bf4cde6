"""Downloads and gates: what confirms a page is not sent before the page is a file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agent.events import Download, Draft, Scope
from agent.outbox.model import NOBODY, State
from tests.contract.outbox_world import LANE, World, accepted, draft, rejected, visit

PAGE = Scope("download", ("GYD101",))


def page(name: str = "GYD101-W1.json", **more: Any) -> Download:
    return Download("GYD101", name, 2, {"data": {"datalist": [{"downno": "1"}]}}, **more)


def asking(**more: Any) -> Draft:
    """A call of a download: nobody is concerned by its refusal."""
    settings = {"transaction": "GYD101", "interactive": False, "blocks": False, "blockable": False}
    return draft(PAGE, **{**settings, "cancels": False, **more})


def feedback(**more: Any) -> Draft:
    return asking(**{"transaction": "GYU008", "gated": True, **more})


def download(world: World, *follow_ups: Draft, pages: int = 1) -> tuple[int, list[int]]:
    """An answered call; its message, and the numbers of its downloads."""
    message = world.message("run", asking())
    world.send()
    files = tuple(page(f"GYD101-W{number}.json") for number in range(pages))
    world.settle(message, accepted(downloads=files, follow_ups=follow_ups))
    return message, [due.number for due in world.outbox.due_downloads(100)]


def write(world: World, *numbers: int) -> None:
    with world.outbox.write() as tx:
        tx.mark_downloaded(numbers)


def turns(world: World) -> list[str]:
    """The transactions that a lane would send now, in order."""
    sent = []
    while (head := world.head()) is not None:
        sent.append(head.transaction)
        world.deliver(accepted())
    return sent


# -- gates -------------------------------------------------------------------------------------------
def test_feedback_waits_until_its_page_is_on_disk(world: World) -> None:
    _, numbers = download(world, feedback())
    assert world.turn() == 0
    write(world, *numbers)
    assert turns(world) == ["GYU008"]


def test_feedback_of_several_files_waits_for_the_last_of_them(world: World) -> None:
    _, numbers = download(world, feedback(), pages=3)
    write(world, *numbers[:2])
    assert world.turn() == 0
    write(world, numbers[2])
    assert turns(world) == ["GYU008"]


def test_a_closed_gate_holds_nobody_else(world: World) -> None:
    download(world, feedback())
    world.accept("visit", draft(visit("1")))
    assert turns(world) == ["GYU101"]


def test_the_next_page_waits_behind_the_feedback(world: World) -> None:
    _, numbers = download(world, feedback(), asking())
    assert world.turn() == 0
    write(world, *numbers)
    assert turns(world) == ["GYU008", "GYD101"]


def test_a_gate_is_still_closed_after_a_restart_and_its_page_still_due(world: World) -> None:
    download(world, feedback())
    world.restart()
    assert world.turn() == 0
    (due,) = world.outbox.due_downloads(10)
    assert due.content == {"data": {"datalist": [{"downno": "1"}]}}
    write(world, due.number)
    assert turns(world) == ["GYU008"]


def test_a_gate_opened_before_a_restart_stays_open(world: World) -> None:
    _, numbers = download(world, feedback())
    write(world, *numbers)
    world.restart()
    assert turns(world) == ["GYU008"]


def test_a_gated_message_without_anything_to_write_goes_at_once(world: World) -> None:
    message = world.message("run", asking())
    world.send()
    world.settle(message, accepted(follow_ups=(feedback(),)))
    assert turns(world) == ["GYU008"]


def test_gates_of_two_messages_are_apart(world: World) -> None:
    world.accept("one", asking())
    world.accept("two", draft(visit("7"), transaction="GYD009", interactive=False))
    for name, follow_up in (
        ("GYD101-A.json", feedback()),
        ("GYD101-B.json", draft(visit("7"), transaction="GYU009", gated=True)),
    ):
        world.deliver(accepted(downloads=(page(name),), follow_ups=(follow_up,)))
    write(world, *[due.number for due in world.outbox.due_downloads(9) if due.name == "GYD101-B.json"])
    assert turns(world) == ["GYU009"]


def test_a_gated_message_that_is_cancelled_leaves_a_page_that_is_still_written(world: World) -> None:
    message, numbers = download(world, feedback())
    world.cancel(world.view(message).submission)
    assert [due.number for due in world.outbox.due_downloads(10)] == numbers
    write(world, *numbers)
    assert world.turn() == 0


def test_the_same_download_is_asked_for_no_more_before_its_page_is_on_disk(world: World) -> None:
    """Else what is known of the page would let it be confirmed by a question that has no file to wait for."""
    message, numbers = download(world, feedback())
    world.cancel(world.view(message).submission)
    world.accept("again", asking())
    world.restart()
    assert world.turn() == 0
    write(world, *numbers)
    assert turns(world) == ["GYD101"]


# -- places and refusals -------------------------------------------------------------------------------
def test_what_stands_apart_keeps_its_own_follow_ups_before_the_next_one(world: World) -> None:
    stays = [asking(transaction="GYD102", body={"stay": str(n)}, apart=True) for n in (1, 2)]
    _, numbers = download(world, feedback(), *stays)
    write(world, *numbers)
    sent = []
    while (head := world.head()) is not None:
        sent.append(head.transaction)
        follow_ups = (feedback(gated=False),) if head.transaction == "GYD102" else ()
        world.deliver(accepted(follow_ups=follow_ups))
    assert sent == ["GYU008", "GYD102", "GYU008", "GYD102", "GYU008"]


def test_a_refusal_that_cancels_nobody_leaves_the_rest_of_its_submission(world: World) -> None:
    _, numbers = download(world, feedback(), asking(transaction="GYD102", apart=True))
    write(world, *numbers)
    world.deliver(rejected())
    assert turns(world) == ["GYD102"]


def test_a_refusal_cancels_the_rest_where_nothing_else_is_said(world: World) -> None:
    _, numbers = download(world, feedback(cancels=True), asking(transaction="GYD102", apart=True))
    write(world, *numbers)
    world.deliver(rejected())
    assert turns(world) == []


# -- files -----------------------------------------------------------------------------------------------
def test_downloads_are_due_oldest_first_and_those_that_cannot_be_written_are_passed(world: World) -> None:
    _, numbers = download(world, pages=3)
    due = world.outbox.due_downloads(2, skip=frozenset({numbers[0]}))
    assert [one.number for one in due] == numbers[1:]
    assert [one.name for one in due] == ["GYD101-W1.json", "GYD101-W2.json"]


def test_a_written_file_is_due_no_more_and_counts_as_unread_until_it_is_taken(world: World) -> None:
    _, numbers = download(world, pages=2)
    write(world, numbers[0])
    (tally,) = world.outbox.download_tallies()
    assert (tally.transaction, tally.waiting, tally.unread) == ("GYD101", 1, 1)
    assert tally.oldest_at == world.clock.now()
    write(world, numbers[1])
    assert [left.name for left in world.outbox.left_downloads()] == ["GYD101-W0.json", "GYD101-W1.json"]
    with world.outbox.write() as tx:
        tx.mark_taken(numbers)
    assert not world.outbox.left_downloads()
    assert not world.outbox.download_tallies()


def test_what_is_not_on_disk_cannot_be_taken(world: World) -> None:
    _, numbers = download(world)
    with world.outbox.write() as tx:
        tx.mark_taken(numbers)
    assert [due.number for due in world.outbox.due_downloads(10)] == numbers


def test_a_submission_is_not_purged_before_its_pages_are_on_disk(world: World) -> None:
    _, numbers = download(world)
    world.write_results()
    world.clock.advance(60)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now()) == 0
    write(world, *numbers)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now()) == 1
    assert [left.number for left in world.outbox.left_downloads()] == numbers


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 200])
def test_a_download_has_a_plain_file_name(name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        page(name)


# -- runs ------------------------------------------------------------------------------------------------
def begin(world: World, **more: Any) -> Any:
    new = world.new("", asking(), reply=NOBODY, digest=b"", **more)
    with world.outbox.write() as tx:
        return tx.begin_run("GYD101", new)


def test_a_run_begins_when_the_one_before_has_ended(world: World) -> None:
    first = begin(world)
    assert begin(world) is None
    world.deliver(accepted())
    second = begin(world)
    assert second.submission > first.submission
    assert world.outbox.runs() == {("ministry", "GYD101"): world.clock.now()}


def test_a_run_that_is_refused_stores_nothing(world: World) -> None:
    begin(world)
    stored = len(world.outbox.messages(limit=100))
    begin(world)
    assert len(world.outbox.messages(limit=100)) == stored


def test_a_run_that_waits_for_a_person_holds_up_no_later_one(world: World) -> None:
    begin(world)
    message = world.lose()
    assert world.state(message) is State.UNKNOWN
    assert begin(world) is not None


def test_a_run_is_still_under_way_after_a_restart(world: World) -> None:
    begin(world)
    world.restart()
    assert begin(world) is None
    assert len(world.outbox.runs()) == 1


def test_nobody_is_told_of_a_run_before_it_has_ended(world: World) -> None:
    begin(world)
    world.clock.advance(3600)
    assert world.write_results() == []
    world.deliver(accepted())
    assert [result["state"] for result in world.write_results()] == ["accepted"]


def test_a_purged_run_leaves_no_result_and_its_schedule_goes_on(world: World) -> None:
    run = begin(world)
    world.deliver(accepted(data={"records": 0}))
    world.write_results()
    world.clock.advance(60)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now() - timedelta(seconds=1)) == 1
    assert world.result(run.submission)["data"] == {}
    assert begin(world) is not None
    assert world.turn(LANE)
