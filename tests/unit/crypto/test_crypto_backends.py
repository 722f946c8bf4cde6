"""Who computes SM2: the choice, the self-test that decides it, and OpenSSL's memory and threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from agent.crypto import backends, curve, sm2
from agent.crypto.backends import Backend, libcrypto, self_test
from agent.crypto.backends.gmssl_pure import Gmssl
from agent.crypto.backends.openssl import OpenSSL
from agent.crypto.keys import generate
from agent.crypto.wire import Ciphertext
from agent.errors import CiphertextRejected, CryptoError, SignatureRejected

PAIR = generate()


@pytest.fixture
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_chosen", None)
    monkeypatch.setattr(backends, "_refused", {})


class AcceptsAnySignature(Gmssl):
    def verify(self, point: bytes, message: bytes, r: int, s: int) -> bool:
        return True


class RefusesAnySignature(Gmssl):
    def verify(self, point: bytes, message: bytes, r: int, s: int) -> bool:
        return False


class SkipsTheCheckValue(Gmssl):
    """As the libraries do that return garbage for a changed ciphertext."""

    def decrypt(self, scalar: bytes, point: bytes, parts: Ciphertext) -> bytes | None:
        opened = super().decrypt(scalar, point, parts)
        return opened if opened is not None else b"1zmtOaaFNKdQE6tg/DRzRg=="


class CannotDecrypt(Gmssl):
    def decrypt(self, scalar: bytes, point: bytes, parts: Ciphertext) -> bytes | None:
        return None


class LosesLeadingZeros(Gmssl):
    """The bug of ``lstrip``: harmless for most keys."""

    def derive_point(self, scalar: bytes) -> bytes:
        return super().derive_point(scalar.lstrip(b"\0").ljust(32, b"\0"))


class RepeatsTheKnownSignature(Gmssl):
    def sign(self, scalar: bytes, point: bytes, message: bytes) -> tuple[int, int]:
        return (
            0x22698D42FF45EFB3C6A10861890A20AA37EAFB8589DBA0AABB255AC2F6584D2F,
            0xD2973C7F7D563C79F937DCE233786E2FBB768013F1F4657F508F14D177009A42,
        )


class SignsWithAnotherKey(Gmssl):
    def sign(self, scalar: bytes, point: bytes, message: bytes) -> tuple[int, int]:
        return super().sign(PAIR.scalar, point, message)


class EncryptsForAnotherKey(Gmssl):
    def encrypt(self, point: bytes, plaintext: bytes) -> Ciphertext:
        return super().encrypt(PAIR.public.point, plaintext)


class Crashes(Gmssl):
    def verify(self, point: bytes, message: bytes, r: int, s: int) -> bool:
        raise TypeError("an internal signature changed")


UNFIT: list[type[Gmssl]] = [
    AcceptsAnySignature,
    RefusesAnySignature,
    SkipsTheCheckValue,
    CannotDecrypt,
    LosesLeadingZeros,
    RepeatsTheKnownSignature,
    SignsWithAnotherKey,
    EncryptsForAnotherKey,
]


@pytest.mark.parametrize("unfit", UNFIT)
def test_self_test_refuses_an_unfit_backend(unfit: type[Gmssl]) -> None:
    with pytest.raises(CryptoError) as refusal:
        self_test.run(unfit())
    assert str(refusal.value.details["reason"]).startswith("self-test failed")


def test_every_backend_passes_the_self_test(backend: Backend) -> None:
    self_test.run(backend)
    assert backend.name in backends.NAMES
    assert backend.version


@pytest.mark.usefixtures("nothing_chosen")
def test_fastest_backend_serves_where_it_can(openssl: Backend) -> None:
    assert backends.choose().name == openssl.name
    assert backends.choose() is backends.choose()
    assert openssl.version in backends.describe()
    assert "未采用" not in backends.describe()


def _absent() -> Backend:
    raise libcrypto.unavailable("no libcrypto 3 beside Python")


@pytest.mark.usefixtures("nothing_chosen")
@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (_absent, "no libcrypto 3"),
        (AcceptsAnySignature, "self-test failed: refuses a changed message"),
        (Crashes, "TypeError"),
    ],
)
def test_gmssl_serves_where_the_faster_one_is_absent_or_unfit(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[], Backend], reason: str
) -> None:
    monkeypatch.setitem(backends._CANDIDATES, "openssl", first)
    assert backends.choose().name == "gmssl"
    assert "gmssl" in backends.describe()
    assert reason in backends.describe()


@pytest.mark.usefixtures("nothing_chosen")
def test_no_fit_backend_is_an_error_never_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in backends.NAMES:
        monkeypatch.setitem(backends._CANDIDATES, name, AcceptsAnySignature)
    with pytest.raises(CryptoError) as refusal:
        backends.choose()
    assert set(refusal.value.details["reason"]) == set(backends.NAMES)  # type: ignore[call-overload]


@pytest.mark.usefixtures("nothing_chosen")
def test_forced_backend_serves_from_then_on() -> None:
    assert backends.choose("gmssl").name == "gmssl"
    assert backends.choose().name == "gmssl"


@pytest.mark.usefixtures("nothing_chosen")
def test_forced_backend_that_is_unfit_is_refused_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backends._CANDIDATES, "openssl", AcceptsAnySignature)
    with pytest.raises(CryptoError):
        backends.choose("openssl")
    with pytest.raises(CryptoError, match="没有名为"):
        backends.choose("bouncycastle")


@pytest.mark.usefixtures("nothing_chosen")
def test_threads_that_race_for_the_first_use_get_one_backend() -> None:
    with ThreadPoolExecutor(8) as pool:
        chosen = list(pool.map(lambda _: backends.choose(), range(8)))
    assert all(backend is chosen[0] for backend in chosen)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"gmssl", "Cryptodome", "cryptography", "ctypes", "hashlib", "agent.crypto.backends.openssl"}
    program = f"import agent.crypto, sys; print(*sorted({heavy!r} & sys.modules.keys()))"
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert loaded.stdout.split() == []


def test_gmssl_is_not_loaded_where_openssl_serves(openssl: Backend) -> None:
    program = (
        "from agent.crypto import backends; import sys; print(backends.choose().name, 'gmssl' in sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert loaded.stdout.split() == [openssl.name, "False"]


def test_gmssl_addition_knows_equal_and_opposite_points() -> None:
    gmssl = Gmssl()
    x, y = curve.GENERATOR_X, curve.GENERATOR_Y
    assert gmssl._add(curve.GENERATOR, curve.GENERATOR) == gmssl.derive_point((2).to_bytes(32, "big"))
    assert gmssl._add(curve.GENERATOR, curve.point_bytes(x, curve.P - y)) is None


class RefusesToMultiply(Gmssl):
    def _multiply(self, factor: int, point: bytes) -> bytes:
        raise AssertionError(f"multiplied by {factor}")


def test_gmssl_is_never_asked_to_multiply_by_zero() -> None:
    """It would take zero for one. GB/T 32918.2 refuses before, when r + s is a multiple of N."""
    assert not RefusesToMultiply().verify(PAIR.public.point, b"message", 5, curve.N - 5)


def one_round(backend: Backend) -> None:
    """Every operation once, successes and refusals."""
    message, plaintext = b"message", b"0123456789abcdef01234567"
    signature = sm2.sign(PAIR, message, backend=backend)
    sm2.verify(PAIR.public, message, signature, backend=backend)
    with pytest.raises(SignatureRejected):
        sm2.verify(PAIR.public, b"other", signature, backend=backend)
    ciphertext = sm2.encrypt(PAIR.public, plaintext, backend=backend)
    assert sm2.decrypt(PAIR, ciphertext, backend=backend) == plaintext
    with pytest.raises(CiphertextRejected):
        sm2.decrypt(PAIR, ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]), backend=backend)
    with pytest.raises(CryptoError):
        backend.verify(bytes(64), message, 1, 1)
    assert backend.derive_point(PAIR.scalar) == PAIR.public.point


def test_openssl_keeps_no_memory(openssl: Backend) -> None:
    memory = psutil.Process()
    for _ in range(100):
        one_round(openssl)
    before = memory.memory_info().rss
    for _ in range(400):
        one_round(openssl)
    assert memory.memory_info().rss - before < 512 * 1024


def refused_point(openssl: OpenSSL) -> None:
    with pytest.raises(CryptoError):
        openssl.encrypt(bytes(64), b"plaintext")


REFUSED_BY_OPENSSL: dict[str, Callable[[OpenSSL], object]] = {
    "signature": lambda openssl: openssl.verify(PAIR.public.point, b"message", 1, curve.N - 1),
    "ciphertext": lambda openssl: openssl.decrypt(
        PAIR.scalar, PAIR.public.point, Ciphertext(curve.GENERATOR, b"c2", bytes(32))
    ),
    "point": refused_point,
}


@pytest.mark.parametrize("refused", REFUSED_BY_OPENSSL)
def test_openssl_leaves_no_error_for_the_ssl_module_to_find(openssl: Backend, refused: str) -> None:
    assert isinstance(openssl, OpenSSL)
    assert not openssl._library.ERR_peek_last_error()
    REFUSED_BY_OPENSSL[refused](openssl)
    assert not openssl._library.ERR_peek_last_error()


def test_one_backend_serves_many_threads(backend: Backend) -> None:
    rounds = 100 if backend.name == "openssl" else 4
    with ThreadPoolExecutor(4) as pool:
        turns = [pool.submit(one_round_of_threads, backend) for _ in range(rounds)]
        assert all(turn.result() for turn in turns)


def one_round_of_threads(backend: Backend) -> bool:
    mine = generate()
    message = mine.public.point
    sm2.verify(mine.public, message, sm2.sign(mine, message, backend=backend), backend=backend)
    ciphertext = sm2.encrypt(mine.public, message, backend=backend)
    return sm2.decrypt(mine, ciphertext, backend=backend) == message


def test_frozen_program_is_searched_first_for_its_own_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    (tmp_path / "libcrypto-3.dll").touch()
    (tmp_path / "libcrypto-1_1.dll").touch()
    candidates = list(libcrypto._candidates())
    assert candidates[0] == str(tmp_path / "libcrypto-3.dll")
    assert not any("1_1" in candidate for candidate in candidates)


def test_library_that_is_no_openssl_3_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "libcrypto-3.dll"
    fake.write_bytes(b"not a library")
    monkeypatch.setattr(libcrypto, "_candidates", lambda: iter([str(fake), libc_of_this_machine()]))
    with pytest.raises(CryptoError) as refusal:
        libcrypto.load()
    assert "libcrypto-3.dll" in str(refusal.value.details["reason"])


def libc_of_this_machine() -> str:
    return "msvcrt.dll" if sys.platform == "win32" else "libc.so.6"
