"""Signature profiles: what is signed, how, and how it is written.

The document leaves algorithm and source string to a vendor package (anomalies S09). A profile names what
is known to vary: the order of pairs, which of them, empty ones kept or not, hash, encodings, and whether
messages are encrypted. The default is the most likely by what its predecessor published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final


class Hash(StrEnum):
    """Over the source string's bytes; ``SHA1_HEX`` signs the hexadecimal digest of them."""

    SHA1_HEX = "sha1-hex"
    SHA1 = "sha1"
    SHA256 = "sha256"
    MD5 = "md5"
    SM3 = "sm3"


class Order(StrEnum):
    ASCII = "ascii"
    """Sorted by name, as a Java TreeMap does."""
    RECEIVED = "received"
    """As they stand in the message."""
    LISTED = "listed"
    """As the profile's ``fields`` list them."""


class Form(StrEnum):
    BASE64 = "base64"
    HEX = "hex"


class Envelope(StrEnum):
    PLAIN = "plain"
    DES = "des"
    """encryptkey (RSA) and encrpteddata (DES/ECB/PKCS5 over the pairs with their signatures)."""


SIGNATURE_ENDING: Final = "signature"
"""Names that end so are signatures, in whatever spelling: never part of what is signed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """``fields`` are the names that are signed, all with ()."""

    hash: Hash = Hash.SHA1_HEX
    order: Order = Order.ASCII
    fields: tuple[str, ...] = ()
    empty: bool = True
    form: Form = Form.BASE64
    charset: str = "utf-8"
    envelope: Envelope = Envelope.PLAIN

    def source(self, pairs: Iterable[tuple[str, str]]) -> bytes:
        """What is signed: ``name=value`` joined by ``&``, values as they are."""
        chosen = [
            (name, value)
            for name, value in pairs
            if not name.lower().endswith(SIGNATURE_ENDING)
            and (not self.fields or name.lower() in self.fields)
            and (value or self.empty)
        ]
        if self.order is Order.ASCII:
            chosen.sort(key=lambda pair: pair[0])
        elif self.order is Order.LISTED:
            chosen.sort(key=lambda pair: self.fields.index(pair[0].lower()))
        return "&".join(f"{name}={value}" for name, value in chosen).encode(self.charset, "replace")

    def settings(self) -> str:
        """The lines of configuration that choose it."""
        lines = [f'signature_hash = "{self.hash}"', f'signature_order = "{self.order}"']
        lines += [f"signature_fields = [{', '.join(f'{chr(34)}{name}{chr(34)}' for name in self.fields)}]"]
        lines += [f"signature_empty = {str(self.empty).lower()}", f'signature_form = "{self.form}"']
        return "\n".join([*lines, f'signature_charset = "{self.charset}"'])


def candidates() -> Iterator[Profile]:
    """Every profile that is worth trying against a recorded answer, the likely ones first."""
    only_data = (("transdata",),)
    for fields, empty, order, charset, form, hash_ in product(
        ((), *only_data), (True, False), (Order.ASCII, Order.RECEIVED), ("utf-8", "gbk"), Form, Hash
    ):
        yield Profile(hash_, order, fields, empty, form, charset)
