"""What travels through the agent: frozen values, each step takes one type and returns the next.

::

    Event ─ intake ─▶ Submission ─ adapter.plan ─▶ Draft… ─ outbox ─▶ claim ─ adapter.encode ─▶ Request
                                                                                                  │
    result file ◀─ replies ◀─ outbox.settle ◀─ Outcome ◀─ adapter.interpret ◀─ Response ◀─ transport

Values that may hold personal data mask themselves in ``repr``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from agent.errors import Fault

Json: TypeAlias = Any
"""None, bool, int, Decimal, str, list or dict with str keys: JSON as ``agent.jsontext`` reads it."""

JsonObject: TypeAlias = dict[str, Any]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")

SLOT = "$slot"
"""The only key of a JSON object that stands for a value which does not exist yet."""


FILE = "$file"
"""The only key of a JSON object that stands for a file's content in Base64; its value is the digest."""


class EventKind(StrEnum):
    FILE = "file"
    SCAN = "scan"
    CARD = "card"
    TICK = "tick"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a source saw. ``id`` is unique for ever; replaying an event changes nothing."""

    id: str
    source: str
    kind: EventKind
    name: str = field(repr=False)
    received_at: datetime
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that lies beside a submission and is named by it. ``type`` is what its content says: pdf,
    jpg, png, bmp, "" for anything else; ``digest`` is its SHA-256 in hexadecimal."""

    type: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class FileReference:
    """Where a submission's data names a file of the same folder."""

    name: str = field(repr=False)
    pointer: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the agent read by itself out of a scanned code of a submission: values by the document's field
    codes, or the faults why it could not. No part of what makes two submissions the same."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitItem:
    """One item of a wait for trace codes: a row of the submission's list, counted from 0, and how many codes
    it takes. ``drug`` (药品标识码 or GTIN) says which codes are its own; "" lets the first code say it.
    ``split``: 拆零, one box may be scanned again."""

    row: int
    count: int
    drug: str = ""
    name: str = field(default="", repr=False)
    split: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """What a submission waits for: a scan or a card of ``kind`` (``ecredential``, ``esscard``,
    ``tracecode``, ``card``) at ``station``. ``items`` as far as the HIS listed them."""

    kind: str
    station: str
    timeout_s: int
    items: tuple[WaitItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was scanned or read: ``text`` of a code, ``values`` of a card by name, ``codes`` by the row of
    the submission's list for trace codes."""

    kind: str
    text: str = field(default="", repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the platform answered to a card's challenges (GYD055: AAZ508, AAZ509); ``external`` "" where
    none was asked for."""

    internal: str = field(default="", repr=False)
    external: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a HIS asks for, read but not yet judged (his-contract, "A submission").

    ``data`` is the business object with the document's codes. ``id`` is the HIS's own key, unique
    per system and transaction. ``now`` lets a query overtake its own scope. ``force``: what the agent
    knows of earlier messages refuses nothing, it only warns. ``occurred_at`` is always there when an
    adapter plans: what the HIS gave, else the file's time.
    """

    system: str
    transaction: str
    id: str
    data: JsonObject = field(repr=False)
    occurred_at: datetime | None = None
    valid_until: datetime | None = None
    seq: int | None = None
    after: str = ""
    replaces: str = ""
    now: bool = False
    force: bool = False
    attachments: Mapping[str, Attachment] = field(default_factory=dict, repr=False)
    """The files that the data names, by name, as far as they are there. What is planned while some are
    missing is only a stand-in that keeps the submission's place."""
    internal: bool = False
    """Made by the agent itself (a schedule, an operator's download): no result file tells of it."""
    scanned_at: datetime | None = None
    """When the code in the data was scanned, where the HIS says so."""
    decoded: Decoded | None = None
    wait: Wait | None = None
    """What is scanned or read before it can be planned."""


class Hold(StrEnum):
    """How a message holds a scope.

    ``EXCLUSIVE`` waits for every earlier holder and lets none beside it. ``SHARED`` stands beside
    other shared holders: a visit's message shares its institution, which only a statement holds
    exclusively. ``OBSERVER`` waits for exclusive holders before it and holds nobody up: a query.
    """

    EXCLUSIVE = "exclusive"
    SHARED = "shared"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a message is about, for order and blocking: a visit, an institution, an order."""

    kind: str
    key: tuple[str, ...] = field(repr=False)
    hold: Hold = Hold.EXCLUSIVE
    broad: bool = False
    """Covers other scopes (an institution): a blocked holder does not pass its blocking on by it."""


@dataclass(frozen=True, slots=True)
class Series:
    """A number series that wire numbers are drawn from: ``digits`` wide, per day where ``daily``."""

    name: str
    digits: int
    daily: bool


@dataclass(frozen=True, slots=True)
class Draw:
    """A number of ours that stands in the business data. ``form`` makes its text, by ``str.format``,
    of ``day`` (a date) and ``serial``, the number drawn from ``series``."""

    series: Series
    form: str


@dataclass(frozen=True, slots=True)
class Need:
    """A value to be filled in when the message is claimed.

    ``slot`` is the name used in the body (``{"$slot": name}``). With ``identifier`` set it comes
    from the identifiers of the system (kind, key), else from what earlier messages of the same
    submission gave. With ``draw`` it is drawn when nothing gave it, once: every later claim finds the
    same. A missing required value refuses the message, a missing other one becomes "".
    """

    slot: str
    identifier: str = ""
    key: tuple[str, ...] = field(default=(), repr=False)
    required: bool = True
    draw: Draw | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when the platform wants a message: so long after the business happened, of a follow-up after
    it came to be. ``about`` is the document's demand in Chinese, for status and log."""

    after_s: int
    about: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One transaction to be sent, without wire numbers; becomes one message of the outbox.

    ``body`` is normalised business data. ``rows`` is the half-open range of the submission's row
    list that this draft carries. ``harmless`` changes nothing and is repeated without asking (queries,
    probes). ``repeatable``: sent once more after a doubt it does no harm, and no inquiry is needed.
    ``parallel`` travels beside its lane. ``blocks``/``blockable`` say whether its failure blocks
    its scopes and whether failures before it block it; ``expiry_blocks`` the same for expiry.
    """

    transaction: str
    lane: str
    body: JsonObject = field(repr=False)
    scopes: tuple[Scope, ...] = ()
    rows: tuple[int, int] | None = None
    interactive: bool = True
    parallel: bool = False
    harmless: bool = False
    repeatable: bool = False
    blocks: bool = True
    blockable: bool = True
    expiry_blocks: bool = False
    needs: tuple[Need, ...] = ()
    stop_on_refusal: bool = False
    """A partial refusal, too, cancels the messages after it of the same submission."""
    cancels: bool = True
    """Its refusal cancels the messages after it of the same submission."""
    gated: bool = False
    """Of a follow-up: not to be sent before the downloads of its parent are on disk."""
    apart: bool = False
    """Of a follow-up: stands behind all that its submission has so far, and its own follow-ups there."""
    memo: JsonObject = field(default_factory=dict, repr=False)
    """The protocol's own note on how to go on after the answer; JSON, never sent."""
    doubts: int = 0
    """At a claim: how many attempts of unknown fate came before. Not kept."""
    deadlines: tuple[Deadline, ...] = ()
    serves: bool = False
    """What it brings is for the submission's other messages: it is none of the submission's own success."""
    beside: bool = False
    """While its fate is inquired about it holds its scopes only: its lane goes on."""
    once: bool = False
    """After an attempt that may have arrived nobody has it sent again: a mistake would cost money. A person
    says whether it was accepted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a submission becomes. ``normalised`` is what the duplicate digest is taken over."""

    drafts: tuple[Draft, ...]
    normalised: JsonObject = field(repr=False)
    warnings: tuple[Fault, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Files that came within the data, by digest: the drafts' bodies say ``{"$file": digest}``."""
    valid_until: datetime | None = None
    """Not to be sent later, for a reason in the data (a scanned code); ``expired_says`` is what the result
    then says in Chinese."""
    expired_says: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes for the wire. ``answer_s``: how long its answer is waited for where somebody waits at a desk;
    never longer than the configuration says."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    method: str = "POST"
    answer_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Response:
    """Bytes from the wire; any status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REJECTED = "rejected"
    RETRY = "retry"
    """The system says it did not process it and may be asked again."""
    UNKNOWN = "unknown"
    HALT = "halt"
    """Nothing wrong with the message: keys, rights or configuration are; the lane stops."""


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """One row's fate: the HIS's own keys, the system's code and sentence, and what it returned.

    ``index`` counts within the draft's own rows; the outbox adds where ``Draft.rows`` begins.
    """

    index: int
    code: str
    message: str
    accepted: bool
    data: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A fact that later messages need: a number that the system gave, found again by the HIS's own
    key, or something that happened (fees of a visit, that it is settled).

    ``(kind, key)`` names a group within the system, ``member`` one fact of it; a fact given again
    replaces the one of the same member. Facts outlive the messages that gave them.
    """

    kind: str
    key: tuple[str, ...] = field(repr=False)
    value: str = field(repr=False)
    member: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Forget:
    """A fact that holds no more: one member of a group, or with None the whole group."""

    kind: str
    key: tuple[str, ...] = field(repr=False)
    member: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Alias:
    """Two names of one thing: from now on a scope ``(scope_kind, key)`` is stored as the scope
    ``(of_kind, of_key)``; ``of_kind`` "" is the same kind. Later messages that use either name keep
    one order. What is stored already keeps the scopes that it has."""

    scope_kind: str
    key: tuple[str, ...] = field(repr=False)
    of_key: tuple[str, ...] = field(repr=False)
    of_kind: str = ""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A group of facts of which one must exist before a message is sent. ``what`` says in Chinese
    what is waited for, for the HIS."""

    kind: str
    key: tuple[str, ...] = field(repr=False)
    what: str


class History(Protocol):
    """The facts of one system, as they stand in the commit that claims a message. Read only."""

    def value(self, kind: str, key: tuple[str, ...], member: str = "") -> str | None:
        """One fact; None when the agent does not know it."""
        ...

    def values(self, kind: str, key: tuple[str, ...]) -> Mapping[str, str]:
        """All facts of a group, by member; {} when there are none."""
        ...

    def giver(self, kind: str, key: tuple[str, ...], member: str = "") -> str:
        """The state of the message that gave a fact; "" without a fact, or when that message is gone.
        ``expired``, ``cancelled`` and ``invalid`` say that nothing of it ever left; it is ``doubted`` where
        it ended so after an attempt that may have arrived."""
        ...


@dataclass(frozen=True, slots=True)
class Debt:
    """Trace codes that a system is still owed for a settled visit. ``visit`` is the system's number,
    ``own`` the HIS's ("" where it gave none), ``since`` the day of settlement as YYYYMMDD. ``items``:
    which details, by their number, and how much of each: ``{detail, name, left}``."""

    lane: str
    visit: str = field(repr=False)
    own: str = field(repr=False)
    since: str
    items: tuple[JsonObject, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Completion:
    """A draft as it is to be sent, with what the agent knows of earlier messages filled in.

    ``warnings`` reach the result. ``refused`` ends the message here, unsent: only what is known to
    be wrong; history that is missing warns and passes. ``alone``: what comes later may go on as if the
    refused message had not been there, unless it asked to come ``after`` it. ``awaits`` holds the
    message until facts exist: it blocks nobody meanwhile, and is completed anew when its turn comes at
    its old place. ``given`` facts are stored with the claim, or with the hold: before a byte leaves.
    """

    draft: Draft = field(repr=False)
    warnings: tuple[Fault, ...] = ()
    refused: tuple[Fault, ...] = ()
    awaits: tuple[Awaited, ...] = ()
    alone: bool = False
    given: tuple[Identifier, ...] = ()


REPORTS: Final = "reports"
"""Instead of a transaction, of a :class:`Download` for people: no HIS has to take it away."""


@dataclass(frozen=True, slots=True)
class Download:
    """What a system handed out, left for the HIS as the file ``downloads/<transaction>/<name>``.

    ``name`` is a plain file name that is never used for anything else: it carries the wire id, or the
    system's own number of an attachment. ``content`` becomes the file's JSON; ``attachment``, Base64,
    is instead of it the file itself. Raises ValueError for a name that is none.
    """

    transaction: str
    name: str
    records: int = 1
    content: JsonObject = field(default_factory=dict, repr=False)
    attachment: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for part in (self.transaction, self.name):
            if not _PLAIN_NAME.fullmatch(part):
                raise ValueError("a download's place is no plain file name")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one exchange, or one inquiry, says about a message.

    ``code`` and ``message`` are the system's own. ``refused`` are the scopes that a partial
    refusal blocks. ``slots`` feed later messages of the same submission; ``follow_ups`` take the
    message's own place in the order. ``forgotten`` facts go, then ``identifiers`` come, with the
    outcome's own commit. ``already_there`` marks a refusal that says the thing is there:
    after an earlier attempt of unknown fate it settles nothing and leads to an inquiry.
    """

    verdict: Verdict
    code: str = ""
    message: str = ""
    data: JsonObject = field(default_factory=dict, repr=False)
    rows: tuple[RowOutcome, ...] = ()
    refused: tuple[Scope, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    forgotten: tuple[Forget, ...] = ()
    aliases: tuple[Alias, ...] = ()
    slots: Mapping[str, str] = field(default_factory=dict, repr=False)
    follow_ups: tuple[Draft, ...] = ()
    downloads: tuple[Download, ...] = ()
    """Durable with the outcome's own commit, files soon after; see ``Draft.gated``."""
    settled_by: str = "answer"
    already_there: bool = False
    own_fault: bool = False
    """With RETRY: it may be this message alone that is refused, for its size or form; the endpoint is
    probed, and when it is well the message is tried once more and then parked."""


class Finding(StrEnum):
    """What an inquiry about an earlier attempt found."""

    FOUND = "found"
    ABSENT = "absent"
    PARTLY = "partly"
    """Some of its rows arrived. The conclusion's outcome says how to go on with the others; it counts only
    once the others have been absent as often as a whole message must be."""
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An inquiry's finding; ``outcome`` is the original message's outcome when found, wholly or partly.

    With ABSENT, an outcome says how the message ends once the negatives count, instead of being sent
    again. Negatives count from ``counts_from`` on: until then the system may still do it."""

    finding: Finding
    outcome: Outcome | None = None
    counts_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Duty:
    """What the agent has to do now because of what it knows: a submission of its own, facts, or both, in one
    commit. ``name`` is unique to what is done: none is begun while the one of the same name is under way."""

    name: str
    submission: Submission | None = None
    given: tuple[Identifier, ...] = ()
    forgotten: tuple[Forget, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """When duties are looked for; all times are by the wall clock as it goes ``now``.

    ``first``: for the first time since the start. ``heard``: what a HIS had put into any inbox of the system
    by then is committed; None: not since the start. ``started`` is when the agent was, ``clock_set`` when the
    clock was last seen to jump since then: what was written down before that tells nothing of how long ago
    it was."""

    now: datetime
    first: bool
    heard: datetime | None
    started: datetime | None = None
    clock_set: datetime | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something that the agent does by itself, by its transaction's code or a variety of it.

    ``every_s``: how often, 0 for only when a person or ``at_start`` asks for it; each time up to
    ``jitter_s`` later, so that not all of a country ask at the same second. ``at_start``: also
    whenever the agent starts. ``about`` is Chinese, for the status.
    """

    name: str
    transaction: str
    about: str
    every_s: int = 0
    jitter_s: int = 0
    at_start: bool = False
