"""The watch that the kill suite keeps over results notices what it is there for."""

import json

import pytest

from tests.acceptance.workload import Answers

INTERIM = {"id": "1", "state": "sending", "revision": 1, "finished_at": None, "final": False}
FINAL = {**INTERIM, "state": "accepted", "revision": 2, "finished_at": "2026-01-05T09:00:00", "final": True}


@pytest.fixture
def answers(tmp_path):
    with Answers(tmp_path) as answers:
        yield answers


def write(folder, result):
    aside = folder / ".aside"
    aside.write_text(json.dumps(result), "utf-8")
    aside.replace(folder / "1.result.json")


def told(answers, folder, *forms):
    for form in forms:
        write(folder, form)
        answers.look()
    return {"1.result.json": forms[-1]}


def test_a_result_that_grows_to_its_final_form_and_is_written_again_as_it_was_passes(answers, tmp_path):
    answers.check(told(answers, tmp_path, INTERIM, FINAL, FINAL))


@pytest.mark.parametrize(
    "change", [{"revision": 3}, {"finished_at": "later"}, {"state": "rejected"}, {"rows": 1}]
)
def test_a_second_final_answer_is_noticed(answers, tmp_path, change):
    results = told(answers, tmp_path, INTERIM, FINAL, {**FINAL, **change})
    with pytest.raises(AssertionError, match="changed after its final form"):
        answers.check(results)


def test_a_final_answer_that_was_something_else_for_a_while_is_noticed(answers, tmp_path):
    results = told(answers, tmp_path, FINAL, INTERIM, FINAL)
    with pytest.raises(AssertionError, match="changed after its final form"):
        answers.check(results)


def test_a_final_answer_that_was_taken_away_for_a_while_is_noticed(answers, tmp_path):
    told(answers, tmp_path, FINAL)
    (tmp_path / "1.result.json").unlink()
    answers.look()
    results = told(answers, tmp_path, FINAL)
    with pytest.raises(AssertionError, match="changed after its final form"):
        answers.check(results)
