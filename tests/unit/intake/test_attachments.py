"""Submissions that name files of their folder: waited for, checked, taken with them, kept until sent."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.events import Draft, Identifier, Outcome, RowOutcome, Verdict
from agent.intake import preparing
from agent.outbox.drafts import value_draft
from agent.outbox.model import Head, State
from agent.sources import SourceError
from tests.unit.intake.inbox_bench import LANE, START, InboxBench
from tests.unit.ministry.ministry_desk import admission

PDF = b"%PDF-1.4 the plan of nobody\n%%EOF"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
STAY = {"aac002": "519900199901011234", "aac003": "测试甲", "akb020": "510000123456", "akc190": "ZY20260001"}


def upload(*names: str, his_id: str = "U1", **more: str) -> dict[str, Any]:
    files = [
        {"aaa726_s": f"S{number}", "filetype": "02", "filename": "", "filecont": f"@{name}"}
        for number, name in enumerate(names)
    ]
    data = {**STAY, "alc002": "1", "filelist": files, **more}
    return {"transaction": "GYU002", "id": his_id, "data": data}


def settlement(*files: dict[str, str], his_id: str = "S1", rows: int = 1) -> dict[str, Any]:
    row = {
        **STAY,
        "alc002": "1",
        "aka130": "72",
        "aae058": "10",
        "aae020": "8",
        "aae022": "2",
        "aae031": "20260101",
        "akc195": "好转",
    }
    stays: list[dict[str, Any]] = [{**row, "akc190": f"ZY{number}", "filedata": []} for number in range(rows)]
    stays[0]["filedata"] = list(files)
    return {"transaction": "GYU103", "id": his_id, "data": {"datalist": stays}}


def until(bench: InboxBench, condition: Callable[[], object]) -> None:
    """Let time pass in small steps until it is so."""
    for _ in range(60):
        if condition():
            return
        bench.step_for(0.5)
    raise AssertionError("it never came to be")


def placed(bench: InboxBench, count: int = 1) -> None:
    until(bench, lambda: len(bench.messages()) >= count)


def folder(bench: InboxBench) -> list[str]:
    """What belongs to submissions in the taking folder."""
    return sorted(path.name for path in bench.settings.claims.glob("*.with/*"))


def states(bench: InboxBench) -> list[tuple[str, str]]:
    return [(view.transaction, view.state) for view in bench.messages()]


def kept(bench: InboxBench) -> int:
    return int(bench.outbox._reader.connection.execute("SELECT count(*) FROM content").fetchone()[0])


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_an_upload_takes_its_files_and_they_go_to_the_archive_with_it(bench: InboxBench) -> None:
    bench.drop("plan.pdf", PDF)
    bench.drop("scan.png", PNG)
    bench.drop("U1.json", upload("plan.pdf", "scan.png"))
    bench.look()
    assert states(bench) == [("GYU002", State.READY)]
    assert bench.outbox.content(1, digest(PDF)) == PDF
    assert bench.archived() == ["U1.json", "plan.pdf", "scan.png"]
    assert (bench.waiting_names(), folder(bench)) == ([], [])


def test_who_waits_for_a_file_holds_only_its_own_visit(bench: InboxBench) -> None:
    bench.drop("U1.json", upload("plan.pdf"))
    bench.drop("A1.json", {"transaction": "GYU101", "id": "A1", "data": admission()})
    bench.admit("A2")
    placed(bench, 3)
    assert "plan.pdf" in bench.result(1)["message"]
    assert bench.result(1)["state"] == "queued"
    with bench.outbox.write() as tx:
        head = tx.head(LANE)
    assert head is not None
    assert head.draft.body["datalist"][0]["akc190"] == "A2", "the same visit's admission waits behind"
    bench.drop("plan.pdf", PDF)
    until(bench, lambda: not bench.claimed())
    assert [view.state for view in bench.messages()] == [State.READY] * 3
    assert bench.ids() == ["U1", "A1", "A2"], "it kept its place"


def test_a_file_that_does_not_come_in_ten_minutes_ends_its_submission(bench: InboxBench) -> None:
    bench.drop("U1.json", upload("plan.pdf"))
    placed(bench)
    bench.step_for(590)
    assert bench.result(1)["state"] == "queued"
    bench.step_for(30)
    assert bench.result(1)["state"] == "invalid"
    assert [error["rule"] for error in bench.result(1)["errors"]] == ["attachment_missing"]
    assert bench.rejected() == ["U1.json"]


def test_a_file_that_stays_unreadable_lets_others_pass_and_ends_its_submission(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.drop("a.pdf", PDF)
    bench.drop("u1.json", upload("a.pdf"))
    bench.drop("u2.json", upload("b.pdf", his_id="U2", akc190="ZY20260002"))
    bench.drop("b.pdf", PDF)
    read = bench.intake.beside.read

    def locked(event_id: str, name: str) -> bytes:
        if name == "a.pdf":
            raise SourceError("取走的附件现在读不出来")
        return read(event_id, name)

    monkeypatch.setattr(bench.intake.beside, "read", locked)
    until(bench, lambda: [new for new, _ in bench.told if new.id == "U2" and new.drafts and not new.wants])
    assert "附件读不了" in bench.intake.trouble
    bench.step_for(601)
    assert [error["rule"] for error in bench.result(1)["errors"]] == ["attachment_missing"]
    assert bench.intake.trouble == ""


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("plan.pdf", b"MZ no such thing", "attachment_type"),
        ("plan.pdf", PNG, "attachment_type"),
        ("plan.pdf", PDF + bytes(512_001 - len(PDF)), "size"),
        ("../plan.pdf", PDF, "attachment_name"),
        ("..\\plan.pdf", PDF, "attachment_name"),
        ("C:plan.pdf", PDF, "attachment_name"),
        ("aux.pdf", PDF, "attachment_name"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault_and_rejected(
    bench: InboxBench, name: str, content: bytes, rule: str
) -> None:
    bench.drop("plan.pdf", content)
    bench.drop("U1.json", upload(name))
    until(bench, bench.rejected)
    result = bench.result(1)
    assert (result["state"], [error["rule"] for error in result["errors"]]) == ("invalid", [rule])
    assert result["errors"][0]["pointer"] == "/filelist/0/filecont"
    assert kept(bench) == 0
    if rule != "attachment_name":
        assert bench.rejected() == ["U1.json", "plan.pdf"]


def test_a_file_of_just_the_most_bytes_is_taken(bench: InboxBench) -> None:
    bench.drop("plan.pdf", PDF + bytes(512_000 - len(PDF)))
    bench.drop("U1.json", upload("plan.pdf"))
    bench.look()
    assert states(bench) == [("GYU002", State.READY)]


def test_two_submissions_in_hand_that_name_one_file_both_get_it(bench: InboxBench) -> None:
    bench.drop("U1.json", upload("plan.pdf", his_id="U1"))
    bench.drop("U2.json", upload("plan.pdf", his_id="U2", akc190="ZY20260002"))
    placed(bench, 2)
    bench.drop("plan.pdf", PDF)
    until(bench, lambda: not bench.claimed())
    assert states(bench) == [("GYU002", State.READY)] * 2
    assert [bench.outbox.content(number, digest(PDF)) for number in (1, 2)] == [PDF, PDF]
    assert (bench.waiting_names(), folder(bench)) == ([], [])


@pytest.mark.parametrize("moment", ["placed", "taken"])
def test_after_a_restart_it_waits_on_at_its_place(bench: InboxBench, moment: str) -> None:
    bench.drop("U1.json", upload("plan.pdf"))
    placed(bench)
    bench.admit("A2")
    placed(bench, 2)
    bench.drop("plan.pdf", PDF)
    if moment == "taken":
        bench.clock.advance(1)
        waiting = bench.intake._waiting
        assert waiting is not None
        while not folder(bench):
            bench.intake.step()
    bench.restart()
    until(bench, lambda: not bench.claimed())
    assert bench.ids() == ["U1", "A2"]
    assert states(bench) == [("GYU002", State.READY), ("GYU101", State.READY)]
    assert bench.archived() == ["A2.json", "U1.json", "plan.pdf"]


def test_what_a_crash_left_of_a_submission_that_is_filed_goes_after_it(bench: InboxBench) -> None:
    left = bench.settings.claims / "20260106T090000100000abcdefa.with"
    left.mkdir()
    (left / "plan.pdf").write_bytes(PDF)
    assert bench.intake.beside is not None
    bench.intake.beside.sweep(START)
    assert (bench.archived(), folder(bench)) == (["plan.pdf"], [])


def test_the_same_again_is_told_by_its_files_too(bench: InboxBench) -> None:
    for name, content in (("U1.json", PDF), ("again.json", PDF), ("other.json", PDF + b"x")):
        bench.drop("plan.pdf", content)
        bench.drop(name, upload("plan.pdf"))
        bench.look()
    assert bench.outbox.counts() == {(LANE.lane, "ready"): 1}
    results = [bench.result(number) for number in (1, 2, 3)]
    assert [result and result["state"] for result in results] == ["queued", None, "invalid"]
    assert results[2]["errors"][0]["rule"] == "id_taken"


def test_a_cancelled_one_waits_no_more(bench: InboxBench) -> None:
    bench.drop("U1.json", upload("plan.pdf"))
    placed(bench)
    bench.drop("U1.cancel", "")
    until(bench, lambda: bench.result(1)["final"])
    assert bench.result(1)["state"] == "cancelled"
    bench.drop("plan.pdf", PDF)
    bench.look()
    assert (bench.result(1)["state"], kept(bench)) == ("cancelled", 0)


def test_rows_that_name_files_send_these_first_and_invoices_last(bench: InboxBench) -> None:
    for name in ("plan.pdf", "inv.pdf"):
        bench.drop(name, PDF + name.encode())
    plan = {"filetype": "02", "file": "@plan.pdf"}
    invoice = {"filetype": "01", "file": "@inv.pdf", "fileno": "F-1"}
    bench.drop("S1.json", settlement(plan, invoice, {"filetype": "99", "aaa418": "旧", "aaa726": "7"}))
    bench.look()
    assert bench.transactions() == ["GYU002", "GYU103", "GYU002"]
    drafts = [head_draft(bench, number) for number in (view.message for view in bench.messages())]
    first, main, last = drafts
    assert first.body["filelist"][0]["filecont"] == {"$file": digest(PDF + b"plan.pdf")}
    number = first.body["filelist"][0]["aaa726_s"]
    assert main.body["datalist"][0]["filedata"] == [
        {"filetype": "02", "aaa418": "plan.pdf", "aaa726": {"$slot": number}},
        {"filetype": "99", "aaa418": "旧", "aaa726": "7"},
    ]
    assert [(need.identifier, need.key) for need in main.needs] == [("attachment", (number,))]
    assert (last.body["aaz515"], last.body["filelist"][0]["fileno"]) == ("", "F-1")
    assert (first.serves, first.stop_on_refusal, last.serves, last.cancels) == (True, True, False, False)
    assert kept(bench) == 2


def head_draft(bench: InboxBench, message: int) -> Draft:
    row = bench.outbox._reader.connection.execute(
        "SELECT content_sealed FROM draft WHERE message = ?", (message,)
    ).fetchone()
    return value_draft(bench.outbox._reader.border.open("draft|content", message, row[0]))


def test_a_refused_file_ends_the_submission_without_its_rows(bench: InboxBench) -> None:
    bench.drop("plan.pdf", PDF)
    bench.drop("S1.json", settlement({"filetype": "02", "file": "@plan.pdf"}))
    bench.look()
    with bench.outbox.write() as tx:
        head = tx.head(LANE)
        assert head is not None
        assert head.transaction == "GYU002"
        tx.begin(head.message, {"wire_id": "W1"}, START)
        refused = RowOutcome(0, "RE0242", "附件类型不对", False, {"aaa726_s": "x"})
        outcome = Outcome(Verdict.REJECTED, "RE0242", "附件类型不对", rows=(refused,))
        tx.settle(head.message, outcome, START)
    result = bench.result(1)
    assert (result["state"], result["code"]) == ("rejected", "RE0242")
    assert states(bench) == [("GYU002", State.REJECTED), ("GYU103", State.CANCELLED)]
    assert kept(bench) == 0, "nothing can be sent with it any more"


def test_a_file_is_kept_while_it_may_be_sent_again_and_goes_with_its_message(bench: InboxBench) -> None:
    bench.drop("plan.pdf", PDF)
    bench.drop("U1.json", upload("plan.pdf"))
    bench.look()
    with bench.outbox.write() as tx:
        head = tx.head(LANE)
        assert head is not None
        attempt = tx.begin(head.message, {"wire_id": "W1"}, START)
        tx.doubt(head.message, attempt.number, "lost", START)
        tx.leave_unknown(head.message, "nobody knows", START)
    assert kept(bench) == 1
    with bench.outbox.write() as tx:
        tx.resolve(head.message, "rejected", {}, "甲", "查过", START, lambda *_: Outcome(Verdict.ACCEPTED))
    assert kept(bench) == 0


def test_large_content_within_the_data_is_kept_apart_by_the_helper_too(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "HEAVY_BYTES", 50_000)
    content = PDF + bytes(60_000)
    bench.drop("plan.pdf", PDF)
    submission = upload("plan.pdf", "plan.pdf")
    submission["data"]["filelist"][1] |= {
        "filename": "in.pdf",
        "filecont": base64.b64encode(content).decode(),
    }
    bench.drop("U1.json", json.dumps(submission))
    bench.look_until_helped(lambda: bench.outbox.counts().get((LANE.lane, "ready")))
    bench.look()
    (message,) = bench.messages()
    files = [row["filecont"] for row in head_draft(bench, message.message).body["filelist"]]
    assert files == [{"$file": digest(PDF)}, {"$file": digest(content)}]
    assert bench.outbox.content(1, digest(content)) == content
    assert bench.archived() == ["U1.json", "plan.pdf"]


# -- statements: another plan whose later messages need what the first one's answer gives -----------------
def statement(rows: int) -> dict[str, Any]:
    row = {"aac002": STAY["aac002"], "aac003": STAY["aac003"], "trtype": "1"}
    details = [{**row, "aaz515": f"9{number:09d}"} for number in range(rows)]
    head = {"akb020": "510000123456", "alc002": "1", "aae002": "202512", "aae020": "100", "akb079": "1"}
    data = {**head, "isdone": "1", "datalist": details}
    return {"transaction": "GYU003", "id": "M1", "data": data}


def turn(bench: InboxBench) -> Head:
    with bench.outbox.write() as tx:
        head = tx.head(LANE)
    assert head is not None
    return head


def answer(bench: InboxBench, head: Head, outcome: Outcome) -> None:
    with bench.outbox.write() as tx:
        tx.begin(head.message, {"wire_id": f"W{head.message}"}, START)
        tx.settle(head.message, outcome, START)


def test_after_a_crash_between_two_batches_the_next_one_goes_under_the_number_of_the_first(
    bench: InboxBench,
) -> None:
    bench.drop("M1.json", statement(1100))
    bench.look()
    first = turn(bench)
    assert (first.values, first.missing) == ({"pch": ""}, ())
    number = Identifier("batch", ("510000123456", "202512"), "77")
    answer(bench, first, Outcome(Verdict.ACCEPTED, "RE0000", identifiers=(number,)))
    bench.restart()
    second = turn(bench)
    assert (second.draft.rows, second.values) == ((500, 1000), {"pch": "77"})


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.PARTIAL])
def test_a_refused_batch_stops_the_statement_and_its_correction_goes_on_under_the_number(
    bench: InboxBench, verdict: Verdict
) -> None:
    bench.drop("M1.json", statement(1100))
    bench.look()
    number = Identifier("batch", ("510000123456", "202512"), "77")
    answer(bench, turn(bench), Outcome(Verdict.ACCEPTED, "RE0000", identifiers=(number,)))
    answer(bench, turn(bench), Outcome(verdict, "RE1155"))
    assert [state for _, state in states(bench)] == [State.ACCEPTED, verdict.value, State.CANCELLED]
    correction = {**statement(3), "id": "M2", "replaces": "M1"}
    bench.drop("M2.json", correction)
    bench.look()
    assert turn(bench).values == {"pch": "77"}
