"""agent.backoff: doubled, jittered, capped, reset."""

from agent.backoff import Backoff


def test_waits_double_up_to_the_cap_and_vary_by_half():
    backoff = Backoff(first_s=1.0, cap_s=60.0)
    for expected in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert expected / 2 <= backoff.next_wait() <= expected


def test_after_a_success_it_begins_anew():
    backoff = Backoff(first_s=1.0)
    for _ in range(5):
        backoff.next_wait()
    backoff.reset()
    assert backoff.next_wait() <= 1.0


def test_two_workstations_do_not_return_in_step():
    assert len({Backoff(first_s=60.0).next_wait() for _ in range(50)}) > 10


def test_a_very_long_outage_overflows_nothing():
    backoff = Backoff()
    backoff.failures = 100_000
    assert backoff.next_wait() <= 60.0
