import pytest

from tests.unit.submissions.words import failure, read_all, read_one, rules_broken

HEAD = "#transaction=FEES\n#id=HIS-1\n"
TABLE = "aaz213_s,aae058\nF1,10.00\nF2,2.50\n"
ROWS = [{"aaz213_s": "F1", "aae058": "10.00"}, {"aaz213_s": "F2", "aae058": "2.50"}]


def test_head_lines_and_rows_become_an_object_with_its_list() -> None:
    submission = read_one(HEAD + "#rows=2\n#akc190=ZY1\n#姓名=张三\n#seq=7\n#now=否\n" + TABLE, "a.csv")
    assert (submission.transaction, submission.id) == ("FEES", "HIS-1")
    assert (submission.seq, submission.now) == (7, False)
    assert submission.data == {"akc190": "ZY1", "aac003": "张三", "datalist": ROWS}


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";"])
def test_delimiter_is_found_out_from_the_header(delimiter: str) -> None:
    table = 'aaz213_s,备注,aae058\nF1,"a,b|c;d\te",1\n'
    text = HEAD + table.replace(",", delimiter).replace(f"a{delimiter}b", "a,b")
    (row,) = read_one(text, "a.csv").data["datalist"]
    assert row["aae013"].replace(delimiter, "") == "a,b|c;d\te".replace(delimiter, "")
    assert row["aae058"] == "1"


def test_header_takes_codes_of_any_case_aliases_chinese_names_and_the_folders_own_names() -> None:
    text = "#transaction=VISIT\n#id=1\nAAC002, 姓 名 ,VisitNo,入院日\nX,张三,ZY1,20260301\n"
    data = read_one(text, "a.csv", columns={"入院日": "aae030"}).data
    assert data == {"aac002": "X", "aac003": "张三", "akc190": "ZY1", "aae030": "20260301"}


def test_quoting_follows_rfc_4180() -> None:
    text = HEAD + 'aaz213_s,备注\nF1,"a ""b"", c"\r\nF2,"two\r\nlines"\r\n'
    rows = read_one(text, "a.csv").data["datalist"]
    assert [row["aae013"] for row in rows] == ['a "b", c', "two\nlines"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_reads_alike(end: str) -> None:
    text = (HEAD + "#rows=2\n" + TABLE).replace("\n", end)
    assert read_one(text, "a.csv", atomic=False).data == {"datalist": ROWS}


def test_cells_stay_text_and_blank_lines_and_padding_count_for_nothing() -> None:
    head = '#transaction=FEES,,\n"#id=HIS-1",,\n#rows=2,,\n#姓名=张三,,\n'
    text = head + "\naaz213_s,aae058,\n007,1.10,\n,,\nF2,,\n"
    submission = read_one(text, "a.csv", atomic=False)
    assert submission.id == "HIS-1"
    assert submission.data["aac003"] == "张三"
    assert submission.data["datalist"] == [
        {"aaz213_s": "007", "aae058": "1.10"},
        {"aaz213_s": "F2", "aae058": ""},
    ]


def test_value_with_other_delimiters_than_padding_keeps_them() -> None:
    assert read_one(HEAD + "#aac002=a,b,\n" + TABLE, "a.csv").data["aac002"] == "a,b,"


def test_keys_may_come_from_the_file_name() -> None:
    submission = read_one(TABLE, "FEES__HIS-9.csv")
    assert (submission.transaction, submission.id) == ("FEES", "HIS-9")


def test_columns_of_the_head_may_stand_in_the_table_when_all_rows_agree() -> None:
    data = read_one(HEAD + "akc190,aaz213_s,姓名\nZY1,F1,张三\nZY1,F2,\n", "a.csv").data
    assert data == {"akc190": "ZY1", "aac003": "张三", "datalist": [{"aaz213_s": "F1"}, {"aaz213_s": "F2"}]}


def test_columns_of_the_head_must_agree_with_each_other_and_with_the_fixed_fields() -> None:
    assert rules_broken(HEAD + "akc190,aaz213_s\nZY1,F1\nZY2,F2\n", "a.csv") == ["csv_head_varies"]
    assert rules_broken(HEAD + "#akc190=ZY9\nakc190,aaz213_s\nZY1,F1\n", "a.csv") == ["csv_head_varies"]


def test_transaction_without_a_list_takes_one_row() -> None:
    text = "#transaction=VISIT\n#id=1\nakc190,aae030\nZY1,20260301\n"
    assert read_one(text, "a.csv").data == {"akc190": "ZY1", "aae030": "20260301"}
    assert rules_broken(text + "ZY2,20260302\n", "a.csv") == ["csv_too_many_rows"]


def test_file_of_head_lines_alone_is_an_object() -> None:
    assert read_one("#transaction=VISIT\n#id=1\n#akc190=ZY1\n", "a.csv").data == {"akc190": "ZY1"}


class TestWhole:
    """A cut CSV is still a valid CSV."""

    def test_renamed_file_needs_no_row_count_and_no_last_line_break(self) -> None:
        assert read_one((HEAD + TABLE).rstrip("\n"), "a.csv", atomic=True).data == {"datalist": ROWS}

    def test_file_that_grew_in_place_needs_a_row_count(self) -> None:
        assert rules_broken(HEAD + TABLE, "a.csv", atomic=False) == ["csv_rows_missing"]

    def test_file_that_grew_in_place_needs_its_last_line_break(self) -> None:
        text = HEAD + "#rows=2\n" + TABLE
        assert rules_broken(text[:-1], "a.csv", atomic=False) == ["csv_cut"]
        assert rules_broken(text[:-2], "a.csv", atomic=False) == ["csv_cut"]

    @pytest.mark.parametrize("atomic", [True, False])
    def test_row_count_must_be_right_whoever_wrote_it(self, atomic: bool) -> None:
        assert rules_broken(HEAD + "#rows=3\n" + TABLE, "a.csv", atomic=atomic) == ["csv_rows_mismatch"]

    @pytest.mark.parametrize("count", ["two", "-1", "2.0", "１", "9999999999"])
    def test_row_count_must_be_a_number(self, count: str) -> None:
        assert rules_broken(HEAD + f"#rows={count}\n" + TABLE, "a.csv") == ["option_integer"]

    def test_row_count_is_of_all_tables(self) -> None:
        text = HEAD + "#rows=3\n" + TABLE + "[filedata]\nfiletype,file\n01,@a.pdf\n"
        assert read_one(text, "a.csv", atomic=False).data["filedata"] == [
            {"filetype": "01", "file": "@a.pdf"}
        ]

    def test_row_with_too_few_or_too_many_cells_is_named_by_line(self) -> None:
        failed = failure(HEAD + "aaz213_s,aae058\nF1\nF2,1\nF3,1,2\n", "a.csv")
        assert [fault.rule for fault in failed.faults] == ["csv_columns_mismatch"] * 2
        assert "第 4 行" in failed.faults[0].message
        assert "第 6 行" in failed.faults[1].message


class TestVisits:
    TEXT = HEAD + "#rows=4\n#visit_key=住院号\nakc190,aaz213_s\nZY2,F1\nZY1,F2\nZY2,F3\nZY1,F4\n"

    def test_visit_column_splits_a_file_in_order_of_first_sight(self) -> None:
        submissions = read_all(self.TEXT, "a.csv", atomic=False)
        assert [one.id for one in submissions] == ["HIS-1@ZY2", "HIS-1@ZY1"]
        assert submissions[0].data == {"akc190": "ZY2", "datalist": [{"aaz213_s": "F1"}, {"aaz213_s": "F3"}]}
        assert submissions[1].data == {"akc190": "ZY1", "datalist": [{"aaz213_s": "F2"}, {"aaz213_s": "F4"}]}

    def test_visit_column_of_the_rows_stays_in_the_rows(self) -> None:
        text = "#transaction=STAYS\n#id=A\n#visit_key=akc190\nakc190,aae030\nZY1,20260301\nZY2,20260302\n"
        first, second = read_all(text, "a.csv")
        assert first.data == {"datalist": [{"akc190": "ZY1", "aae030": "20260301"}]}
        assert second.data == {"datalist": [{"akc190": "ZY2", "aae030": "20260302"}]}

    def test_transaction_without_a_list_becomes_one_submission_per_row(self) -> None:
        text = "#transaction=VISIT\n#id=A\n#visit_key=akc190\nakc190,aac003\nZY1,张三\nZY2,李四\n"
        assert [one.data["aac003"] for one in read_all(text, "a.csv")] == ["张三", "李四"]
        assert rules_broken(text + "ZY1,张三\n", "a.csv") == ["csv_too_many_rows"]

    def test_head_columns_agree_within_each_visit_only(self) -> None:
        text = HEAD + "#visit_key=akc190\nakc190,aac003,aaz213_s\nZY1,张三,F1\nZY2,李四,F2\n"
        assert [one.data["aac003"] for one in read_all(text, "a.csv")] == ["张三", "李四"]

    def test_options_hold_for_every_visit(self) -> None:
        submissions = read_all(self.TEXT.replace("#rows", "#after=HIS-0\n#seq=4\n#rows"), "a.csv")
        assert [(one.after, one.seq) for one in submissions] == [("HIS-0", 4)] * 2

    @pytest.mark.parametrize(
        ("old", "new", "broken"),
        [
            ("住院号", "aae058", ["csv_visit_key"]),
            ("住院号", "nothing", ["csv_visit_key"]),
            ("ZY1,F4", " ,F4", ["csv_visit_empty"]),
            ("ZY1,F4", "Z/1,F4", ["invalid_id"]),
            ("#rows", "#replaces=HIS-0\n#rows", ["csv_replaces_split"]),
        ],
    )
    def test_what_cannot_be_split_is_refused(self, old: str, new: str, broken: list[str]) -> None:
        assert rules_broken(self.TEXT.replace(old, new), "a.csv") == broken

    def test_nothing_to_split_is_refused(self) -> None:
        assert rules_broken(HEAD + "#visit_key=akc190\nakc190,aaz213_s\n", "a.csv") == ["csv_no_rows"]
        assert rules_broken(HEAD + "#visit_key=akc190\n#akc190=1\n", "a.csv") == ["csv_no_rows"]


class TestLists:
    def test_list_of_the_head_needs_no_key(self) -> None:
        data = read_one(HEAD + TABLE + "[附件]\n附件类型,文件\n01,@a.pdf\n02,@b.pdf\n", "a.csv").data
        assert data["filedata"] == [
            {"filetype": "01", "file": "@a.pdf"},
            {"filetype": "02", "file": "@b.pdf"},
        ]

    def test_list_of_a_row_finds_it_by_a_column_that_is_not_its_own(self) -> None:
        data = read_one(HEAD + TABLE + "[rows]\naaz213_s,aae074\nF2,N1\nF1,N2\nF2,N3\n", "a.csv").data
        assert [row.get("rows") for row in data["datalist"]] == [
            [{"aae074": "N2"}],
            [{"aae074": "N1"}, {"aae074": "N3"}],
        ]

    def test_shared_column_is_a_key_only_when_named(self) -> None:
        text = HEAD + "aaz213_s,备注\nF1,x\nF2,y\n[rows]\n{}备注,aae074\nx,N1\n"
        data = read_one(text.format("#parent_key=备注\n"), "a.csv").data
        assert data["datalist"][0]["rows"] == [{"aae013": "x", "aae074": "N1"}]
        assert rules_broken(text.format(""), "a.csv") == ["csv_parent_key_missing"]
        assert rules_broken(text.format("#parent_key=aae058\n"), "a.csv") == ["csv_parent_key"]

    def test_lists_of_a_split_file_go_to_their_visit(self) -> None:
        text = (
            HEAD
            + "#visit_key=akc190\nakc190,aaz213_s\nZY1,1\nZY2,1\n"
            + "[rows]\nakc190,aaz213_s,aae074\nZY2,1,N2\nZY1,1,N1\n"
            + "[filedata]\nakc190,file\nZY2,@b.pdf\n"
        )
        first, second = read_all(text, "a.csv")
        assert first.data["datalist"] == [{"aaz213_s": "1", "rows": [{"aae074": "N1"}]}]
        assert second.data["datalist"] == [{"aaz213_s": "1", "rows": [{"aae074": "N2"}]}]
        assert "filedata" not in first.data
        assert second.data["filedata"] == [{"file": "@b.pdf"}]

    def test_visit_of_the_rows_alone_finds_lists_too(self) -> None:
        text = "#transaction=STAYS\n#id=A\n#visit_key=akc190\n[datalist]\nakc190\nZY1\n"
        assert [one.id for one in read_all(text, "a.csv")] == ["A@ZY1"]

    def test_outer_lists_are_read_first_wherever_they_stand(self) -> None:
        text = HEAD + "[rows]\naaz213_s,aae074\nF1,N1\n[datalist]\naaz213_s\nF1\n"
        assert read_one(text, "a.csv").data == {"datalist": [{"aaz213_s": "F1", "rows": [{"aae074": "N1"}]}]}

    def test_lists_within_lists_are_read_in_any_order_of_the_file(self) -> None:
        text = HEAD + "aaz213_s\nF1\n[parts]\naae074,part\nN1,P1\n[rows]\naaz213_s,aae074\nF1,N1\n"
        (row,) = read_one(text, "a.csv").data["datalist"]
        assert row["rows"] == [{"aae074": "N1", "parts": [{"part": "P1"}]}]

    @pytest.mark.parametrize(
        ("section", "rule"),
        [
            ("[rows]\naaz213_s,aae074\nF9,N1\n", "csv_parent_missing"),
            ("[rows]\naae058,aae074\n1,N1\n", "csv_parent_ambiguous"),
            ("[rows]\naae074\nN1\n", "csv_parent_key_missing"),
            ("[nothing]\naae074\nN1\n", "unknown_list"),
            ("[filedata]\nfile\na\n[filedata]\nfile\nb\n", "csv_duplicate_list"),
            ("[datalist]\naaz213_s\nF3\n", "csv_duplicate_list"),
            ("[filedata]\nfile,nothing\na,b\n", "unknown_field"),
        ],
    )
    def test_list_that_fits_nowhere_is_refused(self, section: str, rule: str) -> None:
        assert rules_broken(HEAD + "aaz213_s,aae058\nF1,1\nF2,1\n" + section, "a.csv") == [rule]


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (HEAD + "aaz213_s,mystery\nF1,1\n", ["unknown_field"]),
        (HEAD + "aaz213_s,datalist\nF1,1\n", ["unknown_field"]),
        (HEAD + "aaz213_s,明细流水号\nF1,1\n", ["csv_duplicate_column"]),
        (HEAD + "#mystery=1\n" + TABLE, ["unknown_field"]),
        (HEAD + "#akc190=1\n#住院号=2\n" + TABLE, ["csv_setting"]),
        (HEAD + "#id=HIS-2\n" + TABLE, ["csv_setting"]),
        (HEAD + "#seq=x\n" + TABLE, ["option_integer"]),
        (HEAD + "#await=scan\n" + TABLE, ["await_form"]),
        (HEAD + "just a remark\n", ["unknown_field"]),
        (HEAD + "# a remark\n" + TABLE, ["csv_setting"]),
        (HEAD + 'aaz213_s,备注\nF1,"never closed\n', ["csv_syntax"]),
        (HEAD + 'aaz213_s,备注\nF1,"a"b\n', ["csv_syntax"]),
        ("#id=1\n" + TABLE, ["missing_transaction"]),
        ("#transaction=FEES\n" + TABLE, ["missing_id"]),
        ("#transaction=NONE\n#id=1\n" + TABLE, ["unknown_transaction"]),
        ("#transaction=VISIT\n#id=1\n重名\nx\n", ["unknown_field"]),
        (HEAD + "#姓名=张?\n#aac002=3.6E+17\n" + TABLE, ["question_mark_in_name", "scientific_id"]),
        (HEAD + "姓名,aaz213_s,aac002\n张?,F1,5.1E+17\n", ["question_mark_in_name", "scientific_id"]),
    ],
)
def test_each_wrong_part_is_a_fault(text: str, broken: list[str]) -> None:
    assert rules_broken(text, "a.csv") == broken


def test_faults_of_head_table_and_lists_come_together() -> None:
    text = HEAD + "#rows=9\n#seq=x\naaz213_s,what\nF1,1\n[filedata]\nfile,else\na,b\n"
    assert rules_broken(text, "a.csv") == [
        "option_integer",
        "csv_rows_mismatch",
        "unknown_field",
        "unknown_field",
    ]


def test_damaged_cell_is_named_by_its_place() -> None:
    text = "#transaction=STAYS\n#id=1\nakc190,aac002\nZY1,x\nZY2,5.1E+17\n"
    (fault,) = failure(text, "a.csv").faults
    assert (fault.pointer, fault.field) == ("/datalist/1/aac002", "aac002")


def test_short_rows_and_damaged_cells_are_found_together() -> None:
    text = "#transaction=STAYS\n#id=1\nakc190,aac003\nZY1\nZY2,张?\n"
    assert rules_broken(text, "a.csv") == ["csv_columns_mismatch", "question_mark_in_name"]


def test_failure_tells_whose_file_it_is() -> None:
    failed = failure(HEAD + "mystery\n1\n", "a.csv")
    assert (failed.transaction, failed.id) == ("FEES", "HIS-1")
