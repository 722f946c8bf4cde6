"""One writer at a time: urgent ones first, nobody kept out for ever, nothing kept of what failed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from agent.errors import StoreError
from agent.outbox.writer import URGENT_IN_A_ROW, Gate


class Crowd:
    """Threads that come to a gate one after another, and the order in which they were let in."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.order: list[str] = []
        self.threads: list[threading.Thread] = []

    def arrive(self, name: str, *, urgent: bool, inside: Callable[[], None] = lambda: None) -> None:
        """Come and stand in the queue; returns when the newcomer stands there."""

        def enter() -> None:
            self.gate.enter(urgent=urgent)
            self.order.append(name)
            inside()
            self.gate.leave()

        waiting = self.gate.waiting
        thread = threading.Thread(target=enter)
        self.threads.append(thread)
        thread.start()
        patience = threading.Event()
        while self.gate.waiting == waiting:
            patience.wait(0.001)

    def let_all_in(self) -> list[str]:
        self.gate.leave()
        for thread in self.threads:
            thread.join(10)
        return self.order


@pytest.fixture
def crowd() -> Crowd:
    """A crowd before a gate that the test itself holds."""
    gate = Gate()
    gate.enter(urgent=False)
    return Crowd(gate)


def test_urgent_writers_are_let_in_before_others_that_wait_longer(crowd: Crowd) -> None:
    for name in ("intake-1", "intake-2"):
        crowd.arrive(name, urgent=False)
    for name in ("lane-1", "lane-2"):
        crowd.arrive(name, urgent=True)
    assert crowd.let_all_in() == ["lane-1", "lane-2", "intake-1", "intake-2"]


def test_others_are_let_in_after_some_urgent_ones(crowd: Crowd) -> None:
    crowd.arrive("intake-1", urgent=False)
    crowd.arrive("intake-2", urgent=False)
    for number in range(URGENT_IN_A_ROW + 3):
        crowd.arrive(f"lane-{number}", urgent=True)
    order = crowd.let_all_in()
    assert order.index("intake-1") == URGENT_IN_A_ROW
    assert order.index("intake-2") == URGENT_IN_A_ROW + 4, "the count begins anew for the next one"


def test_only_one_is_inside(crowd: Crowd) -> None:
    inside = 0
    most = 0

    def count() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1

    for number in range(8):
        crowd.arrive(str(number), urgent=number % 2 == 0, inside=count)
    assert len(crowd.let_all_in()) == 8
    assert most == 1


def test_who_is_inside_cannot_enter_again_and_does_not_lose_the_gate(crowd: Crowd) -> None:
    with pytest.raises(StoreError):
        crowd.gate.enter(urgent=True)
    crowd.arrive("next", urgent=False)
    assert crowd.let_all_in() == ["next"]


def test_an_empty_gate_is_entered_at_once() -> None:
    gate = Gate()
    for urgent in (True, False, True):
        gate.enter(urgent=urgent)
        gate.leave()
    assert gate.waiting == 0
