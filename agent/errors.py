"""The one tree of errors.

::

    AgentError
    ├── ConfigurationError      a setting, key or catalog that a person has to mend
    │   ├── KeyMissing          a key that the keyring does not hold
    │   └── CatalogError        a data file of a protocol that contradicts itself
    ├── SubmissionInvalid       what a HIS dropped cannot be sent; lists every fault
    ├── CryptoError             key material or ciphertext that must not be trusted
    │   ├── KeyRejected         not a key, or not a key of this curve
    │   ├── CiphertextRejected  does not decrypt to what its sender must have meant
    │   └── SignatureRejected   does not verify
    ├── TransportError          an exchange that gave no answer
    │   ├── NotSent             no byte left this machine: try again
    │   └── MaybeSent           bytes may have left: ask before trying again
    ├── AnswerRejected          an answer that is not one, or not to this request
    ├── StoreError              the outbox cannot keep its promises now
    │   ├── StoreLocked         another process owns the database
    │   ├── StoreDamaged        the database is not one of ours, or is broken
    │   └── StoreFull           no room on the disk
    ├── DeviceError             a scanner or card reader that cannot be used now (agent.devices.model)
    │   └── CardError           a card that cannot be read (agent.devices.cards.model)
    ├── SourceError             a claimed file that cannot be read now (agent.sources)
    ├── HelperError             a helper process gave no value (agent.helpers)
    │   ├── HelperUnavailable   it does not start, or pauses before its next start: nothing was called
    │   ├── HelperTimedOut      it did not answer in time and was ended
    │   ├── HelperDied          it ended, or answered what is no answer
    │   └── HelperRefused       the library in it answered with an error
    ├── SerialsExhausted        a number series has no free number left
    ├── InternalDefect          our own code, or a plugin's, failed where it must not
    ├── ServiceFailed           the operating system's service manager refused (agent.service)
    └── ControlError            a request to the running daemon that it refused

Every error carries a stable English ``code`` for programs, a Chinese sentence for the person who
reads it, and a Chinese ``hint`` that says what to do next. ``retry`` tells whether the same act
may succeed later without anybody's help. No error carries payloads, names or identifiers of
people, or key material.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a submission.

    ``pointer`` is a JSON pointer (RFC 6901) into the submission's data, ``field`` the document's
    field code, ``name`` its Chinese name, ``rule`` a stable English rule name, ``code`` the
    system's own error code where the document has one (``RE0021``), ``message`` Chinese.
    """

    pointer: str
    rule: str
    message: str
    field: str = ""
    name: str = ""
    code: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "pointer": self.pointer,
            "field": self.field,
            "name": self.name,
            "rule": self.rule,
            "code": self.code,
            "message": self.message,
        }


class AgentError(Exception):
    """The root. ``message`` and ``hint`` are Chinese; ``details`` are safe to log."""

    code = "agent_error"
    retry = False

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: Mapping[str, object] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message}（{self.hint}）" if self.hint else self.message


class ConfigurationError(AgentError):
    code = "configuration"


class KeyMissing(ConfigurationError):
    code = "key_missing"


class CatalogError(ConfigurationError):
    code = "catalog"


class SubmissionInvalid(AgentError):
    """What a HIS dropped cannot be sent. ``faults`` names every fault, never only the first."""

    code = "submission_invalid"

    def __init__(self, faults: Sequence[Fault], *, hint: str = "请按 errors 逐条修改后重新提交") -> None:
        super().__init__(f"提交内容有 {len(faults)} 处错误", hint=hint)
        self.faults = tuple(faults)


class CryptoError(AgentError):
    code = "crypto"


class KeyRejected(CryptoError):
    code = "key_rejected"


class CiphertextRejected(CryptoError):
    code = "ciphertext_rejected"


class SignatureRejected(CryptoError):
    code = "signature_rejected"


class TransportError(AgentError):
    code = "transport"
    retry = True


class NotSent(TransportError):
    code = "not_sent"


class MaybeSent(TransportError):
    code = "maybe_sent"


class AnswerRejected(AgentError):
    code = "answer_rejected"


class StoreError(AgentError):
    code = "store"


class StoreLocked(StoreError):
    code = "store_locked"


class StoreDamaged(StoreError):
    code = "store_damaged"


class StoreFull(StoreError):
    code = "store_full"
    retry = True


class HelperError(AgentError):
    code = "helper"
    retry = True


class HelperUnavailable(HelperError):
    code = "helper_unavailable"


class HelperTimedOut(HelperError):
    code = "helper_timed_out"


class HelperDied(HelperError):
    code = "helper_died"


class HelperRefused(HelperError):
    """``reason`` is the helper's stable word, ``number`` the library's own code where it has one."""

    code = "helper_refused"
    retry = False

    def __init__(
        self, message: str, *, hint: str, reason: str, number: int | None, details: Mapping[str, object]
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.reason = reason
        self.number = number


class SerialsExhausted(AgentError):
    code = "serials_exhausted"


class InternalDefect(AgentError):
    """The log has the traceback."""

    code = "internal_defect"


class ControlError(AgentError):
    code = "control"
