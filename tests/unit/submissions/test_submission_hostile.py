"""Files that are broken, hostile or huge: always a clear refusal, soon, and never a crash."""

import time

import pytest

from tests.unit.submissions.words import read_all, read_one, rules_broken

OPEN = '{"transaction":"VISIT","id":"1","data":'


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty_file"),
        (" \r\n\t", "empty_file"),
        ("\ufeff", "empty_file"),
        ("{", "json_syntax"),
        (OPEN + '{"a":1,"a":2}}', "json_syntax"),
        (OPEN + '{"a":NaN}}', "json_syntax"),
        (OPEN + '{"a":-Infinity}}', "json_syntax"),
        (OPEN + '{"a":1e999999999}}', "json_syntax"),
        (OPEN + '{"a":' + "9" * 5000 + "}}", "json_syntax"),
        (OPEN + '{"a":' + "[" * 40 + "]" * 40 + "}}", "json_syntax"),
        (OPEN + "{'a':1}}", "json_syntax"),
        (OPEN + '{"a":1}} x', "json_syntax"),
        ("[" * 1_000_000, "json_syntax"),
        ('{"a":' * 500_000, "json_syntax"),
        (OPEN + '"' + "\x01" + '"}', "json_syntax"),
    ],
    ids=range(15),
)
def test_broken_json_is_one_clear_fault(text: str, rule: str) -> None:
    assert rules_broken(text, "VISIT__1.json") == [rule]


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.xml", "a.txt"])
def test_nul_bytes_are_refused_in_every_format(name: str) -> None:
    assert rules_broken(b'{"a":\0}', name) == ["nul_character"]


@pytest.mark.parametrize("name", ["plan.doc", "noextension", "a.json.bak"])
def test_unknown_kinds_of_file_are_refused(name: str) -> None:
    assert rules_broken("{}", name) == ["unknown_format"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"transaction":"VISIT","id":"1","data":{}}', "a.txt"),
        ("#transaction=VISIT\n#id=1\nakc190\nZY1\n", "a.txt"),
        ("<data><akc190>ZY1</akc190></data>", "VISIT__1.txt"),
    ],
)
def test_text_files_are_read_as_what_they_begin_like(text: str, name: str) -> None:
    assert read_one(text, name).transaction == "VISIT"


def test_file_beyond_the_limit_is_refused_unread() -> None:
    assert rules_broken(b"\xff" * 101, "VISIT__1.json", max_bytes=100) == ["too_large"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"data":{"a":"' + b"x" * 50_000_000, "VISIT__1.json"),
        (b"#transaction=FEES\n#id=1\n#rows=1\naaz213_s\n" + b'"' + b"x" * 50_000_000, "a.csv"),
        (b"<data><a>" + b"<b></b>" * 6_000_000, "VISIT__1.xml"),
        (b"#" * 50_000_000, "a.csv"),
        (b"\n" * 50_000_000, "a.csv"),
        ("啊".encode("gb18030") * 25_000_000, "VISIT__1.json"),
    ],
    ids=["json", "csv", "xml", "hashes", "blank", "gbk"],
)
def test_fifty_megabytes_of_nonsense_are_refused_in_bounded_time(content: bytes, name: str) -> None:
    began = time.process_time()
    assert len(rules_broken(content, name)) >= 1
    assert time.process_time() - began < 20


def test_a_hundred_thousand_damaged_rows_give_a_short_list_of_faults() -> None:
    rows = "".join(f"{number},?\n" for number in range(100_000))
    text = f"#transaction=STAYS\n#id=1\n#rows=100000\nakc190,姓名\n{rows}"
    broken = rules_broken(text, "a.csv")
    assert set(broken) == {"question_mark_in_name"}
    assert len(broken) <= 200


def test_a_hundred_thousand_rows_are_read_quickly() -> None:
    rows = "".join(f"{n},药品{n},12.50,第{n}次\n" for n in range(100_000))
    raw = (
        f"#transaction=FEES\n#id=1\n#rows=100000\n#akc190=ZY1\naaz213_s,项目名称,总金额,备注\n{rows}".encode(
            "gb18030"
        )
    )
    began = time.process_time()
    (submission,) = read_all(raw, "a.csv", atomic=False)
    assert time.process_time() - began < 1.5
    assert submission.data["datalist"][99_999] == {
        "aaz213_s": "99999",
        "ala020": "药品99999",
        "aae058": "12.50",
        "aae013": "第99999次",
    }
