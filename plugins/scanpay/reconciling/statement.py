"""ST099's file: Base64 of a zip of one text file, a line for each payment and refund (3.3.2.2).

What the document does not say (anomalies S20) is read in every likely form: GBK or UTF-8, lines that end
with CRLF, LF or CR, columns between ``|`` or tab, refunds positive or negative. The zip is not trusted:
number, names, sizes and compression of its members are bounded before and while they are read, and
nothing of it is written to a disk.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from agent.errors import AnswerRejected
from agent.protocol.matching import answer_refused
from plugins.scanpay.amounts import read_amount

PAYMENT, REFUND = "pos", "nag"
"""RECON_TRADETYPE (3.3.2.2)."""
COLUMNS: Final = 9
MOST_MEMBERS: Final = 16
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all members together: half a million lines."""
MOST_RATIO: Final = 200
_SMALL: Final = 64 * 1024
"""A file of equal lines is compressed well: ratios are judged of what is larger."""

_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What reading a zip raises where its directory, a name or a member was damaged or forged."""
_SEPARATORS: Final = ("|", "\t")
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_NAME: Final = re.compile(r"[^\x00-\x1f\\/:]{1,200}")
_HEADING: Final = "业务周期号"
_ENCRYPTED: Final = 0x1
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those of every zip program; the others bring decoders with errors of their own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A payment or refund, on either side. ``number`` is the platform's 医保交易流水号, "" where it is not
    known. Amounts of refunds are negative; a share is None where it is not known."""

    sign: str
    orderid: str
    number: str
    day: str
    total: Decimal = field(repr=False)
    fund: Decimal | None = field(default=None, repr=False)
    account: Decimal | None = field(default=None, repr=False)
    cash: Decimal | None = field(default=None, repr=False)

    @property
    def amounts(self) -> tuple[Decimal | None, ...]:
        return (self.total, self.fund, self.account, self.cash)


def read_statement(file: str, cycle: str) -> tuple[Row, ...]:
    """The rows of a cycle's file; ``file`` "" is a cycle without any. Raises AnswerRejected."""
    if not file.strip():
        return ()
    lines = [line for text in _texts(file) for line in _lines(text)]
    if not lines:
        return ()
    separator = _separator(lines[0])
    return tuple(_row(line, separator, cycle) for line in lines)


# -- the zip ----------------------------------------------------------------------------------------
def _texts(file: str) -> list[str]:
    try:
        packed = b64decode("".join(file.split()), validate=True)
    except (Base64Error, ValueError):
        raise _refused("对账文件不是 Base64", "not base64") from None
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _demand_bounded(members)
            return [_text(_content(archive, member)) for member in members]
    except _BROKEN as error:
        raise _refused("对账文件不是有效的 zip", type(error).__name__) from None


def _demand_bounded(members: list[zipfile.ZipInfo]) -> None:
    """Of what the directory of the zip declares. Raises AnswerRejected."""
    if not members or len(members) > MOST_MEMBERS:
        raise _refused(f"对账文件的 zip 应含 1–{MOST_MEMBERS} 个文件", "members")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise _refused("对账文件解压后过大", "too large")
    for member in members:
        if member.file_size > max(_SMALL, MOST_RATIO * member.compress_size):
            raise _refused("对账文件的压缩比异常", "ratio")
        if not _NAME.fullmatch(member.filename) or member.filename in {".", ".."}:
            raise _refused("对账文件的 zip 中有不安全的文件名", "name")
        if member.compress_type not in _COMPRESSIONS:
            raise _refused("对账文件的 zip 用了不支持的压缩方式", "compression")
        if member.flag_bits & _ENCRYPTED:
            raise _refused("对账文件的 zip 有口令", "encrypted")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """What a member holds, which may be more than it declares. Raises AnswerRejected."""
    with archive.open(member) as opened:
        content = opened.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise _refused("对账文件的 zip 与其目录不符", "size")
    return content


def _text(content: bytes) -> str:
    for charset in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(charset)
        except UnicodeDecodeError:
            continue
    raise _refused("对账文件的编码不是 UTF-8 或 GBK", "charset")


# -- lines ------------------------------------------------------------------------------------------
def _lines(text: str) -> list[str]:
    """The lines of one member that say something, without its heading."""
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    return lines[1:] if lines and lines[0].startswith(_HEADING) else lines


def _separator(line: str) -> str:
    for separator in _SEPARATORS:
        if len(_columns(line, separator)) == COLUMNS:
            return separator
    raise _refused(f"对账文件每行应有 {COLUMNS} 列，以 | 或制表符分隔", "columns")


def _columns(line: str, separator: str) -> list[str]:
    columns = [column.strip() for column in line.split(separator)]
    return columns[:-1] if len(columns) == COLUMNS + 1 and not columns[-1] else columns


def _row(line: str, separator: str, cycle: str) -> Row:
    columns = _columns(line, separator)
    if len(columns) != COLUMNS:
        raise _refused(f"对账文件每行应有 {COLUMNS} 列", "columns")
    of_cycle, sign, orderid, number, day = columns[:5]
    if of_cycle != cycle:
        raise _refused("对账文件不属于本业务周期", "another cycle")
    sign = sign.lower()
    if sign not in (PAYMENT, REFUND) or not orderid:
        raise _refused("对账文件的交易类型或订单号不正确", "kind")
    return Row(sign, orderid, number, _day(day), *(_amount(column, sign) for column in columns[5:]))


def _day(text: str) -> str:
    """``yyyy-mm-dd``; a time of day behind it is left out."""
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise _refused("对账文件的交易时间不正确", "day") from None


def _amount(text: str, sign: str) -> Decimal:
    amount = read_amount(text)
    if amount is None:
        raise _refused("对账文件的金额不正确", "amount")
    return -abs(amount) if sign == REFUND else amount


def _refused(message: str, reason: str) -> AnswerRejected:
    return answer_refused(message, f"statement: {reason}")
