import pytest

from tests.unit.submissions.words import failure, read_one, rules_broken

ORDER = """<?xml version="1.0" encoding="UTF-8"?>
<transdata>
  <orderid>O1</orderid>
  <orderdata>
    <username>张三</username>
    <prescriptions>
      <row><no>1</no><items><row><amount>1.10</amount></row></items></row>
      <row><no>2</no><items/></row>
    </prescriptions>
  </orderdata>
</transdata>
"""


def test_order_is_read_as_the_document_writes_it() -> None:
    submission = read_one(ORDER, "PAY__HIS-1.xml")
    assert (submission.transaction, submission.id) == ("PAY", "HIS-1")
    assert submission.data == {
        "orderid": "O1",
        "orderdata": {
            "username": "张三",
            "prescriptions": [{"no": "1", "items": [{"amount": "1.10"}]}, {"no": "2", "items": []}],
        },
    }
    assert list(submission.data) == ["orderid", "orderdata"]


def read_data(inner: str) -> object:
    return read_one(f"<data>{inner}</data>", "PAY__1.xml").data


def test_repeated_elements_are_a_list_in_their_order() -> None:
    assert read_data("<a>2</a><b>x</b><a>1</a><a/>") == {"a": ["2", "1", ""], "b": "x"}


def test_single_row_is_a_list() -> None:
    assert read_data("<any><row><no>1</no></row></any>") == {"any": [{"no": "1"}]}


def test_element_that_the_vocabulary_calls_a_list_is_one_even_when_it_comes_once() -> None:
    assert read_data("<prescriptions><no>1</no></prescriptions>") == {"prescriptions": [{"no": "1"}]}


def test_text_keeps_its_characters() -> None:
    assert read_data("<a> 1 &lt;&#x4E2D;<![CDATA[<b>]]> </a>") == {"a": " 1 <中<b> "}


def test_comments_and_instructions_are_ignored() -> None:
    assert read_data("<?x y?><!-- no --><a>1</a>") == {"a": "1"}


BOMB = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><data><x>&b;</x></data>'


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (BOMB, "xml_doctype"),
        ('<!DOCTYPE d SYSTEM "file:///etc/hostname"><data><x>1</x></data>', "xml_doctype"),
        ("<!DOCTYPE data><data><x>1</x></data>", "xml_doctype"),
        ("<data><x>&unknown;</x></data>", "xml_syntax"),
        ("<data><x>1</x>", "xml_syntax"),
        ("<data><x>1</y></data>", "xml_syntax"),
        ("<data><x>1</x></data><data/>", "xml_syntax"),
        ("<orderdata><x>1</x></orderdata>", "xml_root"),
        ("<data>text</data>", "xml_empty"),
        ("<data/>", "xml_empty"),
        ("<data><row><x>1</x></row></data>", "xml_empty"),
        ('<data><x kind="a">1</x></data>', "xml_attribute"),
        ('<data xmlns="urn:x"><x>1</x></data>', "xml_attribute"),
        ("<data><x>1<y>2</y></x></data>", "xml_mixed"),
        ("<data>" + "<x>" * 40 + "</x>" * 40 + "</data>", "xml_depth"),
        ("<data>" + "<x/>" * 200_001 + "</data>", "xml_size"),
        ("<data>" * 1_000_000, "xml_depth"),
        ("<data><x>&#xFFFD;</x></data>", "unfit_characters"),
        ("<data><username>张?</username></data>", "question_mark_in_name"),
    ],
    ids=range(19),
)
def test_what_would_be_lost_or_is_an_attack_is_refused(text: str, rule: str) -> None:
    assert rules_broken(text, "PAY__1.xml") == [rule]


def test_file_name_must_carry_the_keys() -> None:
    assert rules_broken(ORDER, "order.xml") == ["missing_transaction", "missing_id"]


def test_broken_xml_still_tells_whose_file_it_is() -> None:
    failed = failure("<data>", "PAY__HIS-1.xml")
    assert (failed.transaction, failed.id) == ("PAY", "HIS-1")
