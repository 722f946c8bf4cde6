"""Bytes to text (his-contract, "Encodings"): configured or detected, never guessed.

Detection: a byte order mark decides; else strict UTF-8; else GB18030. Some short GBK text is also
valid UTF-8: where UTF-8 yields no Chinese but characters of U+0080-U+07FF, and GB18030 yields
Chinese, both readings are possible and the text is refused.
"""

from __future__ import annotations

import codecs
import re

from agent.submissions.rules import Encoding

_CHINESE = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_TWO_BYTES = re.compile("[\u0080-\u07ff]")
_MARKS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    ("\ufeff".encode("gb18030"), "gb18030"),
)


class EncodingRefused(ValueError):
    """``rule`` is a stable English name, the message Chinese."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def decode(raw: bytes, encoding: Encoding = "auto") -> str:
    """The text without its byte order mark. Raises EncodingRefused."""
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    marked = next((name for mark, name in _MARKS if raw.startswith(mark)), None)
    if marked is not None:
        if encoding not in ("auto", marked):
            raise EncodingRefused(
                "encoding_mismatch", f"文件带有 {marked} 的字节顺序标记，但本目录配置的编码是 {encoding}"
            )
        text = _strict(raw, marked)
    elif encoding == "utf-16":
        raise EncodingRefused("encoding_broken", "UTF-16 文件必须带有字节顺序标记（BOM）")
    elif encoding == "auto":
        text = _detected(raw)
    else:
        text = _strict(raw, encoding)
    return _undamaged(text.removeprefix("\ufeff"))


def _strict(raw: bytes, encoding: Encoding) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise EncodingRefused(
            "encoding_broken", f"第 {error.start + 1} 个字节起不是有效的 {encoding} 编码，文件可能已损坏"
        ) from None


def _detected(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _gb18030_or_broken(raw)
    if not text.isascii() and not _CHINESE.search(text) and _TWO_BYTES.search(text) and _reads_chinese(raw):
        raise EncodingRefused(
            "encoding_ambiguous",
            "无法判断编码：按 UTF-8 和 GB18030 都能读出文字，请为本目录配置编码，或写成带 BOM 的 UTF-8",
        )
    return text


def _gb18030_or_broken(raw: bytes) -> str:
    try:
        return raw.decode("gb18030")
    except UnicodeDecodeError:
        raise EncodingRefused(
            "encoding_broken", "既不是有效的 UTF-8，也不是有效的 GB18030，文件可能已损坏"
        ) from None


def _reads_chinese(raw: bytes) -> bool:
    try:
        return _CHINESE.search(raw.decode("gb18030")) is not None
    except UnicodeDecodeError:
        return False


def _undamaged(text: str) -> str:
    if "\ufffd" in text:
        raise EncodingRefused("replacement_character", "文件中有替换字符 U+FFFD（�），说明写出前文字已经损坏")
    if "\0" in text:
        raise EncodingRefused("nul_character", "文件中有空字符（NUL），不是文本文件或已损坏")
    return text
