"""agent.intake.prepare: what a file's submissions are, and what makes two of them the same."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.device_model import DeviceConfig, ReaderConfig, ScannerConfig
from agent.config.model import FolderConfig
from agent.intake.prepare import Dropped, prepare
from agent.intake.rules import plain_rules, reading_rules
from tests.unit.intake.inbox_bench import START, admission_file, fee_file, large_csv
from tests.unit.ministry.ministry_desk import adapter

PLUGIN = adapter()
RULES = reading_rules("ministry", PLUGIN.catalog, {"encoding": "auto", "max_bytes": 1 << 20})
WRITTEN = START - timedelta(minutes=5)


def prepared(content, name="x.json"):
    raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    dropped = Dropped("event-1", "till", name, START, WRITTEN, raw)
    return list(prepare(dropped, RULES, PLUGIN))


def one(content, name="x.json"):
    (new,) = prepared(content, name)
    return new


def test_a_good_submission_has_its_messages_its_digest_and_its_address():
    new = one(admission_file("A1", after="A0", replaces="Z9", now=True, seq=3))
    assert (new.transaction, new.id, new.faults) == ("GYU101", "A1", ())
    assert [draft.transaction for draft in new.drafts] == ["GYU101"]
    assert (new.after, new.replaces, new.now, new.seq) == ("A0", "Z9", True, 3)
    assert (new.reply.folder, new.reply.file_name) == ("till", "x.json")
    assert len(new.digest) == 32


def test_the_digest_knows_no_bytes_no_order_and_no_times():
    content = admission_file("A1")
    row = content["data"]["datalist"][0]
    shuffled = {
        "data": {"datalist": [{key: row[key] for key in reversed(row)}]},
        "occurred_at": "2026-01-06T08:00:00",
        "id": "A1",
        "transaction": "GYU101",
    }
    spaced = json.dumps(shuffled, indent=4, ensure_ascii=True).encode("utf-16")
    assert one(content).digest == one(spaced).digest


def test_the_digest_knows_no_format():
    as_csv = large_csv("F1", 3)
    as_json = fee_file("F1", 3)
    assert one(as_csv, "fees.csv").digest == one(as_json).digest


def test_numbers_and_their_texts_are_the_same_content():
    text, number = fee_file("F1", 1), fee_file("F1", 1)
    number["data"]["datalist"][0]["aae058"] = 12.50
    text["data"]["datalist"][0]["aae058"] = "12.5"
    assert one(text).digest == one(number).digest


def test_other_data_or_another_transaction_is_other_content():
    first = one(admission_file("A1")).digest
    assert one(admission_file("A1", aka130="21")).digest != first
    assert one(fee_file("A1", 1)).digest != first


def test_business_time_is_the_files_own_unless_the_his_says_otherwise():
    assert one(admission_file("A1")).occurred_at == WRITTEN
    said = one(admission_file("A1", occurred_at="2026-01-06T08:30:00"))
    assert said.occurred_at == START - timedelta(minutes=30)


def test_deadlines_run_from_the_business_time():
    new = one(admission_file("A1"))
    assert new.deadline_at == WRITTEN + timedelta(minutes=30)


def test_an_invalid_submission_names_every_fault_what_it_was_about_and_whom_it_replaces():
    new = one(admission_file("A1", aka130="99", aae030="yesterday", replaces="Z9"))
    assert {fault.field for fault in new.faults} >= {"aka130", "aae030"}
    assert new.drafts == ()
    assert ("visit", ("510000123456", "A1")) in {(scope.kind, scope.key) for scope in new.scopes}
    assert (new.id, new.transaction, new.replaces) == ("A1", "GYU101", "Z9")


def test_an_unknown_transaction_is_a_fault_and_no_error():
    new = one({**admission_file("A1"), "transaction": "GYU999"})
    assert [fault.rule for fault in new.faults] == ["unknown_transaction"]


def test_an_unreadable_file_keeps_what_its_name_says():
    new = one(b"{", "GYU101__A1.json")
    assert (new.transaction, new.id) == ("GYU101", "A1")
    assert new.faults


def test_a_bare_object_is_taken_with_the_keys_of_its_name():
    new = one(admission_file("A1")["data"], "GYU101__A1.json")
    assert (new.transaction, new.id, new.faults) == ("GYU101", "A1", ())


def test_large_data_are_split_and_counted():
    new = one(large_csv("F1", 1203), "fees.csv")
    assert [draft.rows for draft in new.drafts] == [(0, 500), (500, 1000), (1000, 1203)]
    assert new.rows_total == 1203


def test_every_submission_of_a_file_has_an_event_of_its_own():
    rows = "\r\n".join(
        [
            "#transaction=GYU101",
            "#id=ALL",
            "#rows=2",
            "#visit_key=akc190",
            "akb020,alc002,aab360,aac002,aac003,aka130,akc190,aae030",
            "510000123456,1,510104,519900199901011234,测试甲,72,V1,20260101",
            "510000123456,1,510104,519900199901011234,测试甲,72,V2,20260101",
            "",
        ]
    )
    found = prepared(rows.encode(), "all.csv")
    assert [(new.event_id, new.id) for new in found] == [("event-1", "ALL@V1"), ("event-1.1", "ALL@V2")]


def test_what_a_plugin_refuses_does_not_change_with_the_address():
    content = json.dumps(admission_file("A1")).encode()
    dropped = Dropped("event-1", "till", "x.json", START, WRITTEN, content)
    (here,) = prepare(dropped, RULES, PLUGIN)
    (there,) = prepare(replace(dropped, folder="other", file_name="y.json"), RULES, PLUGIN)
    assert here.digest == there.digest
    assert here.reply != there.reply


DEVICES = DeviceConfig(
    scanners=(ScannerConfig("gun", "till-1"),), readers=(ReaderConfig("desk", "reception"),)
)


@pytest.mark.parametrize(
    ("transaction", "kind", "station", "says"),
    [
        ("GYU010", "esscard", "till-1", ""),
        ("GYD055", "card", "reception", ""),
        ("GYU010", "esscard", "till-7", "没有扫码枪"),
        ("GYU010", "esscard", "reception", "没有扫码枪"),
        ("GYD055", "card", "till-1", "没有读卡器"),
    ],
)
def test_one_that_would_wait_where_nothing_can_be_scanned_is_refused_at_once(
    tmp_path, transaction, kind, station, says
):
    folder = FolderConfig("till", "ministry", *[tmp_path] * 5)
    rules = reading_rules("ministry", PLUGIN.catalog, json.loads(json.dumps(plain_rules(folder, DEVICES))))
    data = {"akb020": "51010000001"} if kind == "esscard" else {}
    told = {
        "transaction": transaction,
        "id": "W-1",
        "data": data,
        "await": {"scan": kind, "station": station},
    }
    dropped = Dropped("event-1", "till", "x.json", START, WRITTEN, json.dumps(told).encode())
    (new,) = prepare(dropped, rules, PLUGIN)
    assert [(fault.rule, says in fault.message) for fault in new.faults] == (
        [("await_station", True)] if says else []
    )
    assert (new.wait is None) == bool(says)


def pointers(content):
    return [fault.pointer for fault in one(content).faults]


def test_faults_of_the_envelope_and_of_the_business_data_are_told_at_once():
    content = admission_file("A1", akb020="", alc002="9")
    told = pointers({**content, "seq": "x", "colour": "red"})
    assert told == ["/seq", "", "/datalist/0/akb020", "/datalist/0/alc002"]


def test_an_id_that_is_missing_hides_no_fault_of_the_business_data():
    content = admission_file("A1", akb020="")
    del content["id"]
    assert pointers(content) == ["/id", "/datalist/0/akb020"]


def test_damaged_business_data_is_not_judged_any_further():
    content = admission_file("A1", aac003="\ud800", akb020="")
    raw = json.dumps({**content, "now": 7}).encode()
    assert pointers(raw) == ["/now", "/datalist/0/aac003"]


def test_a_wait_that_cannot_be_read_leaves_it_open_what_is_missing():
    scanned = {"transaction": "GYU010", "id": "A1", "data": {"akb020": "51010000001"}}
    assert pointers({**scanned, "await": {"scan": "nothing"}}) == ["/await"]
