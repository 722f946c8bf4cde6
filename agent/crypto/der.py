"""DER (X.690), as much as keys and SM2 signatures need, and strictly.

Strict means: one encoding per value. Indefinite or padded lengths, padded or negative integers,
content that runs past its frame and bytes after the end are all refused. Every refusal is a plain
``CryptoError``; the callers turn it into the error of their own trade.
"""

from __future__ import annotations

from agent.errors import CryptoError

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
TAGGED_0 = 0xA0
TAGGED_1 = 0xA1

_LONGEST_LENGTH_FIELD = 4


def _refusal(reason: str) -> CryptoError:
    return CryptoError("DER 编码不正确", hint="请确认内容完整、未被截断或改动", details={"reason": reason})


class Reader:
    """Reads one element after another from ``content``. Raises ``CryptoError``."""

    __slots__ = ("_content", "_offset")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._offset = 0

    def next_tag(self) -> int | None:
        """The tag that comes next, or None at the end."""
        return None if self._offset >= len(self._content) else self._content[self._offset]

    def read(self, tag: int) -> bytes:
        """The content of the next element, which must have this tag."""
        if self.next_tag() != tag:
            raise _refusal("unexpected tag")
        self._offset += 1
        length = self._read_length()
        start, self._offset = self._offset, self._offset + length
        if self._offset > len(self._content):
            raise _refusal("content runs past the end")
        return self._content[start : self._offset]

    def skip(self) -> None:
        """Passes over one element of any tag."""
        tag = self.next_tag()
        if tag is None:
            raise _refusal("nothing left to skip")
        self.read(tag)

    def enter(self, tag: int) -> Reader:
        """A reader of the content of the next element."""
        return Reader(self.read(tag))

    def read_integer(self) -> int:
        """A non-negative integer in its shortest form."""
        content = self.read(INTEGER)
        if not content:
            raise _refusal("empty integer")
        if content[0] & 0x80:
            raise _refusal("negative integer")
        if content[0] == 0 and len(content) > 1 and not content[1] & 0x80:
            raise _refusal("padded integer")
        return int.from_bytes(content, "big")

    def read_bit_string(self) -> bytes:
        """A bit string of whole bytes."""
        content = self.read(BIT_STRING)
        if not content or content[0] != 0:
            raise _refusal("bit string with unused bits")
        return content[1:]

    def finish(self) -> None:
        """Refuses bytes after the last element."""
        if self.next_tag() is not None:
            raise _refusal("trailing bytes")

    def _read_length(self) -> int:
        first = self._take(1)[0]
        if first < 0x80:
            return first
        count = first & 0x7F
        if not 1 <= count <= _LONGEST_LENGTH_FIELD:
            raise _refusal("indefinite or oversized length")
        field = self._take(count)
        length = int.from_bytes(field, "big")
        if field[0] == 0 or length < 0x80:
            raise _refusal("padded length")
        return length

    def _take(self, count: int) -> bytes:
        start, self._offset = self._offset, self._offset + count
        if self._offset > len(self._content):
            raise _refusal("cut short")
        return self._content[start : self._offset]


def element(tag: int, *contents: bytes) -> bytes:
    """One element whose content is the ``contents``, joined."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    field = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(field))) + field + content


def integer(value: int) -> bytes:
    """A non-negative integer: one more bit than it needs, so that it is not read as negative."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bit_string(content: bytes) -> bytes:
    return element(BIT_STRING, b"\0", content)
