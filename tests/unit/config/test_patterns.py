"""agent.config.patterns: which of a site's patterns could keep the agent searching."""

from __future__ import annotations

import re
import time

import pytest

from agent.config.patterns import MOST_CHARACTERS, searches_too_long

QUICK = [
    (r"FP\d{12}", "FP" + "1" * 12),
    (r"https?://[a-z.]+/q\?c=.*", "http://a.b/q?c=1"),
    (r"(?:\d{1,3}\.){3}\d{1,3}", "1.2.3.4"),
    (r"(?!.*://)[!-~]{20}", "1" * 20),
    (r"[^]a-z\]]{2,}X", "12X"),
    (r"(?P<area>\d{6})(?i:wb)\x1d?[0-9A-F]{8}", "510100WB00000000"),
    (r"A{2}|B{,3}C|{\}", "BBC"),
    (r".*a.*b", "aab"),
    (r"(?#一卡通)(?>\d+)(?=X)X|(?<=\d)Y", "12X"),
]  # fmt: skip
SLOW = [
    r"(\d+)+X",
    r"(?:a|a)*X",
    r"(a?){30}a{30}",
    r"(?:[0-9A-Z]{1,20}-?){1,9}X",
    r".*a.*b.*c.*d",
    r"(\d+)\1X",
    r"(a)?(?(1)b|c)",
    r"(?x) \d + X",
]


@pytest.mark.parametrize(("pattern", "text"), QUICK)
def test_a_pattern_with_few_ways_is_taken_and_matches(pattern: str, text: str) -> None:
    assert re.fullmatch(pattern, text)
    assert not searches_too_long(pattern)


@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_that_may_search_without_end_or_cannot_be_judged_is_refused(pattern: str) -> None:
    re.compile(pattern)
    assert searches_too_long(pattern)


@pytest.mark.parametrize("pattern", [r".*a.*b", r"\d+\d+X", r"(?:a|a){19}X", r"a?" * 19 + "a{19}X"])
def test_the_slowest_that_is_taken_ends_while_the_person_still_looks(pattern: str) -> None:
    assert not searches_too_long(pattern)
    start = time.process_time()
    for text in ("a" * MOST_CHARACTERS, "1" * MOST_CHARACTERS, "a" * 40):
        assert re.fullmatch(pattern, text) is None
    assert time.process_time() - start < 1.0
