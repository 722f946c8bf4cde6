"""agent.replies.writer.result_name: what a HIS looks for, within what a file system takes."""

from hypothesis import given
from hypothesis import strategies as st

from agent.replies.naming import LONGEST_NAME, result_name

names = st.text(st.sampled_from("甲乙ab1-."), min_size=1, max_size=255).filter(
    lambda n: len(n.encode()) <= 255
)
ids = st.text(st.sampled_from("HIS编号-01"), max_size=64)


def test_the_name_is_the_inputs_full_name_the_id_and_the_ending():
    assert result_name("visit.json", "HIS-1", "json") == "visit.json.HIS-1.result.json"
    assert result_name("visit.csv", "", "ini") == "visit.csv.result.ini"


@given(names, ids)
def test_every_name_can_be_written_and_ends_with_its_id(file_name, his_id):
    name = result_name(file_name, his_id, "json")
    assert len(name.encode()) <= LONGEST_NAME
    assert name.endswith((f".{his_id}" if his_id else "") + ".result.json")


def test_two_long_names_that_begin_alike_stay_apart():
    one, other = "长" * 80 + "1.json", "长" * 80 + "2.json"
    assert result_name(one, "编" * 20, "json") != result_name(other, "编" * 20, "json")
