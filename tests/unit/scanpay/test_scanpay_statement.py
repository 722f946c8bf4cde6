"""ST099's file in every form that the document leaves open, and files that mean harm."""

from __future__ import annotations

import io
import random
import time
import zipfile
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest

from agent.errors import AnswerRejected
from plugins.scanpay.reconciling.statement import MOST_MEMBERS, Row, read_statement
from plugins.scanpay.simulator.state import Entry, Shares
from plugins.scanpay.simulator.statements import Style, statement

CYCLE = "530404010089"
DAY = date(2026, 1, 2).isoformat()
LINE = f"{CYCLE}|pos|D1|JS1|{DAY}|25.00|15.00|10.00|0.00"
PAID = Row("pos", "D1", "JS1", DAY, Decimal("25.00"), Decimal("15.00"), Decimal("10.00"), Decimal("0.00"))


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return b64encode(written.getvalue()).decode("ascii")


def of(text: str, charset: str = "utf-8") -> str:
    return packed(("a.txt", text.encode(charset)))


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
@pytest.mark.parametrize("separator", ["|", "\t"])
@pytest.mark.parametrize("negative", [True, False])
def test_a_file_of_any_style_says_the_same(charset: str, separator: str, negative: bool) -> None:
    shares = Shares(Decimal("25.00"), Decimal("15.00"), Decimal("10.00"), Decimal("0.00"), Decimal(500))
    entries = [Entry(CYCLE, sign, "订单1", "JS1", DAY, shares) for sign in ("pos", "nag")]
    file = statement(CYCLE, entries, Style(separator, charset, negative))
    paid, refunded = read_statement(file, CYCLE)
    assert (paid.orderid, paid.total, paid.fund) == ("订单1", Decimal("25.00"), Decimal("15.00"))
    assert refunded.amounts == tuple(-amount for amount in paid.amounts if amount is not None)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_lines_end_in_any_way_and_blank_ones_count_for_nothing(end: str) -> None:
    assert read_statement(of(f"{LINE}{end}{end}{LINE}{end}"), CYCLE) == (PAID, PAID)


def test_a_heading_a_mark_and_a_separator_at_the_end_are_no_rows() -> None:
    heading = "业务周期号|交易类型|交易订单号|医保交易流水号|交易时间|费用总额|统筹|账户|现金"
    assert read_statement(of(f"\ufeff{heading}\r\n{LINE}|\r\n"), CYCLE) == (PAID,)


def test_base64_in_lines_and_a_cycle_without_rows_are_read() -> None:
    file = of(LINE)
    assert read_statement("\r\n".join(file[n : n + 20] for n in range(0, len(file), 20)), CYCLE) == (PAID,)
    assert read_statement("", CYCLE) == ()
    assert read_statement(of(""), CYCLE) == ()


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(CYCLE, "another"),
        LINE.replace("pos", "pox"),
        LINE.replace("|D1|", "||"),
        LINE.replace("25.00", "25,00"),
        LINE.replace("25.00", "NaN"),
        LINE.replace("25.00", "1E5"),
        LINE.replace(DAY, "2026-13-02"),
        LINE.rpartition("|")[0],
        LINE + "|1|2",
        LINE.replace("|", ";"),
    ],
)
def test_a_line_that_says_something_else_refuses_the_file(line: str) -> None:
    with pytest.raises(AnswerRejected):
        read_statement(of(f"{LINE}\r\n{line}\r\n"), CYCLE)


def lying() -> str:
    """A zip whose directory says that a member is small."""
    honest = io.BytesIO()
    with zipfile.ZipFile(honest, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), b"0" * 10_000_000, compress_type=zipfile.ZIP_DEFLATED)
    raw = bytearray(honest.getvalue())
    directory = raw.rindex(b"PK\x01\x02")
    raw[directory + 24 : directory + 28] = (100).to_bytes(4, "little")
    return b64encode(bytes(raw)).decode("ascii")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("not base64!", "Base64"),
        (b64encode(b"no zip").decode("ascii"), "有效的 zip"),
        (packed(), "1–16 个文件"),
        (packed(*((f"{n}.txt", LINE.encode()) for n in range(MOST_MEMBERS + 1))), "1–16 个文件"),
        (packed(("a.txt", b"0" * 50_000_000)), "压缩比"),
        (packed(("../../a.txt", LINE.encode())), "文件名"),
        (packed(("C:a.txt", LINE.encode())), "文件名"),
        (packed(("/etc/passwd", LINE.encode())), "文件名"),
        (packed(("a.txt", b"\xff\xfe\xff")), "编码"),
        (lying(), "zip"),
        (packed(("a.txt", LINE.encode()), method=zipfile.ZIP_LZMA), "压缩方式"),
        (packed(("a.txt", LINE.encode()), method=zipfile.ZIP_BZIP2), "压缩方式"),
        (of(LINE)[:-40], "有效的 zip"),
    ],
)
def test_a_file_that_means_harm_or_is_broken_is_refused_at_once(file: str, why: str) -> None:
    began = time.process_time()
    with pytest.raises(AnswerRejected, match=why):
        read_statement(file, CYCLE)
    assert time.process_time() - began < 0.5


def test_a_zip_that_is_damaged_anywhere_is_refused_or_says_what_it_said() -> None:
    whole = b64decode(packed(("对账.txt", f"{LINE}\r\n".encode() * 3), ("b.txt", LINE.encode())))
    drawn = random.Random(5)
    for _ in range(3000):
        damaged = bytearray(whole)
        for _ in range(drawn.randint(1, 3)):
            damaged[drawn.randrange(len(damaged))] = drawn.choice((0, 1, 8, 14, 0x80, 0xFF))
        with suppress(AnswerRejected):
            assert set(read_statement(b64encode(damaged).decode("ascii"), CYCLE)) == {PAID}


@pytest.mark.parametrize("amount", ["0.5", ".50", "+0.50", "0.5000"])
def test_amounts_are_read_as_databases_write_them(amount: str) -> None:
    (row,) = read_statement(of(LINE.replace("|0.00", f"|{amount}")), CYCLE)
    assert row.cash == Decimal("0.50")


def test_every_member_may_have_its_own_heading() -> None:
    content = (
        f"业务周期号|交易类型|交易订单号|医保交易流水号|交易时间|费用总额|统筹|账户|现金\n{LINE}".encode(
            "gbk"
        )
    )
    assert read_statement(packed(("a.txt", content), ("b.txt", content)), CYCLE) == (PAID, PAID)


def test_a_member_of_the_largest_size_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(AnswerRejected, match="过大"):
        read_statement(packed(("a.txt", b"\x01" * 70_000_000), method=zipfile.ZIP_STORED), CYCLE)
