"""Frames: what the helper process says arrives as it was said; and the helper itself."""

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import jsontext
from agent.errors import Fault
from agent.events import Draft, Hold, Need, Scope
from agent.intake import reader
from agent.intake.frames import (
    CONTENT,
    drafts_of,
    frames_of,
    read_frame,
    submission_from_json,
    submission_to_json,
    write_frame,
)
from agent.intake.rules import reading_rules
from agent.outbox.model import NewSubmission, ReplyAddress
from tests.unit.intake.inbox_bench import START, large_csv
from tests.unit.ministry.ministry_desk import adapter

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
names = st.text(st.sampled_from("abcé甲 "), min_size=1, max_size=6)
zones = st.sampled_from([timezone.utc, timezone(timedelta(hours=8))])  # noqa: UP017
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=zones)  # noqa: DTZ001
faults = st.builds(Fault, words, words, words, words, words, words)
scopes = st.builds(Scope, names, st.lists(words, max_size=3).map(tuple), st.sampled_from(Hold), st.booleans())
needs = st.builds(Need, names, names, st.lists(words, max_size=2).map(tuple), st.booleans())
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
ranges = st.none() | st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))
drafts = st.builds(
    Draft,
    transaction=names,
    lane=names,
    body=st.dictionaries(names, values, max_size=4),
    scopes=st.lists(scopes, max_size=3).map(tuple),
    rows=ranges,
    interactive=st.booleans(),
    parallel=st.booleans(),
    harmless=st.booleans(),
    blocks=st.booleans(),
    blockable=st.booleans(),
    expiry_blocks=st.booleans(),
    needs=st.lists(needs, max_size=2).map(tuple),
    stop_on_refusal=st.booleans(),
)
submissions = st.builds(
    NewSubmission,
    event_id=words,
    system=names,
    transaction=words,
    id=words,
    digest=st.binary(min_size=32, max_size=32),
    reply=st.builds(ReplyAddress, names, words),
    received_at=moments,
    occurred_at=moments,
    drafts=st.lists(drafts, max_size=7).map(tuple),
    faults=st.lists(faults, max_size=2).map(tuple),
    warnings=st.lists(faults, max_size=2).map(tuple),
    valid_until=st.none() | moments,
    deadline_at=st.none() | moments,
    after=words,
    replaces=words,
    now=st.booleans(),
    rows_total=st.integers(0, 10**6),
    seq=st.none() | st.integers(0, 10**15),
    scopes=st.lists(scopes, max_size=3).map(tuple),
    wants=st.lists(words, max_size=2).map(tuple),
    files=st.booleans(),
    contents=st.dictionaries(words, st.binary(max_size=40), max_size=2),
)


def sent(frames):
    """The frames as they arrive."""
    pipe = io.BytesIO()
    for frame in frames:
        write_frame(pipe, frame)
    pipe.seek(0)
    return list(iter(lambda: read_frame(pipe), None))


@settings(max_examples=100, deadline=None)
@given(submissions, st.integers(1, 4))
def test_a_submission_arrives_as_it_was_sent(new, chunk):
    frames = sent(frames_of(new, chunk))
    assert frames[-1] == {"end": True}
    found = submission_from_json(frames[0]["begin"])
    files = {frame["file"]: frame[CONTENT] for frame in frames if "file" in frame}
    chunks = [frame for frame in frames if "drafts" in frame]
    assert frames[0].keys() == {"begin"}
    assert len(frames) == 2 + len(files) + len(chunks)
    arrived = [draft for frame in chunks for draft in drafts_of(frame)]
    assert replace(found, drafts=tuple(arrived), contents=files) == new
    assert all(1 <= len(frame["drafts"]) <= chunk for frame in chunks)


@given(st.integers(0, 60))
def test_a_frame_that_is_cut_anywhere_is_no_frame(kept):
    pipe = io.BytesIO()
    write_frame(pipe, {"begin": "甲" * 20})
    whole = pipe.getvalue()
    cut = whole[: min(kept, len(whole) - 1)]
    assert read_frame(io.BytesIO(cut)) is None


def test_every_member_of_a_submission_but_its_drafts_and_body_travels():
    told = submission_to_json(
        NewSubmission("e", "s", "t", "i", b"d", ReplyAddress("f", "n"), START, START)
    ).keys()
    own = set(NewSubmission.__dataclass_fields__) - {"drafts", "body", "reply", "contents"}
    own -= {"wait"}  # what waits for a scan is small: it never comes from the helper
    assert own <= told


# -- the helper --------------------------------------------------------------------------------------
def order(path, **more):
    return {
        "system": "ministry",
        "path": str(path),
        "size": path.stat().st_size if path.exists() else 10,
        "event_id": "20260106T090000100000000000000",
        "folder": "till",
        "file_name": path.name,
        "received_at": START.isoformat(),
        "modified_at": START.isoformat(),
        "atomic": True,
        "attachments": {},
        **more,
    }


def build(_order):
    plugin = adapter()
    return plugin, reading_rules("ministry", plugin.catalog, {"encoding": "auto", "max_bytes": 1 << 20})


def served(given_order, build=build):
    out = io.BytesIO()
    reader.serve(io.BytesIO(json.dumps(given_order).encode()), out, build)
    out.seek(0)
    return list(iter(lambda: read_frame(out), None))


@pytest.fixture
def fees(tmp_path):
    path = tmp_path / "fees.csv"
    path.write_bytes(large_csv("F1", 1203))
    return path


def test_the_helper_says_what_a_file_holds_and_ends(fees):
    frames = served(order(fees))
    # each batch of 500 rows is larger than a frame is to be
    assert [next(iter(frame)) for frame in frames] == ["begin", *["drafts"] * 3, "end", "done"]
    assert submission_from_json(frames[0]["begin"]).id == "F1"
    drafts = [draft for frame in frames[1:4] for draft in drafts_of(frame)]
    assert [draft.rows for draft in drafts] == [(0, 500), (500, 1000), (1000, 1203)]
    assert [len(draft.body["datalist"]) for draft in drafts] == [500, 500, 203]


def test_the_helper_says_every_fault_of_an_invalid_file(tmp_path):
    path = tmp_path / "broken.csv"
    path.write_bytes(large_csv("F1", 3).replace(b"#rows=3", b"#rows=4"))
    frames = served(order(path))
    assert [next(iter(frame)) for frame in frames] == ["begin", "end", "done"]
    assert submission_from_json(frames[0]["begin"]).faults


def test_a_file_that_is_gone_or_still_changes_is_to_be_offered_again(fees, tmp_path):
    assert served(order(tmp_path / "gone.csv")) == [{"unreadable": 2}]
    assert served(order(fees, size=10)) == [{"unreadable": None}]


def test_a_file_too_large_is_refused_and_not_read(fees):
    frames = served(order(fees, size=1 << 30))
    assert [fault.rule for fault in submission_from_json(frames[0]["begin"]).faults] == ["too_large"]


def test_a_defect_is_told_by_its_kind_and_place_and_never_by_its_text(fees):
    def broken(_order):
        raise KeyError("519900199901011234")

    (frame,) = served(order(fees), broken)
    assert frame["failed"].startswith("KeyError at test_frames.py:")
    assert "5199" not in json.dumps(frame)


def test_what_a_plugin_prints_does_not_get_among_the_frames(fees, capsys):
    def chatty(given_order):
        print("hello")
        return build(given_order)

    frames = served(order(fees), chatty)
    assert frames[-1] == {"done": True}
    assert jsontext.write(frames[-1]) == '{"done":true}'
    assert "hello" in capsys.readouterr().err
