"""agent.replies.naming: no result takes the place of another submission's."""

import pytest

from agent.replies.naming import is_of, place
from agent.replies.render import render

FIRST = {"id": "Y", "transaction": "GYU101", "received_at": "2026-01-01T09:00:00.000001+08:00", "data": {}}
OTHER = {**FIRST, "transaction": "GYU102", "received_at": "2026-01-01T09:00:01.000001+08:00"}
FORMS = ["json", "xml", "ini", "csv"]


@pytest.mark.parametrize("form", FORMS)
def test_a_free_place_has_the_plain_name(tmp_path, form):
    assert place(tmp_path, "fee.json", form, FIRST, ()).name == f"fee.json.Y.result.{form}"


@pytest.mark.parametrize("form", FORMS)
def test_another_submissions_unread_result_keeps_its_place(tmp_path, form):
    path = place(tmp_path, "fee.json", form, FIRST, ())
    path.write_bytes(render(FIRST, form))
    assert place(tmp_path, "fee.json", form, OTHER, ()).name == f"fee.json.Y.2.result.{form}"


@pytest.mark.parametrize("form", FORMS)
def test_a_later_revision_of_the_same_submission_takes_its_own_place(tmp_path, form):
    path = place(tmp_path, "fee.json", form, FIRST, ())
    path.write_bytes(render({**FIRST, "state": "queued"}, form))
    assert is_of(path, FIRST)
    assert place(tmp_path, "fee.json", form, {**FIRST, "state": "accepted"}, ()) == path


def test_a_result_that_the_his_has_taken_away_frees_its_name(tmp_path):
    path = place(tmp_path, "fee.json", "json", FIRST, ())
    path.write_bytes(render(FIRST))
    path.unlink()
    assert place(tmp_path, "fee.json", "json", OTHER, ()) == path


def test_results_that_are_written_together_stay_apart(tmp_path):
    path = place(tmp_path, "fee.json", "json", FIRST, ())
    assert place(tmp_path, "fee.json", "json", OTHER, {path}).name == "fee.json.Y.2.result.json"


def test_several_unread_results_are_counted_up(tmp_path):
    for number in range(3):
        result = {**FIRST, "received_at": f"2026-01-01T09:00:0{number}.5+08:00"}
        place(tmp_path, "fee.json", "json", result, ()).write_bytes(render(result))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fee.json.Y.2.result.json",
        "fee.json.Y.3.result.json",
        "fee.json.Y.result.json",
    ]
