"""The contract of an outbox: what a caller may rely on, whatever database is behind it.

All writing goes through :meth:`Outbox.write`: one transaction, one durable commit when its block
ends without an exception, nothing kept when it ends with one. Only the owner of the database
writes; a second process gets StoreLocked at once.

Order. Messages of a lane are claimed by ``(interactive first, position, number)`` among those
that are eligible: state ready and, for every scope, no earlier message in the chain that conflicts
(``Hold``). With ``strict`` the interactive class counts for nothing. Messages of a lane with
``parallel`` form a stream of their own; a submission's ``now`` drops their scopes.

Blocking. When a message ends rejected, unknown or parked (``blocks``), or partial (its refused
scopes only), every message that was committed before the failure's result was written, comes
after it, conflicts with one of these scopes and is ``blockable`` becomes ``blocked`` and leaves the
chain; blocking passes on along scopes that are not ``broad``. An invalid one (:meth:`Transaction.refuse`)
blocks as a rejected one. Messages of the same submission are
not blocked by a partial one of theirs; after a rejected one they are cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from agent.audit.model import Head as AuditHead
from agent.audit.model import Sign
from agent.errors import Fault
from agent.events import Awaited, Draft, Forget, History, Identifier, JsonObject, Outcome, Scope
from agent.outbox.drafts import Packed
from agent.outbox.model import (
    Accepted,
    Attempt,
    Cancelled,
    DownloadTally,
    DueDownload,
    DueReply,
    FactView,
    Head,
    LaneKey,
    LeftDownload,
    MessageView,
    NewSubmission,
    Registered,
    ReplyAddress,
    SealedOutcome,
    Settled,
    State,
    WaitView,
)

Resolved = Callable[[str, Draft, Mapping[str, str], JsonObject], Outcome]
"""What a message yields that a person knows to be accepted: system, draft, wire ids, given data."""


Acknowledged = Callable[[str, Draft, JsonObject, History], Outcome]
"""What a HIS's receipt of an accepted message yields: system, draft, what the message brought, facts."""


class Transaction(Protocol):
    """One commit. Every method acts at once and is seen by the following ones."""

    # -- intake ---------------------------------------------------------------------------------
    def accept(self, new: NewSubmission) -> Accepted:
        """Store a submission with its messages. A replay of its event, a repetition and a conflict
        are told by the receipt; each of the latter two gets a result at its own address."""
        ...

    def stage(self, new: NewSubmission) -> Accepted:
        """Begin a large submission: as :meth:`accept`, but its drafts follow by :meth:`extend` and
        nothing of it is claimed before :meth:`publish`. A stage left by a crash is removed when
        the outbox opens; its event may then be accepted anew."""
        ...

    def extend(self, submission: int, drafts: Sequence[Draft | Packed]) -> None:
        """Add messages to a stage; packed ones are not looked into."""
        ...

    def publish(self, submission: int) -> Accepted: ...

    def keep_file(self, submission: int, digest: str, content: bytes) -> None:
        """Keep a file that messages of a stage carry as ``{"$file": digest}``, before they are stored."""
        ...

    def await_files(self, submission: int) -> None:
        """A stage is whole but for the files that it ``wants``: it keeps its place until :meth:`fulfil`,
        also across a restart. :meth:`accept` does so at once."""
        ...

    def fulfil(self, submission: int, new: NewSubmission) -> Accepted:
        """The files that a submission was stored to wait for (``wants``) are there, or will not come
        (``faults``): its drafts take the place of those that kept it. Its digest, known now, may show that
        it repeats another one, or that its id is taken. One that was cancelled meanwhile is REPLAYED."""
        ...

    def abandon(self, submission: int, faults: Sequence[Fault]) -> None:
        """End a stage as invalid: none of its messages will be sent."""
        ...

    # -- scans and cards ------------------------------------------------------------------------
    def scan_known(self, event_id: str) -> bool:
        """Whether a scan of this event is stored, for a wait or as a submission of its own."""
        ...

    def take_scan(self, submission: int, event_id: str, content: JsonObject) -> bool:
        """Store what was scanned for a submission that waits (``NewSubmission.wait``); false when the event
        is known or nothing waits any more. The scan that completes it is stored together with
        :meth:`fulfil`."""
        ...

    def undo_scan(self, submission: int, who: str) -> bool:
        """Forget the last scan of one that waits; false when there is none."""
        ...

    def lapse(self, submission: int, now: datetime) -> bool:
        """Nobody scanned in time: it ends expired. False when it waits no more."""
        ...

    # -- dispatch -------------------------------------------------------------------------------
    def head(
        self,
        lane: LaneKey,
        *,
        strict: bool = False,
        skip: frozenset[int] = frozenset(),
        beside: bool = False,
    ) -> Head | None:
        """The message whose turn it is: the one in flight or inquiring, if there is, else the next.

        ``strict``: position alone counts, interactive messages pass nobody. ``skip``: messages that
        other workers of a parallel stream have in hand. ``beside``: only what is inquired about while
        its lane goes on (``Draft.beside``), which is nobody's turn otherwise."""
        ...

    def history(self, system: str) -> History:
        """The facts of a system, as this commit sees them."""
        ...

    def give_facts(
        self,
        system: str,
        identifiers: Iterable[Identifier],
        forgotten: Iterable[Forget] = (),
        *,
        message: int = 0,
    ) -> None:
        """Facts go, then facts come, as with an outcome; ``message`` gives them, 0 is the agent itself."""
        ...

    def hold(self, message: int, awaits: Sequence[Awaited]) -> None:
        """Something that a ready message needs does not exist yet: it is held, in nobody's way, until
        the commit that stores the last missing fact puts it back at its place. Raises InternalDefect
        when nothing is missing."""
        ...

    def refuse(self, message: int, faults: Sequence[Fault], now: datetime, *, alone: bool = False) -> Settled:
        """What is known of earlier messages shows that a ready message is wrong: it ends invalid.
        ``alone``: it blocks only what is to come ``after`` its submission."""
        ...

    def give_slots(self, message: int, values: Mapping[str, str]) -> None:
        """Keep values for the slots of a message's submission: every later claim finds them."""
        ...

    def warn(self, message: int, warnings: Sequence[Fault]) -> None:
        """Add warnings to the result of a message's submission, each once."""
        ...

    def begin(
        self, message: int, ids: Mapping[str, str], now: datetime, draft: Draft | None = None
    ) -> Attempt:
        """Record an attempt before its first byte leaves; the message is in flight. ``draft`` is what
        the attempt carries where that is not the message's own."""
        ...

    def withdraw(self, message: int, attempt: int) -> None:
        """No byte left: the message is ready again, at its place."""
        ...

    def retry(self, message: int, attempt: int, code: str, text: str) -> None:
        """The system answered that it did not process it: ready again, at its place."""
        ...

    def doubt(self, message: int, attempt: int, why: str, now: datetime) -> None:
        """Bytes may have left and no trustworthy answer came: inquiring, or, for a harmless or
        repeatable message, ready again."""
        ...

    def in_doubt(self, system: str, scope: Scope) -> list[Head]:
        """The messages about something that are inquired about, or were left unknown after that."""
        ...

    def is_inquiring(self, message: int) -> bool:
        """Whether a message is still inquired about: a notice of its system may have settled it."""
        ...

    def note_negative(self, message: int, now: datetime) -> int:
        """Count a negative inquiry; returns how many in a row there are now."""
        ...

    def clear_doubt(self, message: int) -> None:
        """The inquiries prove that no attempt arrived: attempts become absent, the message ready."""
        ...

    def settle(
        self,
        message: int,
        outcome: Outcome,
        now: datetime,
        *,
        attempt: int = 0,
        sealed: SealedOutcome | None = None,
    ) -> Settled:
        """Store an outcome accepted, partial or rejected with its facts, names of scopes, slots and
        follow-ups, release whom facts held, release or block what follows, and make the submission's
        result due when that changes it.
        ``attempt`` is the one that it belongs to; 0 is the latest. ``sealed``: what :meth:`Outbox.seal` made
        of the same outcome."""
        ...

    def leave_unknown(self, message: int, why: str, now: datetime) -> Settled:
        """No inquiry can settle it: it waits for a person, frees its lane and blocks its scopes."""
        ...

    def park(self, message: int, why: str, now: datetime) -> Settled: ...

    def expire(self, message: int, now: datetime) -> Settled: ...

    def expire_lapsed(self, now: datetime, limit: int = 100) -> list[Settled]:
        """Expire what is ready, blocked, parked or held and whose ``valid_until`` has passed."""
        ...

    # -- replies --------------------------------------------------------------------------------
    def mark_replied(self, replies: Iterable[tuple[int, int]]) -> None:
        """``(reply, revision)`` pairs whose files are on disk."""
        ...

    # -- downloads ------------------------------------------------------------------------------
    def mark_downloaded(self, downloads: Iterable[int]) -> None:
        """These are files on disk now: their contents go, and the gated follow-ups of each message of
        which these were the last are let go."""
        ...

    def mark_taken(self, downloads: Iterable[int]) -> None:
        """The HIS has taken these files away: they are forgotten."""
        ...

    def begin_run(self, schedule: str, new: NewSubmission) -> Accepted | None:
        """Accept a submission as the latest run of a schedule of its system; None, and nothing is
        stored, while the one before is still on its way."""
        ...

    # -- people and control files -----------------------------------------------------------------
    def find(self, system: str, his_id: str, transaction: str = "") -> tuple[int, ...]:
        """Submissions by the HIS's id, newest first."""
        ...

    def cancel(self, submission: int, who: str, why: str, now: datetime) -> Cancelled:
        """Cancel what has not been sent; what is, or may be, on the wire stays as it is.
        Raises ControlError while the submission is staged."""
        ...

    def resolve(
        self,
        message: int,
        verdict: str,
        data: JsonObject,
        who: str,
        why: str,
        now: datetime,
        resolved: Resolved,
    ) -> Settled:
        """A person decides an unknown or parked message: ``accepted``, ``rejected`` or ``resend``.
        ``resolved`` is asked what an accepted one yields (system, draft, wire ids, data).
        Raises ControlError when it is in another state."""
        ...

    def skip(self, message: int, who: str, why: str, now: datetime) -> int:
        """Let the followers of a failed message go on; returns how many were released."""
        ...

    def acknowledge(
        self, submission: int, who: str, now: datetime, acknowledged: Acknowledged | None = None
    ) -> tuple[ReplyAddress, ...]:
        """The HIS has read the result; returns where it was written. ``acknowledged`` is asked what that
        means for each accepted message; it may refuse with a ControlError."""
        ...

    def note_control(self, event_id: str, done: bool) -> None:
        """Record that a control file was carried out, or refused, with what it did: in one commit."""
        ...

    def control_done(self, event_id: str) -> bool | None:
        """How the control file of an event ended: carried out or refused; None for a new one."""
        ...

    def skip_submission(self, submission: int, who: str, why: str, now: datetime) -> int:
        """The same for all failures of a submission, also an invalid one, which has no message."""
        ...

    def purge(self, before: datetime, limit: int = 200) -> int:
        """Remove the messages of submissions that ended before a time and whose results were all
        written, at most ``limit``; returns how many. Their ids stay known, with their final results."""
        ...

    # -- after a backup was restored --------------------------------------------------------------
    def hold_unfinished(self, now: datetime) -> tuple[int, int]:
        """Let every unfinished message be unknown: whether it was sent since the backup nobody knows.
        Returns how many are, and of how many submissions only the id is kept."""
        ...

    def register_unknown(self, new: NewSubmission, now: datetime) -> Registered:
        """Store a submission that was accepted after the backup, as unknown."""
        ...

    def conclude(self, submission: int, verdict: State, who: str, why: str, now: datetime) -> bool:
        """A person says what became of a submission of which nothing but its id is known: ``accepted`` or
        ``rejected``. False for every other submission."""
        ...

    # -- the audit trail ------------------------------------------------------------------------
    def record(self, kind: str, details: Mapping[str, str | int], *, who: str = "", why: str = "") -> None:
        """Record an act that is about no message. ``details`` are codes and counts, nobody's data."""
        ...

    def sign_audit(self, sign: Sign, now: datetime) -> AuditHead:
        """Sign the end of the trail, this transaction's own records included; returns it."""
        ...

    def purge_audit(self, before: datetime) -> int:
        """Remove the records that the last signed head of before a time covers; returns how many."""
        ...

    # -- numbers --------------------------------------------------------------------------------
    def reserve(self, series: str, day: str, upto: int) -> int:
        """Raise the reserved upper bound of a series to at least ``upto``; returns the former one."""
        ...

    def forget_series(self, before_day: str) -> None:
        """Forget the bounds of series of days before one (``YYYYMMDD``)."""
        ...


class Outbox(Protocol):
    def write(self, *, urgent: bool = False) -> AbstractContextManager[Transaction]:
        """A transaction; ``urgent`` ones (dispatch) are let in before waiting others (intake).
        Raises StoreFull, StoreDamaged."""
        ...

    def seal(self, system: str, message: int, outcome: Outcome) -> SealedOutcome:
        """Seal what an outcome will store; needs no transaction, so that nobody waits for it."""
        ...

    def lanes(self) -> tuple[LaneKey, ...]:
        """Lanes that have something unfinished in their chain."""
        ...

    def due_replies(self, now: datetime, limit: int, *, skip: frozenset[int] = frozenset()) -> list[DueReply]:
        """Final results not yet written, and interim ones whose time has come, oldest first. ``skip``:
        replies that cannot be written now (a share that is away) and must not hold up the others."""
        ...

    def note_replied(self, replies: Iterable[tuple[int, int]]) -> None:
        """``(reply, revision)`` pairs whose files are on disk: they are due no more, and are marked
        with the next commit, whoever makes it. A crash before that writes the same files again."""
        ...

    def flush_replied(self) -> None:
        """Mark what is noted now, if no commit has done so. Raises StoreFull, StoreDamaged."""
        ...

    def waits(self) -> list[WaitView]:
        """Submissions that wait for a scan or a card, oldest first."""
        ...

    def scan_known(self, event_id: str) -> bool:
        """As :meth:`Transaction.scan_known`, of what is committed."""
        ...

    def next_reply_at(self) -> datetime | None: ...

    def due_downloads(self, limit: int, *, skip: frozenset[int] = frozenset()) -> list[DueDownload]:
        """Downloads that are not on disk yet, oldest first, without those that cannot be written now."""
        ...

    def left_downloads(self) -> list[LeftDownload]:
        """Files that were written and not yet noted as taken, oldest first."""
        ...

    def download_tallies(self) -> list[DownloadTally]: ...

    def runs(self) -> dict[tuple[str, str], datetime]:
        """When the latest run of each schedule began: ``(system, name) → time``."""
        ...

    def reserved(self) -> dict[tuple[str, str], int]:
        """Upper bounds of all series: ``(series, day) → first number not reserved``."""
        ...

    def counts(self) -> dict[tuple[str, str], int]:
        """Messages by ``(lane, state)``."""
        ...

    def messages(self, *, state: str = "", system: str = "", limit: int = 100) -> list[MessageView]: ...

    def message(self, number: int) -> MessageView | None: ...

    def history(self, message: int) -> list[JsonObject]:
        """Attempts and acts of a message in order, without payloads."""
        ...

    def result(self, submission: int) -> JsonObject | None:
        """A submission's result as it would be written now."""
        ...

    def body(self, submission: int) -> JsonObject | None:
        """The normalised content of a submission; None when there is none, or no longer."""
        ...

    def content(self, submission: int, digest: str) -> bytes:
        """A file that messages of a submission carry. Raises StoreError when it is not there."""
        ...

    def messages_by_wire_id(self, wire_id: str) -> tuple[int, ...]:
        """Messages of which an attempt used this main wire id."""
        ...

    def messages_of(self, submission: int) -> list[MessageView]:
        """The messages of a submission, in order."""
        ...

    def near_deadline(self, now: datetime, limit: int = 20) -> list[MessageView]:
        """Deadlines near or past, each with the first open message of its submission and transaction:
        ``deadline_at`` and ``deadline`` are its own."""
        ...

    def facts(self, text: str, *, system: str = "", limit: int = 100) -> list[FactView]:
        """Facts whose value, member or part of the key is ``text``, the latest first."""
        ...

    def purgeable(self, before: datetime) -> int:
        """How many submissions :meth:`Transaction.purge` would take."""
        ...

    def purgeable_audit(self, before: datetime) -> int:
        """How many records :meth:`Transaction.purge_audit` would take."""
        ...

    def acknowledged(self, before: datetime) -> list[tuple[ReplyAddress, JsonObject]]:
        """Where the results of submissions were written that were acknowledged before a time and are not
        purged yet, with these results."""
        ...

    def audit_records(self, after: int, limit: int) -> list[JsonObject]:
        """Records of the audit trail after one, oldest first, with who and why opened. Raises
        CiphertextRejected, which names the record, for one whose note was changed."""
        ...

    def damaged_values(self) -> list[tuple[str, str]]:
        """Place and row of every sealed value that does not open. Reads the whole database."""
        ...

    def damaged_notes(self) -> list[int]:
        """Records of the audit trail whose who and why do not open, or are not what the chain holds."""
        ...

    def audit_head(self) -> AuditHead:
        """Where the audit trail ends."""
        ...

    def last_signed(self) -> datetime | None:
        """When the end of the audit trail was last signed, or kept without a signature."""
        ...

    def lapsed(self, now: datetime, limit: int = 100) -> list[int]:
        """Messages ready, blocked, parked or held whose ``valid_until`` has passed: to be expired, since
        no lane may come to them."""
        ...

    def close(self) -> None: ...
