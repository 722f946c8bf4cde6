"""The known answers that a backend has to give before it may touch money.

The answers in ``known_answers.json`` were made with BouncyCastle by the ministry's demo, for keys whose
coordinates or scalar begin with the bytes that trip naive code. Each wrong answer that is accepted
disqualifies as surely as a right one that is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent.crypto.wire import Ciphertext
from agent.errors import CryptoError

if TYPE_CHECKING:
    from agent.crypto.backends import Backend

_ANSWERS = Path(__file__).with_name("known_answers.json")


class _Answers(NamedTuple):
    scalar: bytes
    point: bytes
    message: bytes
    r: int
    s: int
    plaintext: bytes
    parts: Ciphertext


def run(backend: Backend) -> None:
    """Raises ``CryptoError`` at the first answer that is not the known one."""
    for answers in _load():
        _require(backend, "derives the public point", backend.derive_point(answers.scalar) == answers.point)
        _check_signatures(backend, answers)
        _check_ciphertexts(backend, answers)


def _check_signatures(backend: Backend, known: _Answers) -> None:
    point, message, r, s = known.point, known.message, known.r, known.s
    _require(backend, "verifies a known signature", backend.verify(point, message, r, s))
    _require(backend, "refuses a changed message", not backend.verify(point, message + b"\0", r, s))
    own = backend.sign(known.scalar, point, message)
    _require(backend, "signs anew each time", own != (r, s))
    _require(backend, "verifies its own signature", backend.verify(point, message, *own))


def _check_ciphertexts(backend: Backend, known: _Answers) -> None:
    def opens(parts: Ciphertext) -> bool:
        return backend.decrypt(known.scalar, known.point, parts) == known.plaintext

    def refuses(parts: Ciphertext) -> bool:
        return backend.decrypt(known.scalar, known.point, parts) is None

    parts = known.parts
    _require(backend, "opens a known ciphertext", opens(parts))
    _require(backend, "refuses a changed C3", refuses(parts._replace(c3=_flip_last_bit(parts.c3))))
    own = backend.encrypt(known.point, known.plaintext)
    _require(backend, "encrypts anew each time", own.c1 != parts.c1)
    _require(backend, "opens its own ciphertext", opens(own))


def _require(backend: Backend, ability: str, given: bool) -> None:
    if not given:
        raise CryptoError(
            f"国密后端 {backend.name} 未通过自检",
            hint="请重新安装本程序；程序会改用其他后端",
            details={"backend": backend.name, "reason": f"self-test failed: {ability}"},
        )


def _flip_last_bit(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


def _load() -> list[_Answers]:
    return [
        _Answers(
            scalar=bytes.fromhex(entry["scalar"]),
            point=bytes.fromhex(entry["point"]),
            message=entry["message"].encode("ascii"),
            r=int(entry["r"], 16),
            s=int(entry["s"], 16),
            plaintext=entry["plaintext"].encode("ascii"),
            parts=Ciphertext(*(bytes.fromhex(entry[part]) for part in ("c1", "c2", "c3"))),
        )
        for entry in json.loads(_ANSWERS.read_text(encoding="utf-8"))
    ]
