"""The same content gives the same submission however it is written; a part of it never passes for it."""

import codecs
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import Fault
from agent.events import Submission
from agent.submissions import ReadFailure, in_sequence
from tests.unit.submissions.words import read_all, read_one

ENCODINGS = st.sampled_from(
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("gb18030", b""),
        ("gb18030", "\ufeff".encode("gb18030")),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ]
)
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffd\ufeff?")
TEXTS = st.text(CHARACTERS, max_size=12)
WORDS = TEXTS.map(lambda text: f"字{text}")
"""Begin with a character whose GB18030 bytes are not UTF-8, so that no encoding is ambiguous."""
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
DELIMITERS = st.sampled_from([",", "\t", "|", ";"])
ROWS = st.lists(st.fixed_dictionaries({"aaz213_s": WORDS, "aae013": TEXTS}), min_size=1, max_size=6)


def encoded(text: str, encoding: tuple[str, bytes]) -> bytes:
    name, mark = encoding
    return mark + text.encode(name)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def csv_text(rows: list[dict[str, str]], delimiter: str = ",", *, counted: bool = True) -> str:
    head = ["#transaction=FEES", "#id=HIS-1"] + ([f"#rows={len(rows)}"] if counted else [])
    table = [delimiter.join(("aaz213_s", "备注"))]
    table += [delimiter.join((quoted(row["aaz213_s"]), quoted(row["aae013"]))) for row in rows]
    return "".join(line + "\n" for line in (*head, *table))


@given(ROWS, ENCODINGS, LINE_ENDS, DELIMITERS)
def test_a_table_reads_the_same_in_every_writing(
    rows: list[dict[str, str]], encoding: tuple[str, bytes], end: str, delimiter: str
) -> None:
    text = csv_text(rows, delimiter).replace("\n", end)
    submission = read_one(encoded(text, encoding), "a.csv", atomic=False)
    assert submission.data == {"datalist": rows}


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), ENCODINGS, LINE_ENDS, st.booleans(), st.integers(0, 3))
def test_an_object_reads_the_same_in_every_writing(
    data: dict[str, Any], encoding: tuple[str, bytes], end: str, escaped: bool, indent: int
) -> None:
    whole = {"transaction": "FEES", "id": "张三1", "data": data}
    text = json.dumps(whole, ensure_ascii=escaped, indent=indent or None).replace("\n", end)
    assert read_one(encoded(text, encoding), "a.json").data == data


@given(ROWS, ENCODINGS, st.data())
def test_a_part_of_a_table_that_grew_in_place_is_never_taken_for_a_whole(
    rows: list[dict[str, str]], encoding: tuple[str, bytes], data: st.DataObject
) -> None:
    raw = encoded(csv_text(rows), encoding)
    part = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(ReadFailure):
        read_all(part, "a.csv", atomic=False)


@given(st.dictionaries(TEXTS, VALUES, max_size=3), ENCODINGS, st.data())
def test_a_part_of_an_object_is_never_taken_for_a_whole(
    content: dict[str, Any], encoding: tuple[str, bytes], data: st.DataObject
) -> None:
    raw = encoded(
        json.dumps({"transaction": "FEES", "id": "1", "data": content}, ensure_ascii=False), encoding
    )
    part = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(ReadFailure):
        read_all(part, "a.json")


@settings(max_examples=300)
@given(
    st.binary(max_size=200)
    | st.text('#=[]{}",;|\t\n\r@_123akc0é张?\ufeff<>/&!', max_size=200).map(str.encode)
    | st.text(max_size=80).map(lambda text: ("#transaction=FEES\n#id=1\n" + text).encode("utf-8", "ignore")),
    st.sampled_from(["a.json", "a.csv", "FEES__1.csv", "PAY__1.xml", "VISIT__1.json", "a.txt"]),
    st.booleans(),
)
def test_any_bytes_are_read_or_refused_with_reasons(raw: bytes, name: str, atomic: bool) -> None:
    submissions, faults = outcome(raw, name, atomic)
    assert submissions or faults
    assert all(fault.rule and fault.message for fault in faults)
    json.dumps([fault.as_json() for fault in faults]).encode("utf-8")
    assert all(isinstance(one, Submission) and one.id and one.transaction for one in submissions)
    json.dumps([one.data for one in submissions], default=str, ensure_ascii=False).encode("utf-8")


def outcome(raw: bytes, name: str, atomic: bool) -> tuple[tuple[Submission, ...], tuple[Fault, ...]]:
    try:
        return read_all(raw, name, atomic=atomic), ()
    except ReadFailure as failed:
        return (), failed.faults


VISITS = st.lists(st.tuples(st.sampled_from(["ZY1", "ZY2", "ZY3"]), WORDS), min_size=1, max_size=12)


@given(VISITS)
def test_splitting_by_visit_keeps_every_row_in_its_order(rows: list[tuple[str, str]]) -> None:
    lines = "".join(f"{visit},{quoted(fee)}\n" for visit, fee in rows)
    text = f"#transaction=FEES\n#id=A\n#rows={len(rows)}\n#visit_key=akc190\nakc190,aaz213_s\n{lines}"
    submissions = read_all(text, "a.csv", atomic=False)
    assert [one.id for one in submissions] == [
        f"A@{visit}" for visit in dict.fromkeys(visit for visit, _ in rows)
    ]
    for one in submissions:
        kept = [fee for visit, fee in rows if one.id == f"A@{visit}"]
        assert [row["aaz213_s"] for row in one.data["datalist"]] == kept


@given(st.lists(st.tuples(st.none() | st.integers(0, 5), st.booleans())))
def test_ordering_by_number_loses_nothing_and_lets_nothing_pass_what_stands(
    items: list[tuple[int | None, bool]],
) -> None:
    marked = list(enumerate(items))
    ordered = in_sequence(marked, seq_of=lambda one: one[1][0], stands=lambda one: one[1][1])
    assert sorted(ordered, key=lambda one: one[0]) == marked
    for place, (number, (_, stands)) in enumerate(ordered):
        if stands:
            assert place == number
            assert {one[0] for one in ordered[:place]} == set(range(number))
