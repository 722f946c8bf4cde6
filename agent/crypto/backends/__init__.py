"""SM2 arithmetic by whoever does it fastest *and* right.

A backend knows numbers and fixed-size bytes, no wire formats and no key files. Which one serves is
decided at the first use, not at import: the candidates are asked in the order of their speed, and
the first that passes the self-test (`self_test.py`) serves the process from then on. ``gmssl`` comes
last, is always installed, and is slow; ``describe`` says why it had to serve.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from agent.crypto.wire import Ciphertext
from agent.errors import CryptoError


class Backend(Protocol):
    """What a backend can do. Scalars are 32 bytes big-endian within 1 … N-2, points 64 bytes ``x ‖ y``
    on the curve; the callers have checked both. Safe to use from several threads."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def derive_point(self, scalar: bytes) -> bytes:
        """scalar · G."""
        ...

    def sign(self, scalar: bytes, point: bytes, message: bytes) -> tuple[int, int]:
        """r and s over SM3(Z ‖ message); ``point`` is the signer's own public point, which enters Z."""
        ...

    def verify(self, point: bytes, message: bytes, r: int, s: int) -> bool:
        """Whether r, s (within 1 … N-1) sign the message for this public point."""
        ...

    def encrypt(self, point: bytes, plaintext: bytes) -> Ciphertext:
        """``plaintext`` is not empty. The caller looks for the all-zero key stream and repeats."""
        ...

    def decrypt(self, scalar: bytes, point: bytes, parts: Ciphertext) -> bytes | None:
        """The plaintext, or None when C3 does not fit. C1 lies on the curve."""
        ...


def _openssl() -> Backend:
    from agent.crypto.backends.openssl import OpenSSL

    return OpenSSL()


def _gmssl() -> Backend:
    from agent.crypto.backends.gmssl_pure import Gmssl

    return Gmssl()


_CANDIDATES: dict[str, Callable[[], Backend]] = {"openssl": _openssl, "gmssl": _gmssl}
"""From the fastest to the one that is always there."""

NAMES = tuple(_CANDIDATES)

_lock = Lock()
_chosen: Backend | None = None
_refused: dict[str, str] = {}


def load(name: str) -> Backend:
    """A new backend of this name that has passed the self-test. Raises ``CryptoError``."""
    from agent.crypto.backends.self_test import run

    make = _CANDIDATES.get(name)
    if make is None:
        raise CryptoError(
            f"没有名为 {name} 的国密后端", hint=f"可选：{'、'.join(NAMES)}", details={"backend": name}
        )
    try:
        backend = make()
        run(backend)
    except CryptoError:
        raise
    except Exception as error:  # a candidate that crashes is as unfit as one that answers wrongly
        raise CryptoError(
            f"国密后端 {name} 无法使用",
            hint="请改用其他后端，或重新安装本程序",
            details={"backend": name, "reason": f"{type(error).__name__}: {error}"},
        ) from error
    return backend


def choose(name: str | None = None) -> Backend:
    """The backend that serves this process, chosen at the first call; ``name`` forces it from now on.

    Raises ``CryptoError`` when the forced one, or every one, is unavailable or fails the self-test.
    """
    global _chosen  # noqa: PLW0603 - one backend serves the whole process
    if name is None and _chosen is not None:
        return _chosen
    with _lock:
        if name is not None:
            _chosen = load(name)
            _refused.clear()
        elif _chosen is None:
            _chosen = _first_that_passes()
        return _chosen


def _first_that_passes() -> Backend:
    _refused.clear()
    for name in NAMES:
        try:
            return load(name)
        except CryptoError as error:
            _refused[name] = str(error.details.get("reason", error.message))
    raise CryptoError("没有可用的国密 SM2 实现", hint="请重新安装本程序", details={"reason": dict(_refused)})


def describe() -> str:
    """One line for people: the backend in use, and why no faster one is."""
    backend = choose()
    passed_over = "".join(f"；{name} 未采用：{reason}" for name, reason in _refused.items())
    return f"{backend.name}（{backend.version}）{passed_over}"
