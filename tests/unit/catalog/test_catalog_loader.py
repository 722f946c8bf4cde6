"""The loader reads what it knows, names what it does not, and reads nothing before it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.catalog import TransactionSpec, load_catalog, open_catalog
from agent.errors import CatalogError
from tests.unit.catalog.small_catalog import BEHAVIOUR, ENVELOPE, ERRORS, FIELDS, INDEX, TABLES, write_catalog


def first(folder: Path, **parts: str) -> TransactionSpec:
    return open_catalog(write_catalog(folder, **parts)).transaction("T1")


def field(text: str) -> str:
    return BEHAVIOUR + f"request = [{{{text}}}]\n"


PLAIN = 'code="a", name="甲", type="C", length="4", required=true'
ROWS = (
    'request = [{code="rows", name="列表", type="List<Row>", length="", required=true, children=['
    '{code="id", name="号", type="C", length="4", required=true}]}]\n'
)


def test_a_transaction_is_read_as_written(tmp_path: Path) -> None:
    spec = first(tmp_path)
    assert (spec.code, spec.name, spec.kind, spec.class_) == ("T1", "登记", "upload", "interactive")
    name, colour = spec.request
    assert (name.code, name.length, name.max_length, name.required) == ("name", "4", 4, True)
    assert name.codes == {"missing": "E1", "length": "E2"}
    assert spec.table(colour.table).codes == {"1": ("红",), "2": ("绿", "青")}
    assert spec.response == ()


def test_a_repeatable_transaction_says_which_number_a_repetition_renews(tmp_path: Path) -> None:
    spec = first(tmp_path, t1=BEHAVIOUR + 'repeatable = true\nrenew = "name"\n' + FIELDS)
    assert (spec.repeatable, spec.renew) == (True, "name")


def test_a_transaction_is_not_repeatable_unless_it_says_so(tmp_path: Path) -> None:
    spec = first(tmp_path)
    assert (spec.repeatable, spec.renew) == (False, "")


def test_opening_a_catalog_reads_only_the_index(tmp_path: Path) -> None:
    (tmp_path / "index.toml").write_text(INDEX, encoding="utf-8")
    catalog = open_catalog(tmp_path)
    assert catalog.transactions == ("T1", "T2")
    assert "T2" in catalog
    with pytest.raises(CatalogError, match="T1"):
        catalog.transaction("T1")


def test_a_transaction_is_read_once(tmp_path: Path) -> None:
    catalog = open_catalog(write_catalog(tmp_path))
    spec = catalog.transaction("T1")
    (tmp_path / "transactions" / "T1.toml").unlink()
    assert catalog.transaction("T1") is spec


def test_code_tables_are_read_when_a_field_first_needs_one(tmp_path: Path) -> None:
    catalog = open_catalog(write_catalog(tmp_path, tables="broken ="))
    spec = catalog.transaction("T1")
    with pytest.raises(CatalogError, match=r"tables\.toml"):
        spec.table("COLOUR")


def test_error_codes_are_an_open_table_and_a_flat_mapping(tmp_path: Path) -> None:
    catalog = open_catalog(write_catalog(tmp_path))
    assert catalog.error_tables["CODE"].open
    assert not catalog.tables["COLOUR"].open
    assert catalog.errors["E1"] == "姓名不能为空"


def test_the_envelope_has_its_four_parts(tmp_path: Path) -> None:
    envelope = open_catalog(write_catalog(tmp_path)).envelope
    assert [spec.code for spec in envelope.header] == ["key"]
    assert [spec.code for spec in envelope.response_head] == ["code"]
    assert envelope.request == envelope.response == ()


def test_a_package_that_is_not_there_is_a_catalog_error() -> None:
    with pytest.raises(CatalogError, match=r"plugins\.nothing"):
        load_catalog("plugins.nothing.catalog")


@pytest.mark.parametrize(
    ("part", "text", "place"),
    [
        ("index", "colour = 1\n" + INDEX, "index.toml"),
        ("index", INDEX.replace('"T2"', '"T1"'), "index.toml"),
        ("index", INDEX.replace('"number"', '"digit"'), "index.toml"),
    ],
)
def test_a_wrong_index_is_refused_with_its_place(tmp_path: Path, part: str, text: str, place: str) -> None:
    with pytest.raises(CatalogError, match=place):
        open_catalog(write_catalog(tmp_path, **{part: text}))


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("tables", TABLES.replace('title = "颜色"', 'title = "颜色"\nhue = "x"')),
        ("tables", TABLES.replace('1 = "红"', "1 = 7")),
        ("tables", TABLES.replace('["绿", "青"]', "[]")),
        ("errors", ERRORS.replace("[CODE.codes]", "[CODE.kodes]")),
        ("envelope", ENVELOPE + "footer = []\n"),
    ],
)
def test_wrong_side_files_are_refused_with_their_place(tmp_path: Path, part: str, text: str) -> None:
    catalog = open_catalog(write_catalog(tmp_path, **{part: text}))
    with pytest.raises(CatalogError, match=rf"{part}\.toml"):
        _ = (catalog.tables, catalog.errors, catalog.envelope)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (BEHAVIOUR + 'colour = "red"\n' + FIELDS, "colour"),
        (BEHAVIOUR + "guarded = 1\n" + FIELDS, "guarded"),
        (BEHAVIOUR + 'max_rows = "500"\n' + FIELDS, "max_rows"),
        (BEHAVIOUR + "max_rows = 0\n" + FIELDS, "max_rows"),
        (BEHAVIOUR + "max_rows = true\n" + FIELDS, "max_rows"),
        (BEHAVIOUR.replace('"upload"', '"uplod"') + FIELDS, "kind"),
        (BEHAVIOUR.replace('"interactive"', '"lazy"') + FIELDS, "class"),
        (BEHAVIOUR.replace('frequency = "实时"', "") + FIELDS, "frequency"),
        (BEHAVIOUR.replace('"T1"', '"T2"') + FIELDS, "T2"),
        (BEHAVIOUR + 'on_refusal = "go"\n' + FIELDS, "on_refusal"),
        (BEHAVIOUR + "rules = [1]\n" + FIELDS, "rules"),
        (BEHAVIOUR + "repeatable = 1\n" + FIELDS, "repeatable"),
        (BEHAVIOUR + 'repeatable = true\ninquiry = "T2"\n' + FIELDS, "inquiry"),
        (BEHAVIOUR + 'renew = "name"\n' + FIELDS, "repeatable"),
        (BEHAVIOUR + 'repeatable = true\nrenew = "nr"\n' + FIELDS, "nr"),
        (BEHAVIOUR + 'list = "rows"\n' + FIELDS, "rows"),
        (BEHAVIOUR + 'list = "rows"\nrow_key = ["nr"]\n' + ROWS, "nr"),
        (BEHAVIOUR + 'scope = [{kind="visit", fields=["nr"]}]\n' + FIELDS, "nr"),
        (BEHAVIOUR + 'scope = [{kind="visit", fields=["name"], at="row"}]\n' + FIELDS, "name"),
        (BEHAVIOUR + 'scope = [{kind="visit"}]\n' + FIELDS, "constant"),
        (BEHAVIOUR + 'scope = [{kind="visit", fields=["name"], mode="half"}]\n' + FIELDS, "mode"),
        (BEHAVIOUR + 'scope = [{kind="visit", fields=["name"], size=1}]\n' + FIELDS, "size"),
        (BEHAVIOUR + 'identifiers = [{kind="x", value="nr", by=["name"]}]\n' + FIELDS, "nr"),
        (BEHAVIOUR + "deadline = [{minutes=5, days=1}]\n" + FIELDS, "minutes"),
        (BEHAVIOUR + "deadline = [{}]\n" + FIELDS, "minutes"),
        (BEHAVIOUR + "request = [1]\n", "request"),
        (field(PLAIN + ', colour="red"'), "colour"),
        (field(PLAIN + ', sensitive="very"'), "sensitive"),
        (field(PLAIN + ', format="date:MM"'), "date:MM"),
        (field(PLAIN + ', format="phone"'), "phone"),
        (field(PLAIN + ', codes={odd="E1"}'), "odd"),
        (field(PLAIN + ', when={field="b", in=["1"]}'), "when"),
        (field(PLAIN + ', empty={field="b"}'), "not_in"),
        (field(PLAIN + ', empty={field="b", in=["1"], present=true}'), "not_in"),
        (
            field(PLAIN + ', children=[{code="b", name="乙", type="C", length="1", required=true}]'),
            "children",
        ),
        (field(PLAIN.replace('"C"', '"X"')), "X"),
        (field(PLAIN.replace('"4"', '"四"')), "四"),
        (field(PLAIN.replace('"4"', '"4,2"')), "4,2"),
        (field(PLAIN.replace('"C", length="4"', '"N", length="2,2"')), "2,2"),
        (field(PLAIN.replace("true", '"maybe"')), "required"),
        (field(PLAIN.replace("true", "1")), "required"),
        (field(PLAIN.replace('"a"', '" a"')), "code"),
        (BEHAVIOUR + f"request = [{{{PLAIN}}}, {{{PLAIN}}}]\n", "重复"),
        (BEHAVIOUR + f'request = [{{{PLAIN}}}, {{{PLAIN.replace("a", "b", 1)}, aliases=["a"]}}]\n', "重复"),
    ],
)
def test_a_wrong_transaction_is_refused_with_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(CatalogError) as caught:
        first(tmp_path, t1=text)
    assert "transactions/T" in caught.value.message or "transactions/T1" in str(caught.value.details)
    assert key in caught.value.message


def test_toml_that_does_not_parse_is_a_catalog_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"T1\.toml"):
        first(tmp_path, t1="code = ")


@pytest.mark.parametrize(
    ("printed", "limits"),
    [
        ('type="C", length="20"', (20, None, 0)),
        ('type="C", length="-"', (None, None, 0)),
        ('type="N", length="16,2"', (None, 16, 2)),
        ('type="N", length="(16,4)"', (None, 16, 4)),
        ('type="N", length="8"', (None, 8, 0)),
        ('type="N", length="16位，两位小数", size="16,2"', (None, 16, 2)),
        ('type="C", length="20", size="21"', (21, None, 0)),
        ('type="N", length="20", format="digits"', (20, None, 0)),
        ('type="C(32)", length="32"', (32, None, 0)),
    ],
)
def test_limits_come_from_size_or_else_from_the_printed_length(
    tmp_path: Path, printed: str, limits: tuple[int | None, int | None, int]
) -> None:
    spec = first(tmp_path, t1=field(f'code="a", name="甲", required=true, {printed}')).request[0]
    assert (spec.max_length, spec.digits, spec.decimals) == limits


FACTS = (
    'request = [{code="rows", name="列表", type="List<Row>", length="", required=true, children=['
    '{code="id", name="号", type="C", length="4", required=false},'
    '{code="kind", name="类", type="C", length="4", required=false}]}]\n'
    'response = [{code="rows", name="列表", type="List<Row>", length="", required=true, children=['
    '{code="no", name="号", type="C", length="4", required=true}]}]\n'
)
ROW_LIST = BEHAVIOUR + 'list = "rows"\nanswer_list = "rows"\n'
KEYS = 'keys = [{at="rows", fields=[{code="own", name="自有", type="C", length="4", required=false}]}]\n'


def test_keys_of_the_his_are_read_beside_the_documents_fields_and_are_none_of_them(tmp_path: Path) -> None:
    rule = 'complete = [{field="id", kind="number", by=["own"], at="row", when={field="kind", in=["1"]}}]\n'
    spec = first(tmp_path, t1=ROW_LIST + KEYS + rule + FACTS)
    assert [child.code for child in spec.asked[0].children] == ["id", "kind", "own"]
    assert [child.code for child in spec.request[0].children] == ["id", "kind"]
    (completion,) = spec.completions
    assert (completion.field, completion.kind, completion.by, completion.at) == (
        "id",
        "number",
        ("own",),
        "row",
    )
    assert completion.when is not None


def test_what_an_answer_leaves_ends_and_names_is_read_as_written(tmp_path: Path) -> None:
    rules = (
        'identifiers = [{kind="number", value="no", by=["id"], member=["kind"], at="row"}]\n'
        'forget = [{kind="number", by=["id"], at="row"}]\n'
        'alias = [{kind="a", key=["no"], of_kind="b", of=["id"], at="row"}]\n'
    )
    spec = first(tmp_path, t1=ROW_LIST + rules + FACTS)
    assert spec.identifiers[0].member == ("kind",)
    assert (spec.forgets[0].kind, spec.forgets[0].by) == ("number", ("id",))
    assert (spec.aliases[0].key, spec.aliases[0].of_kind, spec.aliases[0].of) == (("no",), "b", ("id",))


@pytest.mark.parametrize(
    "rule",
    [
        'complete = [{field="xx", kind="number", by=["id"], at="row"}]',
        'complete = [{field="id", kind="number", by=["xx"], at="row"}]',
        'forget = [{kind="number", by=["xx"], at="row"}]',
        'alias = [{kind="a", key=["xx"], of_kind="b", of=["id"], at="row"}]',
        'alias = [{kind="a", key=["no"], of_kind="b", of=["xx"], at="row"}]',
        'identifiers = [{kind="number", value="no", by=["id"], member=["xx"], at="row"}]',
        'deadline = [{midnight=true, of="xx"}]',
        'deadline = [{minutes=30, of="rows"}]',
    ],
)
def test_a_rule_about_a_field_that_does_not_exist_is_an_error(tmp_path: Path, rule: str) -> None:
    with pytest.raises(CatalogError):
        first(tmp_path, t1=ROW_LIST + rule + "\n" + FACTS)
