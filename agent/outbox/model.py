"""The words of the outbox: states, and the values that go in and come out.

A submission is what a HIS dropped; its messages are rows with an integer position. Order within a
lane is ``(position, message number)``: a follow-up has its parent's position and a later number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.errors import Fault
from agent.events import Draft, JsonObject, Need, Scope


class State(StrEnum):
    """Of a message, and of a submission as the HIS sees it.

    ::

        staging ─▶ ready ─▶ in_flight ─▶ accepted | partial | rejected
                    ▲  │        ├──▶ ready            not processed, or no byte left
                    │  │        └──▶ inquiring ──▶ accepted | partial | rejected | ready | unknown
                    │  ├──▶ expired | cancelled | parked | invalid
                    ├──┼──▶ blocked                   a failure before it in its scope
                    └──┴──▶ held                      something that it needs does not exist yet

    ``unknown``, ``parked`` and ``blocked`` wait for a decision, ``held`` for facts. A message is
    ``invalid`` when what the agent knows of earlier ones shows that it is wrong.
    """

    STAGING = "staging"
    READY = "ready"
    IN_FLIGHT = "in_flight"
    INQUIRING = "inquiring"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    HELD = "held"
    PARKED = "parked"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INVALID = "invalid"


FINAL = frozenset(
    {State.ACCEPTED, State.PARTIAL, State.REJECTED, State.EXPIRED, State.CANCELLED, State.INVALID}
)
IN_CHAIN = frozenset({State.STAGING, State.READY, State.IN_FLIGHT, State.INQUIRING})
"""States in which a message holds its scopes against later ones."""

FREES_ID = frozenset({State.INVALID, State.EXPIRED, State.CANCELLED})
"""Final states after which the HIS may use the id again with other content."""


class Registered(StrEnum):
    """What became of a submission that was accepted after a backup. ``bare``: only its id could be kept."""

    KNOWN = "known"
    WHOLE = "whole"
    BARE = "bare"


class AttemptState(StrEnum):
    """``started`` is on disk before the first byte leaves. ``withdrawn``: none did."""

    STARTED = "started"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    """Unknown once; inquiries said, repeatedly, that the system never saw it."""


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Where a submission's result goes: the folder's name in configuration and the input's file name."""

    folder: str
    file_name: str = field(repr=False)


NOBODY = ReplyAddress("", "")
"""The address of what the agent asks by itself: its result is kept, and written nowhere."""


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A submission waits for a scan or a card of ``kind`` at ``station``. ``says`` is told in Chinese
    meanwhile."""

    station: str
    kind: str
    until: datetime
    says: str


@dataclass(frozen=True, slots=True)
class WaitView:
    """A submission that waits: what it was when it was dropped, and what was scanned for it so far."""

    submission: int
    system: str
    transaction: str
    station: str
    kind: str
    until: datetime
    received_at: datetime
    occurred_at: datetime
    body: JsonObject = field(repr=False)
    scans: tuple[JsonObject, ...] = field(default=(), repr=False)

    @property
    def his_id(self) -> str:
        """The HIS's own key."""
        return str(self.body["submission"]["id"])


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A submission to be stored. ``digest`` is over the normalised data and attachments, never the
    bytes. With ``faults`` it is stored as final ``invalid`` and has no drafts."""

    event_id: str
    system: str
    transaction: str
    id: str = field(repr=False)
    digest: bytes = field(repr=False)
    reply: ReplyAddress
    received_at: datetime
    occurred_at: datetime
    body: JsonObject = field(default_factory=dict, repr=False)
    """Kept only where it is needed again; the drafts carry what is sent."""
    drafts: tuple[Draft, ...] = field(default=(), repr=False)
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    valid_until: datetime | None = None
    expired_says: str = ""
    """What the result says in Chinese when the submission expires, where its protocol knows better."""
    deadline_at: datetime | None = None
    after: str = ""
    replaces: str = ""
    now: bool = False
    forced: bool = False
    rows_total: int = 0
    wants: tuple[str, ...] = field(default=(), repr=False)
    """Files that it names and that are not there yet, or not looked at: its drafts only keep its place."""
    wait: Awaiting | None = None
    """A scan or a card that it waits for: its drafts only keep its place, ``body`` completes it."""
    files: bool = False
    """Its messages carry files. Those that came within the data are ``contents``, by digest; the others
    are kept before (:meth:`Transaction.keep_file`)."""
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    seq: int | None = None
    """The HIS's own order among files that are taken together; the outbox itself does not look at it."""
    scopes: tuple[Scope, ...] = field(default=(), repr=False)
    """What an invalid submission was about, as far as it can be read: it blocks these."""


class Receipt(StrEnum):
    STORED = "stored"
    REPLAYED = "replayed"
    """The same event again: nothing was done."""
    REPEATED = "repeated"
    """Same id, same content: the stored result will be given at this address too."""
    REFUSED = "refused"
    """Same id, other content; or an ``after``/``replaces`` that cannot be: stored as invalid."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a submission at the border of the outbox."""

    receipt: Receipt
    submission: int
    messages: int = 0
    waiting: bool = False
    """It keeps its place until the files that it names are there."""


class Cancelled(StrEnum):
    """What cancelling a submission changed."""

    WHOLE = "whole"
    """Nothing of it was, or will be, taken by the system; also when that was so before."""
    REST = "rest"
    """What had not been sent; some of it is, or may be, on the wire, or has its answer."""
    NOTHING = "nothing"
    """Nothing was left to cancel: all of it is on the wire, in doubt or answered."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try on the wire. ``ids`` are the wire ids it used (``wire_id`` is the main one)."""

    number: int
    state: AttemptState
    ids: Mapping[str, str] = field(repr=False)
    started_at: datetime
    draft: Draft | None = field(default=None, repr=False)
    """What it carried, where that was completed; None: the message's own draft."""


@dataclass(frozen=True, slots=True)
class Head:
    """The message whose turn it is in a lane. ``doubts`` are earlier attempts of unknown fate, oldest
    first; with ``inquiring`` they are to be settled before anything is sent. ``values`` fill the
    draft's needs as far as they exist. ``tries`` counts attempts so far."""

    message: int
    submission: int
    system: str
    transaction: str
    lane: str
    draft: Draft = field(repr=False)
    inquiring: bool
    doubts: tuple[Attempt, ...]
    tries: int
    withdrawn: int
    """Attempts in a row, up to now, whose first byte never left."""
    values: Mapping[str, str] = field(repr=False)
    missing: tuple[Need, ...]
    valid_until: datetime | None
    doubt_since: datetime | None
    """When the present doubt began, also across restarts."""
    negatives: int
    """Negative inquiries in a row about the present doubts."""
    last_negative_at: datetime | None
    forced: bool = False
    """What is known of earlier messages only warns."""


@dataclass(frozen=True, slots=True)
class LaneKey:
    """A lane of one system; ``parallel`` names the stream of queries beside it."""

    system: str
    lane: str
    parallel: bool = False


@dataclass(frozen=True, slots=True)
class DueReply:
    """A result to be written: everything its JSON needs, with the input's full name as ``file``.
    ``revision`` is to be given back to :meth:`mark_replied`; a later revision makes it due again. ``lanes``
    are those that its messages still have to go through."""

    reply: int
    revision: int
    final: bool
    address: ReplyAddress
    result: JsonObject = field(repr=False)
    lanes: tuple[LaneKey, ...] = ()


@dataclass(frozen=True, slots=True)
class DueDownload:
    """What a system handed out and is not on disk yet (``events.Download``)."""

    number: int
    system: str
    transaction: str
    name: str
    records: int
    received_at: datetime
    content: JsonObject = field(repr=False)
    attachment: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeftDownload:
    """A file on disk that the HIS had not taken when it was looked last."""

    number: int
    transaction: str
    name: str


@dataclass(frozen=True, slots=True)
class DownloadTally:
    """Downloads of one transaction: not on disk yet, and not taken by the HIS since ``oldest_at``."""

    system: str
    transaction: str
    waiting: int
    unread: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling a message changed, for observers and logs."""

    message: int
    submission: int
    system: str
    transaction: str
    state: State
    code: str
    blocked: int = 0
    """Messages that this failure blocked."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as the operator sees it: no payload."""

    message: int
    submission: int
    system: str
    transaction: str
    his_id: str = field(repr=False)
    lane: str
    state: State
    position: int
    tries: int
    code: str
    blocked_by: int | None
    wire_id: str
    received_at: datetime
    deadline_at: datetime | None
    blocked_by_submission: int | None = None
    """Instead of ``blocked_by`` when an invalid submission, which has no message, blocks it."""
    deadline: str = ""
    """Which demand ``deadline_at`` is of, where a deadline was asked for."""


@dataclass(frozen=True, slots=True)
class FactView:
    """A fact as an operator finds it: a number that a system gave, under the HIS's own key."""

    system: str
    kind: str
    key: tuple[str, ...] = field(repr=False)
    member: str = field(repr=False)
    value: str = field(repr=False)
    message: int


@dataclass(frozen=True, slots=True)
class SealedFacts:
    """As they are stored: ``rows`` are (group, member, value, content), ``words`` lead from each word of a
    key to its group."""

    rows: tuple[tuple[bytes, bytes, bytes, bytes], ...] = field(repr=False)
    words: frozenset[tuple[bytes, bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedOutcome:
    """What the outcome of one message stores, sealed before its commit."""

    answer: bytes = field(repr=False)
    facts: SealedFacts
