"""agent.dispatch.skew: a clock that is wrong is noticed by the platform's answers."""

from datetime import datetime, timedelta

import pytest
import structlog

from agent.clock import BEIJING
from agent.dispatch.skew import SkewWatch, skew

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=BEIJING)
HERE = "Mon, 05 Jan 2026 01:30:00 GMT"
AN_HOUR_BACK = "Mon, 05 Jan 2026 00:30:00 GMT"


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        (HERE, timedelta()),
        (AN_HOUR_BACK, timedelta(hours=1)),
        ("Mon, 05 Jan 2026 01:40:00 GMT", timedelta(minutes=-10)),
        ("Mon, 05 Jan 2026 01:30:00 -0000", timedelta()),
        ("", None),
        ("yesterday", None),
        ("Mon, 05 Jan 2026 01:30:00 +99999999999999", None),
        ("Mon, 45 Jan 2026 01:30:00 GMT", None),
    ],
)
def test_how_far_the_clock_is_ahead_of_a_date_header(date, ahead):
    assert skew(date, NOW) == ahead


def test_beyond_five_minutes_it_is_kept_and_told_once_until_it_agrees_again():
    watch = SkewWatch("alpha")
    with structlog.testing.capture_logs() as lines:
        for date in ("Mon, 05 Jan 2026 01:25:00 GMT", AN_HOUR_BACK, AN_HOUR_BACK, ""):
            watch.note({"date": date}, NOW)
        assert watch.off == timedelta(hours=1)
        watch.note({"date": HERE}, NOW)
    assert watch.off == timedelta()
    assert [(line["log_level"], line.get("ahead_s")) for line in lines] == [("warning", 3600), ("info", None)]
