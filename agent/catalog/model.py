"""What a catalog says, as types.

A catalog describes one system's transactions, code tables and error codes. It is data, read once
and never changed: everything here is frozen. ``docs/catalogs.md`` explains the files behind it.

Field codes are those of the wire, names and notes the document's own words. ``type`` and
``length`` keep what the document prints, for comparison; the checks use ``kind`` and the limits
that the loader derived from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

Kind = Literal["text", "number", "list", "object"]
Required = bool | Literal["conditional"]
Level = Literal["head", "row"]
Side = Literal["request", "response"]

KINDS: Final = ("text", "number", "list", "object")
LEVELS: Final = ("head", "row")
TRANSACTION_KINDS: Final = (
    "query",
    "upload",
    "revoke",
    "download",
    "feedback",
    "attachment",
    "monthly",
    "inquiry",
    "probe",
)
CLASSES: Final = ("interactive", "bulk")
SCOPE_MODES: Final = ("exclusive", "shared", "whole")
SENSITIVE_KINDS: Final = (
    "name",
    "id_number",
    "card",
    "account",
    "phone",
    "address",
    "email",
    "number",
    "file",
    "text",
)
FAULT_RULES: Final = (
    "missing",
    "unwanted",
    "type",
    "characters",
    "length",
    "number",
    "precision",
    "format",
    "table",
    "value",
    "array",
    "limit",
    "empty",
    "size",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A test on another field: its value is among ``among``, is not among ``excluding``, or is there.

    ``field`` is looked for in the object that holds the field, then in the objects around it. A
    dotted path (``filelist.filetype``) asks whether any element of that list passes. An absent
    value is among nothing and excluded by nothing.
    """

    field: str
    among: frozenset[str] | None = None
    excluding: frozenset[str] | None = None
    present: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FieldSpec:
    """One field of a message.

    ``max_length`` and ``min_length`` count characters of a text; ``digits`` and ``decimals`` bound
    a number: at most ``digits - decimals`` before the point and ``decimals`` after it. ``when``
    names the conditions (all must hold) under which a conditional field is mandatory, ``empty``
    those under which it must not be sent. An absent value stands for ``absent_as`` while all of
    ``absent_when`` hold. ``codes`` gives the system's own error code per fault
    rule, ``aliases`` other spellings that are accepted and written back as ``code``.
    """

    code: str
    name: str
    type: str
    length: str
    required: Required
    kind: Kind
    max_length: int | None = None
    min_length: int | None = None
    digits: int | None = None
    decimals: int = 0
    max_items: int | None = None
    table: str = ""
    one_of: tuple[str, ...] = ()
    format: str = ""
    max_bytes: int | None = None
    note: str = ""
    sensitive: str = ""
    when: tuple[Condition, ...] = ()
    empty: tuple[Condition, ...] = ()
    absent_as: str = ""
    absent_when: tuple[Condition, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    children: tuple[FieldSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """Whose affairs a message touches: messages that share a scope keep their order.

    ``fields`` make the key, read from the head or from each row of the transaction's ``list``.
    ``constant`` is a fixed key instead of fields. A rule whose fields are not all there gives no
    scope. ``mode``: ``exclusive`` (alone on it), ``shared`` (beside other shared holders),
    ``whole`` (alone on it and on everything within it).
    """

    kind: str
    fields: tuple[str, ...] = ()
    at: Level = "head"
    mode: str = "exclusive"
    constant: str = ""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A fact that an accepted answer yields: ``value`` names its field, ``by`` the key to find it under,
    ``member`` the fields that tell it from others of that key.

    All are read from the answer, or else from the request. With ``list`` each element of that list in
    the row gives one.
    """

    kind: str
    value: str
    by: tuple[str, ...]
    at: Level = "head"
    member: tuple[str, ...] = ()
    list: str = ""


@dataclass(frozen=True, slots=True)
class ForgetRule:
    """Facts that hold no more once the transaction is accepted: those of ``kind`` under the key ``by``."""

    kind: str
    by: tuple[str, ...]
    at: Level = "head"


@dataclass(frozen=True, slots=True)
class AliasRule:
    """A second name of a scope, learnt from an accepted answer: from then on the scope ``kind`` of the
    fields ``key`` is the scope ``of_kind`` of the fields ``of``."""

    kind: str
    key: tuple[str, ...]
    of_kind: str
    of: tuple[str, ...]
    at: Level = "head"


@dataclass(frozen=True, slots=True)
class CompletionRule:
    """A field that a HIS may leave out where it gives its own keys ``by``: the fact of ``kind`` under
    that key fills it when the message is sent. ``list`` is a list in each row; ``when`` must hold."""

    field: str
    kind: str
    by: tuple[str, ...]
    at: Level = "head"
    list: str = ""
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """The latest time to send, from the business time: after ``minutes``, ``days``, or at midnight, of the
    day in the head's field ``of`` where one is named."""

    minutes: int | None = None
    days: int | None = None
    midnight: bool = False
    of: str = ""


@dataclass(frozen=True, slots=True)
class BatchRule:
    """A submission sent in several messages under one number that the first answer gives.

    ``number`` is the request's field for it; ``kind`` the identifier that keeps it, and by whose key it is
    found again; ``last`` the field that says whether more is to come, in all messages but the last
    with the value ``more``; ``done`` the answer's field that ends the batch.
    """

    number: str
    kind: str
    last: str
    more: str
    done: str


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One code table. A code may carry several names. ``open``: unknown codes pass (error codes)."""

    name: str
    title: str
    codes: Mapping[str, tuple[str, ...]]
    open: bool = False

    def __contains__(self, code: str) -> bool:
        return code in self.codes


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields around the business data, each part in document order."""

    header: tuple[FieldSpec, ...] = ()
    request: tuple[FieldSpec, ...] = ()
    response: tuple[FieldSpec, ...] = ()
    response_head: tuple[FieldSpec, ...] = ()


@dataclass(frozen=True, eq=False)
class TransactionSpec:
    """One transaction: what the document says of it and how the agent treats it.

    ``section`` is where the document describes it. ``list`` is the row list of the request that may
    be split into messages of ``max_rows``; ``answer_list`` the row list of the answer. ``row_key``
    finds a row again in the answer. ``keys`` are fields that the document lacks and the agent reads to
    complete others, by where they stand: "" for the head, ``list``, ``list.inner``. ``guarded``: a
    repetition cannot take effect twice. ``repeatable``: nothing settles an unknown outcome, and sending
    it again does no harm; it then
    carries a new number in the field ``renew``, if one is named. ``already_there`` and
    ``not_processed`` are the system's codes for "done before" and "not done at all". ``inquiry``
    settles an unknown outcome and holds the lane for at most ``inquiry_hold_s``; with ``inquiry_beside``
    it holds the message's scopes alone. ``doubt`` tells the
    person who has to settle it where to look, and what each choice then does (Chinese). ``batch``: the
    messages of one submission go under one number. ``rules`` names checks across fields that the plugin
    implements.
    """

    code: str
    name: str
    section: str
    caller: str
    frequency: str
    description: str
    kind: str
    class_: str
    request: tuple[FieldSpec, ...]
    response: tuple[FieldSpec, ...]
    table: Callable[[str], CodeTable] = field(repr=False)
    max_rows: int | None = None
    list: str = ""
    answer_list: str = ""
    row_key: tuple[str, ...] = ()
    scopes: tuple[ScopeRule, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    forgets: tuple[ForgetRule, ...] = ()
    aliases: tuple[AliasRule, ...] = ()
    completions: tuple[CompletionRule, ...] = ()
    keys: Mapping[str, tuple[FieldSpec, ...]] = field(default_factory=dict)
    inquiry: str = ""
    inquiry_hold_s: int = 0
    inquiry_beside: bool = False
    doubt: str = ""
    guarded: bool = False
    repeatable: bool = False
    renew: str = ""
    already_there: tuple[str, ...] = ()
    not_processed: tuple[str, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    on_refusal: str = ""
    batch: BatchRule | None = None
    blocks_expired: bool = False
    rules: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[FieldSpec, ...]:
        """What a HIS may write: the request's fields and the keys of its own beside them."""
        return _with_keys(self.request, self.keys, "") if self.keys else self.request

    def side(self, side: Side) -> tuple[FieldSpec, ...]:
        return self.request if side == "request" else self.response


def _with_keys(
    fields: tuple[FieldSpec, ...], keys: Mapping[str, tuple[FieldSpec, ...]], place: str
) -> tuple[FieldSpec, ...]:
    inner = {spec.code: f"{place}.{spec.code}" if place else spec.code for spec in fields}
    grown = [
        replace(spec, children=_with_keys(spec.children, keys, inner[spec.code])) if spec.children else spec
        for spec in fields
    ]
    return (*grown, *keys.get(place, ()))


class CatalogSource(Protocol):
    """Reads the parts of a catalog on demand; every error is a ``CatalogError``."""

    def transaction(self, code: str) -> TransactionSpec: ...

    def tables(self) -> Mapping[str, CodeTable]: ...

    def errors(self) -> Mapping[str, str]: ...

    def error_tables(self) -> Mapping[str, CodeTable]: ...

    def envelope(self) -> Envelope: ...


@dataclass(frozen=True, eq=False)
class Catalog:
    """One system's catalog. The index is there at once, the rest is read when first asked for."""

    system: str
    title: str
    version: str
    transactions: tuple[str, ...]
    source: CatalogSource = field(repr=False)

    def __contains__(self, code: str) -> bool:
        return code in self.transactions

    def __iter__(self) -> Iterator[TransactionSpec]:
        return (self.source.transaction(code) for code in self.transactions)

    def transaction(self, code: str) -> TransactionSpec:
        """The transaction ``code``. Raises CatalogError when the catalog has none of that code."""
        return self.source.transaction(code)

    @property
    def tables(self) -> Mapping[str, CodeTable]:
        """The code tables by name, without those of error codes."""
        return self.source.tables()

    @property
    def errors(self) -> Mapping[str, str]:
        """Every error code of the system with its text, in document order."""
        return self.source.errors()

    @property
    def error_tables(self) -> Mapping[str, CodeTable]:
        """The error codes as tables (CODE, BUSI_CODE); open, since systems add codes."""
        return self.source.error_tables()

    @property
    def envelope(self) -> Envelope:
        return self.source.envelope()
