"""Parked requests commit after the negative inquiries they were given, and only once."""

from __future__ import annotations

from agent.rehearsal.parking import Parking

KEY = ("510000001", "GYU102", "51000020260101000001")


def test_a_parked_request_commits_after_its_last_negative_inquiry() -> None:
    parking, committed = Parking(), []
    parking.park(KEY, lambda: committed.append("one"), negatives=2)
    parking.asked(KEY)
    assert committed == []
    parking.asked(KEY)
    assert committed == ["one"]
    parking.asked(KEY)
    assert committed == ["one"]
    assert parking.waiting() == []


def test_an_inquiry_about_another_request_commits_nothing() -> None:
    parking, committed = Parking(), []
    parking.park(KEY, lambda: committed.append("one"), negatives=1)
    parking.asked((*KEY[:2], "51000020260101000002"))
    assert (committed, parking.waiting()) == ([], [KEY])


def test_requests_parked_under_one_key_have_their_own_counts() -> None:
    parking, committed = Parking(), []
    parking.park(KEY, lambda: committed.append("patient"), negatives=2)
    parking.park(KEY, lambda: committed.append("hasty"), negatives=1)
    parking.asked(KEY)
    assert (committed, parking.waiting()) == (["hasty"], [KEY])
    assert parking.commit_all() == 1
    assert committed == ["hasty", "patient"]


def test_cleared_requests_never_commit() -> None:
    parking, committed = Parking(), []
    parking.park(KEY, lambda: committed.append("one"), negatives=1)
    parking.clear()
    assert parking.commit_all() == 0
    assert committed == []
