"""Trace codes as scanners deliver them: framing goes, the code stays whole, other codes are named."""

from __future__ import annotations

import pytest

from agent.protocol.tracecodes import GS, NoTraceCode, TraceForm, read_trace_code

TWENTY = "81234567890123456789"
ELEMENTS = f"01069012345678921727123110LOT7{GS}21SER0001"


@pytest.mark.parametrize(
    "scan",
    [
        TWENTY,
        f"{TWENTY}\r\n",
        f"\x02{TWENTY}\x03",
        f" ]C0{TWENTY}\r",
        "８１２３４５６７８９０１２３４５６７８９",
        f"\n{TWENTY}",
    ],
    ids=repr,
)
def test_a_framed_code_of_20_characters_is_that_code(scan: str) -> None:
    code = read_trace_code(scan)
    assert (code.code, code.form, code.drug) == (TWENTY, TraceForm.TWENTY, "8123456")


def test_letters_are_legal_and_keep_their_case() -> None:
    assert read_trace_code("84aB2C3D4E5F6G7H8J9K").code == "84aB2C3D4E5F6G7H8J9K"


@pytest.mark.parametrize(
    "scan",
    [
        ELEMENTS,
        f"]d2{ELEMENTS}\r",
        f"]C1{GS}{ELEMENTS}{GS}",
        f"{GS}{ELEMENTS}",
        "(01)06901234567892(17)271231(10)LOT7(21)SER0001",
    ],
    ids=repr,
)
def test_a_gs1_code_keeps_its_separators_and_tells_its_drug(scan: str) -> None:
    code = read_trace_code(scan)
    assert (code.code, code.form, code.drug) == (ELEMENTS, TraceForm.GS1, "06901234567892")


def test_a_separator_after_an_element_of_fixed_length_is_tolerated_and_kept() -> None:
    text = f"0106901234567892{GS}21SER0001"
    assert read_trace_code(text).code == text
    assert read_trace_code(text).form is TraceForm.GS1


@pytest.mark.parametrize("text", ["MA.156.M0.100115", "IDCODE0123456789XYZ", "(01)0690(odd"])
def test_a_makers_own_code_passes_as_it_is(text: str) -> None:
    code = read_trace_code(text)
    assert (code.code, code.form, code.drug) == (text, TraceForm.OTHER, "")


@pytest.mark.parametrize(
    ("scan", "why"),
    [
        ("", "没有内容"),
        (" \r\n", "没有内容"),
        ("6901234567892", "商品条码"),
        ("96385074", "商品条码"),
        ("06901234567892", "商品条码"),
        ("86901234567892", "本位码"),
        (f"010690123456789210LOT7{GS}17271231", "序列号"),
        ("8123456789012345678药", "不会有的字符"),
        ("81234 67890123456789", "不会有的字符"),
        ("A" * 101, "100 个字符"),
        ("https://a.cn/trace", "网址"),
    ],
)
def test_what_is_no_trace_code_is_refused_with_the_reason(scan: str, why: str) -> None:
    with pytest.raises(NoTraceCode) as caught:
        read_trace_code(scan)
    assert why in caught.value.why
    assert not scan or scan not in caught.value.why
