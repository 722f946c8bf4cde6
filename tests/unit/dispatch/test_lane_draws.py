"""Numbers of ours in the business data: drawn at the first claim, the same in every attempt."""

from __future__ import annotations

from agent.errors import MaybeSent, NotSent
from agent.events import SLOT, Draft, Draw, Need, Outcome, Series, Verdict
from agent.outbox.model import State
from tests.unit.dispatch.lane_bench import Bench
from tests.unit.dispatch.scripted import PAY

SERIES = Series("detail/H1", 9, daily=True)
OWN = Need("detail.0", draw=Draw(SERIES, "H1{day:%Y%m%d}9{serial:09d}"))
BODY = {"row": {SLOT: "detail.0"}}


def numbers_sent(bench: Bench) -> list[str]:
    return [body["row"] for code, _, body in bench.platform.sent if code == PAY]


def test_a_number_is_drawn_once_and_goes_out_again_with_every_attempt(bench: Bench) -> None:
    message = bench.drop("A", body=BODY, needs=(OWN,))
    bench.platform.then(Outcome(Verdict.RETRY, "busy"), MaybeSent("lost"))
    bench.go_until_state(message, State.ACCEPTED)
    today = bench.clock.now()
    assert numbers_sent(bench) == [f"H1{today:%Y%m%d}9000000001"] * 3


def test_a_number_survives_a_restart_and_the_next_message_has_another(bench: Bench) -> None:
    first = bench.drop("A", body=BODY, needs=(OWN,))
    bench.platform.refuse_connection = NotSent("no route")
    bench.go()
    bench.platform.refuse_connection = None
    bench.restart()
    second = bench.drop("B", body=BODY, needs=(OWN,))
    bench.go_until_state(first, State.ACCEPTED)
    bench.go_until_state(second, State.ACCEPTED)
    one, other = numbers_sent(bench)
    assert one != other
    assert one.endswith("9000000001")


def test_a_number_that_the_submission_was_given_before_is_not_drawn_again(bench: Bench) -> None:
    """Two messages of one submission that name the same slot say the same."""
    draft = Draft(PAY, bench.key.lane, BODY, needs=(OWN,))
    bench.world.message("A", draft, draft)
    bench.go()
    one, other = numbers_sent(bench)
    assert one == other


def test_a_used_up_series_stops_the_lane_and_consumes_nothing(bench: Bench) -> None:
    exhausted = Need("detail.0", draw=Draw(Series("short", 1, daily=False), "{serial}"))
    messages = [bench.drop(f"A{n}", body=BODY, needs=(exhausted,)) for n in range(10)]
    bench.go()
    assert [bench.state_of(message) for message in messages] == [State.ACCEPTED] * 9 + [State.READY]
    assert bench.state.halt is not None
    assert bench.state.halt.code == "serials_exhausted"
