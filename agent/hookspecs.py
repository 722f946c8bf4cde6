"""The border between the agent and its protocols.

A protocol is a pluggy plugin in the entry-point group ``his_agent.plugins``; ours register as a
stranger's would. Its adapter is pure: bytes and values in, bytes and values out. It opens no file,
socket or database, asks no clock and keeps no state between calls; keys reach it through a
:class:`KeySource`, wire numbers and the time through the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import pluggy

from agent.catalog import Catalog
from agent.errors import KeyMissing
from agent.events import (
    Completion,
    Conclusion,
    Debt,
    Draft,
    Duty,
    FileReference,
    Forget,
    History,
    Identifier,
    JsonObject,
    Outcome,
    Plan,
    Proofs,
    Reading,
    Request,
    Response,
    Schedule,
    Scope,
    Series,
    Submission,
    WaitItem,
    Watched,
)

GROUP = "his_agent.plugins"

hookspec = pluggy.HookspecMarker("his_agent")
hookimpl = pluggy.HookimplMarker("his_agent")


class KeySource(Protocol):
    """Key material by name (``ministry/own-private``), from the keyring of the service's account."""

    def get(self, name: str) -> str:
        """The key's text. Raises :class:`agent.errors.KeyMissing`."""
        ...


class HardwareKey(Protocol):
    """A private key that never leaves its device. Every method raises ConfigurationError when the device
    cannot be used now, or does not know the scheme. Called by several threads."""

    def public_pem(self) -> str:
        """The public part, as X.509 PEM."""
        ...

    def sign(self, data: bytes, scheme: str) -> bytes:
        """``rsa-pkcs1v15-sha1``, ``-sha256``, ``-md5``; ``sm2-sm3`` (DER, signer id as in crypto.sm2)."""
        ...

    def decrypt(self, data: bytes, scheme: str) -> bytes:
        """``rsa-pkcs1v15``; ``sm2-c1c2c3``, ``sm2-c1c3c2`` (``04 ‖ x ‖ y`` and the parts, C3 to be
        checked). Raises CiphertextRejected for what this key does not open."""
        ...


@runtime_checkable
class HardwareSource(Protocol):
    """A :class:`KeySource` that also knows keys in devices."""

    def hardware(self, name: str) -> HardwareKey | None:
        """None for a key whose text itself is the key. Raises KeyMissing, ConfigurationError."""
        ...


def hardware_key(source: KeySource, name: str) -> HardwareKey | None:
    """The key of this name when it is in a device, else None."""
    return source.hardware(name) if isinstance(source, HardwareSource) else None


FORMER: Final = ".former"
"""``NAME.former`` is the generation of a key before ``NAME``: answers may still be sealed for it."""


def generations(source: KeySource, name: str) -> Iterator[str]:
    """A key's name, then its former generation's while that is kept: the first signs, each may open.
    Raises KeyMissing when there is no such key at all."""
    source.get(name)
    yield name
    try:
        source.get(name + FORMER)
    except KeyMissing:
        return
    yield name + FORMER


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a system, for validation, the sample file and the documentation.

    ``kind``: ``text``, ``integer``, ``number``, ``boolean``, ``url``, ``choice`` or ``list``.
    """

    name: str
    kind: str
    about: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""
    inbound: bool = False
    """An address of ours that the system calls: a check does not try it."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key that a system needs: its name in the keyring, what it is, and how it may be given."""

    name: str
    about: str
    kind: str
    """``sm2-private``, ``sm2-public``, ``rsa-private``, ``rsa-public``, ``certificate``; ``private`` (SM2 or
    RSA), ``public`` (SM2, RSA or a certificate)."""


class ProtocolAdapter(Protocol):
    """What the engine asks of a protocol. The caller promises the order: plan → (per attempt:
    complete, series, stamp, encode, interpret) → on doubt: inquire, (encode, interpret,) conclude.
    An attempt's later steps get the draft that was completed for it.
    """

    @property
    def catalog(self) -> Catalog: ...

    def attachments(self, submission: Submission) -> tuple[FileReference, ...]:
        """The files of its folder that a submission names: they are looked for before :meth:`plan` counts.
        A name that is no plain file name is left out: planning refuses it."""
        ...

    def awaited(self, submission: Submission, reading: Reading | None) -> Submission:
        """A submission with what was scanned or read for it in its place. ``None``: with a sample of the kind
        that it waits for, so that all the rest can be judged, and its place be kept, before anybody
        scans. Raises SubmissionInvalid when its transaction takes no such kind."""
        ...

    def proofs(self, transaction: str, data: JsonObject | None) -> Proofs | None:
        """For a transaction by which the platform authenticates the card that was read for it: the proofs in
        its answer, empty ones for ``None``; None for every other transaction."""
        ...

    def items(self, submission: Submission) -> tuple[WaitItem, ...]:
        """What a submission that waits for trace codes still needs, row by row; () for other kinds.
        Raises SubmissionInvalid when its items do not fit its rows."""
        ...

    def plan(self, submission: Submission, today: datetime) -> Plan:
        """Validate, complete and split a submission. Raises SubmissionInvalid with every fault."""
        ...

    def scopes(self, submission: Submission) -> tuple[Scope, ...]:
        """What an invalid submission was about, as far as can be read; () when it cannot."""
        ...

    def lanes(self) -> tuple[str, ...]:
        """The lanes known from configuration, for status and probing before any traffic."""
        ...

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        """Fill in what the agent knows of earlier messages and check what needs it; called within the
        commit that claims the message. ``forced``: rules of history only warn. Protocols without
        such rules inherit :class:`agent.protocol.completing.Unaided`."""
        ...

    def series(self, draft: Draft) -> tuple[Series, ...]:
        """The number series that one attempt of this draft draws from."""
        ...

    def stamp(self, draft: Draft, serials: Mapping[str, int], now: datetime) -> Mapping[str, str]:
        """The wire ids of one attempt, from one number per series; ``wire_id`` names the main one."""
        ...

    def encode(self, draft: Draft, ids: Mapping[str, str], now: datetime) -> Request:
        """Seal one attempt. Raises KeyMissing or another ConfigurationError: the lane stops."""
        ...

    def interpret(self, draft: Draft, ids: Mapping[str, str], response: Response) -> Outcome:
        """Judge an answer. Raises AnswerRejected or CryptoError for one that must not be trusted."""
        ...

    def inquire(self, draft: Draft, ids: Mapping[str, str]) -> Draft | None:
        """The transaction that asks about an attempt, or None where the document has none."""
        ...

    def conclude(self, draft: Draft, ids: Mapping[str, str], answer: Outcome) -> Conclusion:
        """What the answer to :meth:`inquire` says about the attempt."""
        ...

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        """The outcome of a message that a person knows to be accepted: the facts, slots and aliases
        that it yields, as far as ``data``, what the person gave of the system's answer, has them.
        ``ids`` are the wire ids of its latest attempt, {} without one. Raises ControlError where ``data``
        lacks what nothing can go on without."""
        ...

    def probe(self, lane: str) -> Draft | None:
        """A harmless transaction that shows whether the endpoint works."""
        ...

    def schedules(self) -> tuple[Schedule, ...]:
        """What the agent may do by itself, as configured; () by default."""
        ...

    def scheduled(self, schedule: Schedule, given: JsonObject, now: datetime) -> Submission:
        """One run of a schedule, to be planned as any submission; ``given`` are fields that a person
        chose. Raises SubmissionInvalid."""
        ...

    def debts(self, history: History) -> tuple[Debt, ...]:
        """The settled visits whose trace codes were not all uploaded; () by default."""
        ...

    def duties_every_s(self) -> float:
        """How often :meth:`duties` is asked, in seconds; 0, as by default: never."""
        ...

    def duties(self, history: History, watched: Watched) -> tuple[Duty, ...]:
        """What the agent has to do now because of what it knows; () by default."""
        ...

    def restored(self, history: History) -> tuple[Forget, ...]:
        """What the agent must not do by itself because of facts that a restored backup brought back: what
        happened since, nobody knows; () by default."""
        ...

    def acknowledged(self, draft: Draft, data: JsonObject, history: History) -> Outcome:
        """The facts that go and come when the HIS has taken over the result of an accepted message, in the
        same commit; none by default. ``data`` is what the message brought. Raises ControlError when it
        comes too late."""
        ...

    def again(
        self, transaction: str, *, wire_id: str, since: datetime | None, until: datetime | None
    ) -> Submission:
        """The request to be handed out again what a call ``wire_id``, or all calls of a time, or
        (neither given) all calls of a download ever handed out. Raises SubmissionInvalid."""
        ...


class Preparation(Protocol):
    """What a protocol does to a submission before it is planned that needs more than the data: a vendor's
    library that reads a scanned code. Called on the inbox's thread; what it does is bounded in time, and
    what fails is told in :class:`agent.events.Decoded`, never raised."""

    def prepare(self, submission: Submission, now: datetime) -> Submission: ...

    def close(self) -> None:
        """The agent stops: end what was started."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call from a system, not believed yet."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a system told unasked: the answer to an inquiry, ``question`` by ``transaction``, that nobody
    made. ``key`` names what was said, so that a repetition is known; ``scope`` what it is about.
    ``reply`` is answered when it is durable."""

    key: str
    transaction: str
    question: JsonObject = field(repr=False)
    scope: Scope = field(repr=False)
    answer: Outcome = field(repr=False)
    reply: bytes = b""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a notice changes beside the messages that it settles. ``alarm`` is a code for the log."""

    identifiers: tuple[Identifier, ...] = ()
    forgotten: tuple[Forget, ...] = ()
    alarm: str = ""


class Hearing(Protocol):
    """What a protocol makes of calls from its system. Pure, as the adapter is; called by several threads."""

    def heard(self, incoming: Incoming) -> Notice:
        """Raises AnswerRejected or CryptoError for what must not be believed, ConfigurationError when
        nothing can be verified now."""
        ...

    def noted(self, notice: Notice, history: History, now: datetime) -> Noted:
        """Within the commit, after what the notice settles was settled; called once for each notice."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a protocol's command found: Chinese lines for people, an object for programs."""

    lines: tuple[str, ...]
    data: JsonObject


@dataclass(frozen=True, slots=True)
class ProtocolCommand:
    """``his-agent SYSTEM NAME ARGUMENT…``: a tool of a protocol. ``arguments`` are the placeholders of its
    help. ``run`` raises AgentError."""

    name: str
    about: str
    arguments: tuple[str, ...]
    run: Callable[[Sequence[str]], Report]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks of the running agent: the words after the act's name, who, why and when."""

    words: tuple[str, ...] = field(repr=False)
    who: str
    why: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of it: Chinese lines for people, an object for programs, facts that are kept with the
    person's decision, and submissions that the agent makes by itself."""

    lines: tuple[str, ...]
    data: JsonObject = field(repr=False)
    identifiers: tuple[Identifier, ...] = ()
    forgotten: tuple[Forget, ...] = ()
    submissions: tuple[Submission, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """``his-agent SYSTEM NAME ARGUMENT…`` of the running agent: what its facts say, or what a person
    decides about them. ``run`` is pure and called within the commit that keeps what it gives. Raises
    ControlError or SubmissionInvalid: nothing is kept. ``decides``: it needs a reason."""

    name: str
    about: str
    arguments: tuple[str, ...]
    run: Callable[[ProtocolAdapter, History, Asked], Acted]
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """What one station plays with: the system's settings, in whose texts ``{url}`` stands for the
    rehearsed platform's address, and the texts of its keys by their names in the keyring."""

    settings: Mapping[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Both sides of a protocol on one machine, for ``his-agent demo``.

    ``options`` go to its rehearsal server. ``stations`` are by name: every system plays at
    ``hospital``. ``story`` is the package with ``story.toml`` and its files (``agent.demo.story``)."""

    options: tuple[str, ...]
    stations: Mapping[str, Cast]
    story: str


@dataclass(frozen=True, slots=True)
class ProtocolSpec:
    """A protocol as it registers itself. ``build`` and ``prepare`` may raise ConfigurationError."""

    name: str
    title: str
    options: Sequence[Option]
    keys: Sequence[KeyUse]
    load_catalog: Callable[[], Catalog]
    build: Callable[[Mapping[str, Any], KeySource], ProtocolAdapter]
    simulate: Callable[[Mapping[str, Any]], None] | None = None
    """Serve the protocol's rehearsal server until interrupted (``his-agent simulate NAME``)."""
    prepare: Callable[[Mapping[str, Any]], Preparation | None] | None = None
    """What submissions go through before they are planned; None where the settings want nothing."""
    commands: Sequence[ProtocolCommand] = ()
    acts: Sequence[Act] = ()
    hear: Callable[[ProtocolAdapter], Hearing] | None = None
    """What calls from the system mean, where it makes any."""
    rehearse: Callable[[Path], Rehearsal] | None = None
    """Prepare a demo in an empty folder: what the platform reads from files, such as its keys, is there."""


class Hooks:
    """The hook specifications; a misspelt implementation fails at start."""

    @hookspec
    def register_protocols(self, register: Callable[[ProtocolSpec], None]) -> None:
        """Call ``register`` once for each protocol of the plugin."""

    @hookspec(firstresult=True)
    def open_hardware_key(self, reference: str) -> HardwareKey | None:
        """The key in a device that ``reference`` names: the text kept under a key's name when it begins
        with ``<scheme>:`` (``pkcs11:…``, ``skf:…``). None when the scheme is another plugin's. The entry
        point of a plugin that has no protocol should be named after its scheme: it is loaded first."""

    @hookspec
    def request_stored(self, system: str, transaction: str, messages: int) -> None:
        """A submission's messages are durable. Failures of an observer are logged and stop nothing."""

    @hookspec
    def outcome_recorded(self, system: str, transaction: str, state: str, code: str) -> None:
        """A message's outcome is durable. Failures of an observer are logged and stop nothing."""
