"""The known answers that a backend has to give before it may touch money.

The answers in ``known_answers.json`` come from the ministry's demo on BouncyCastle, for keys whose scalar
or coordinates begin with the bytes that trip naive code (zeros, ``04``). A wrong answer that is accepted
disqualifies as surely as a right one that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agent.crypto.wire import Ciphertext
from agent.errors import CryptoError

if TYPE_CHECKING:
    from agent.crypto.backends import Backend

_ANSWERS = Path(__file__).with_name("known_answers.json")


def run(backend: Backend) -> None:
    """Raises ``CryptoError`` at the first answer that is not the known one."""
    answers = json.loads(_ANSWERS.read_text(encoding="utf-8"))
    _check_signatures(backend, answers["signature"])
    _check_ciphertexts(backend, answers["ciphertext"])


def _check_signatures(backend: Backend, known: Mapping[str, str]) -> None:
    scalar, point = bytes.fromhex(known["scalar"]), bytes.fromhex(known["point"])
    message, r, s = known["message"].encode("ascii"), int(known["r"], 16), int(known["s"], 16)
    _require(backend, "verifies a known signature", backend.verify(point, message, r, s))
    _require(backend, "refuses a changed message", not backend.verify(point, message + b"\0", r, s))
    own = backend.sign(scalar, point, message)
    _require(backend, "signs anew each time", own != (r, s))
    _require(backend, "verifies its own signature", backend.verify(point, message, *own))


def _check_ciphertexts(backend: Backend, known: Mapping[str, str]) -> None:
    scalar, point, c1, c2, c3 = (bytes.fromhex(known[name]) for name in ("scalar", "point", "c1", "c2", "c3"))
    plaintext, parts = known["plaintext"].encode("ascii"), Ciphertext(c1, c2, c3)
    changed = parts._replace(c3=c3[:-1] + bytes((c3[-1] ^ 1,)))
    _require(backend, "derives the public point", backend.derive_point(scalar) == point)
    _require(backend, "opens a known ciphertext", backend.decrypt(scalar, point, parts) == plaintext)
    _require(backend, "refuses a changed C3", backend.decrypt(scalar, point, changed) is None)
    own = backend.encrypt(point, plaintext)
    _require(backend, "encrypts anew each time", own.c1 != c1)
    _require(backend, "opens its own ciphertext", backend.decrypt(scalar, point, own) == plaintext)


def _require(backend: Backend, ability: str, given: bool) -> None:
    if not given:
        raise CryptoError(
            f"国密后端 {backend.name} 未通过自检",
            hint="请改用其他后端，或重新安装本程序",
            details={"backend": backend.name, "reason": f"self-test failed: {ability}"},
        )
