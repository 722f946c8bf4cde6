import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent.clock import BEIJING
from tests.unit.submissions.words import NOW, failure, read_one, rules_broken

BARE = {"akc190": "ZY1", "aae030": "20260301"}


def full(**changes: Any) -> str:
    return json.dumps({"transaction": "VISIT", "id": "HIS-1", "data": BARE, **changes}, ensure_ascii=False)


def test_full_form_gives_every_key() -> None:
    submission = read_one(
        full(
            occurred_at="2026-03-01T09:30:00",
            valid_until="2026-03-02 12:00",
            seq=17,
            after="HIS-0",
            replaces="HIS-x",
            now=True,
        )
    )
    assert submission.system == "ministry"
    assert (submission.transaction, submission.id, submission.data) == ("VISIT", "HIS-1", BARE)
    assert submission.occurred_at == datetime(2026, 3, 1, 9, 30, tzinfo=BEIJING)
    assert submission.valid_until == datetime(2026, 3, 2, 12, 0, tzinfo=BEIJING)
    assert (submission.seq, submission.after, submission.replaces, submission.now) == (
        17,
        "HIS-0",
        "HIS-x",
        True,
    )


def test_absent_null_and_empty_options_are_the_same() -> None:
    assert read_one(
        full(seq=None, after="", occurred_at=None, await_=None).replace("await_", "await")
    ) == read_one(full())


def test_bare_object_takes_its_keys_from_the_file_name() -> None:
    submission = read_one(json.dumps(BARE), "VISIT__HIS-1.json")
    assert (submission.transaction, submission.id, submission.data) == ("VISIT", "HIS-1", BARE)


def test_full_form_in_a_named_file_may_leave_out_what_the_name_carries() -> None:
    assert read_one(json.dumps({"data": BARE, "seq": 1}), "VISIT__HIS-1.json").id == "HIS-1"


@pytest.mark.parametrize(("key", "value"), [("transaction", "FEES"), ("id", "HIS-2")])
def test_file_name_and_content_must_agree(key: str, value: str) -> None:
    assert rules_broken(full(**{key: value}), "VISIT__HIS-1.json") == [f"{key}_mismatch"]


def test_numbers_stay_exact() -> None:
    data = read_one('{"transaction":"VISIT","id":"1","data":{"a":1.10,"b":511302199901010001}}').data
    assert data == {"a": Decimal("1.10"), "b": 511302199901010001}
    assert str(data["a"]) == "1.10"


def test_numeric_id_is_taken_as_text() -> None:
    assert read_one(full(id=20260101)).id == "20260101"


def test_zone_is_heeded_and_absence_means_beijing() -> None:
    utc = read_one(full(occurred_at="2026-03-01T01:30:00Z")).occurred_at
    plain = read_one(full(occurred_at="2026-03-01T09:30:00")).occurred_at
    assert utc == plain
    assert utc is not None
    assert utc.utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"occurred_at": "2026-03-01"}, "option_time"),
        ({"occurred_at": "2026-13-01T00:00:00"}, "option_time"),
        ({"occurred_at": 20260301}, "option_time"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "option_time"),
        ({"occurred_at": "2026-03-04T00:00:00"}, "occurred_in_future"),
        ({"valid_until": "tomorrow"}, "option_time"),
        ({"seq": -1}, "option_integer"),
        ({"seq": 1.5}, "option_integer"),
        ({"seq": True}, "option_integer"),
        ({"seq": 10**18}, "option_integer"),
        ({"after": "a/b"}, "option_id"),
        ({"after": 7}, "option_id"),
        ({"replaces": ["x"]}, "option_id"),
        ({"now": "yes"}, "option_boolean"),
        ({"now": 1}, "option_boolean"),
        ({"await": {"scan": "ecredential"}}, "await_form"),
        ({"transaction": None}, "missing_transaction"),
        ({"transaction": "NONE"}, "unknown_transaction"),
        ({"transaction": ["VISIT"]}, "option_type"),
        ({"id": None}, "missing_id"),
        ({"id": True}, "option_type"),
        ({"data": None}, "missing_data"),
        ({"data": [1]}, "data_type"),
        ({"priority": 1}, "unknown_key"),
    ],
)
def test_each_wrong_key_is_one_fault(changes: dict[str, Any], rule: str) -> None:
    assert rules_broken(full(**changes)) == [rule]


def test_occurred_at_may_be_ahead_by_a_wrong_clock() -> None:
    assert read_one(full(occurred_at=(NOW + timedelta(hours=23)).isoformat())).occurred_at is not None


def test_zone_of_the_arrival_does_not_matter() -> None:
    moment = NOW.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=8 + 25)
    assert rules_broken(full(occurred_at=moment.isoformat())) == ["occurred_in_future"]


def test_every_fault_is_named_at_once() -> None:
    text = full(transaction="", id="a b", seq="x", now="maybe", other=1, data={"b": "LOST"})
    broken = rules_broken(text.replace("LOST", "\\ud800"))
    assert broken == [
        "missing_transaction",
        "invalid_id",
        "option_integer",
        "option_boolean",
        "unknown_key",
        "unfit_characters",
    ]


def test_object_without_any_keys_is_told_what_is_missing_and_nothing_else() -> None:
    assert rules_broken(json.dumps(BARE)) == ["missing_transaction", "missing_id", "missing_data"]


@pytest.mark.parametrize(
    "identifier",
    [
        *(
            "a b",
            "a/b",
            "a\\b",
            "a:b",
            "a*b",
            "a?b",
            'a"b',
            "a<b",
            "a>b",
            "a|b",
            "a\tb",
            "a\u3000b",
            "a\u200bb",
        ),
        *(".hidden", "~a", "con", "COM1", "nul.x", "x" * 65),
    ],
)
def test_id_that_cannot_be_part_of_a_file_name_is_refused(identifier: str) -> None:
    failed = failure(full(id=identifier))
    assert [fault.rule for fault in failed.faults] == ["invalid_id"]
    assert failed.id == ""


@pytest.mark.parametrize(
    "identifier", ["1", "HIS-20260101-0001", "住院-1_2.3", "x" * 64, "A+B=(C)#@", "console"]
)
def test_id_of_visible_characters_is_accepted(identifier: str) -> None:
    assert read_one(full(id=identifier)).id == identifier


@pytest.mark.parametrize(
    ("data", "rule", "pointer"),
    [
        ({"aac003": "张?"}, "question_mark_in_name", "/aac003"),
        ({"list": [{"aac003": "??"}]}, "question_mark_in_name", "/list/0/aac003"),
        ({"aac002": "3.6E+17"}, "scientific_id", "/aac002"),
        ({"aac002": " 3.6e17 "}, "scientific_id", "/aac002"),
        ({"visitno": "1E+10"}, "scientific_id", "/visitno"),
        ({"aae030": "\ufffd"}, "unfit_characters", "/aae030"),
        ({"aae030": "a\0"}, "unfit_characters", "/aae030"),
        ({"a/b~c": "\udc00"}, "unfit_characters", "/a~1b~0c"),
        ({"x": {"\ud800": 1}}, "unfit_characters", "/x"),
    ],
)
def test_damaged_values_are_refused_with_their_place(data: dict[str, Any], rule: str, pointer: str) -> None:
    text = json.dumps({"transaction": "VISIT", "id": "1", "data": data}, ensure_ascii=True)
    (fault,) = failure(text).faults
    assert (fault.rule, fault.pointer) == (rule, pointer)


def test_number_in_scientific_notation_is_refused_as_an_id() -> None:
    assert rules_broken('{"transaction":"VISIT","id":"1","data":{"aac002":3.6E+17}}') == ["scientific_id"]


def test_question_marks_and_exponents_elsewhere_are_content() -> None:
    data = {"aae013": "是否?", "aae030": "3.6E+17", "akc190": "12E05", "aac003": "张三"}
    assert read_one(full(data=data)).data == data


BROKEN = '{"transaction": "VISIT", "id": "HIS-1", "data": {"aac003": "张三", "rows": ['


def test_cut_json_is_refused_and_tells_whose_it_was() -> None:
    failed = failure(BROKEN)
    assert [fault.rule for fault in failed.faults] == ["json_syntax"]
    assert (failed.transaction, failed.id) == ("VISIT", "HIS-1")


def test_keys_after_the_break_are_not_believed() -> None:
    failed = failure('{"data": {"id": "NOT-THIS"')
    assert (failed.transaction, failed.id) == ("", "")
    failed = failure('{"transaction": "VISIT"}"id": "NOT-THIS"}')
    assert (failed.transaction, failed.id) == ("VISIT", "")


@pytest.mark.parametrize("text", ["[]", '"x"', "17", "null"])
def test_what_is_not_an_object_is_refused(text: str) -> None:
    failed = failure(text, "VISIT__HIS-1.json")
    assert [fault.rule for fault in failed.faults] == ["json_not_object"]
    assert (failed.transaction, failed.id) == ("VISIT", "HIS-1")


def test_faults_and_errors_show_no_content() -> None:
    failed = failure(full(data={"aac003": "李四?", "aac002": "3.6E+17"}))
    shown = repr(failed) + str(failed) + "".join(str(fault.as_json()) for fault in failed.faults)
    assert "李四" not in shown
    assert "HIS-1" not in repr(read_one(full())).replace("id='HIS-1'", "")


@pytest.mark.parametrize("key", ["transaction", "id"])
@pytest.mark.parametrize("damage", ["\\ud800", "\\ufffd", "\\u0000"])
def test_damaged_keys_are_the_hiss_fault_and_are_not_taken_over(key: str, damage: str) -> None:
    text = full(**{key: "X@"}).replace("X@", f"VISIT{damage}")
    refused = failure(text)
    assert [(fault.rule, fault.pointer) for fault in refused.faults] == [("unfit_characters", f"/{key}")]
    assert getattr(refused, key) == ""
