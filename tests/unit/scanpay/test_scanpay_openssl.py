"""Signatures and envelopes against OpenSSL's command line, which shares no code with the agent."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.scanpay import envelopes, signatures
from plugins.scanpay.keys import read_private, read_public
from plugins.scanpay.profiles import Form, Hash, Order, Profile

if TYPE_CHECKING:
    from plugins.scanpay.keys import Private, Public

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl to compare with")

PAIRS = (("transdata", "<a>签 到&amp;</a>"), ("respcode", "00"), ("respmsg", ""), ("pltfirmsignature", "x"))
DIGESTS = {Hash.SHA1_HEX: "sha1", Hash.SHA1: "sha1", Hash.SHA256: "sha256", Hash.MD5: "md5", Hash.SM3: "sm3"}
SOURCES = [
    (Profile(order=Order.ASCII), "respcode=00&respmsg=&transdata=<a>签 到&amp;</a>".encode()),
    (
        Profile(order=Order.RECEIVED, empty=False, charset="gbk"),
        "transdata=<a>签 到&amp;</a>&respcode=00".encode("gbk"),
    ),
]


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    assert OPENSSL is not None
    return subprocess.run([OPENSSL, *arguments], input=given, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys that OpenSSL made: RSA with a certificate, SM2 with a public key."""
    folder = tmp_path_factory.mktemp("openssl")
    rsa, sm2 = str(folder / "rsa.pem"), str(folder / "sm2.pem")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", rsa)
    openssl("req", "-x509", "-new", "-key", rsa, "-subj", "/CN=test", "-out", str(folder / "rsa.cer"))
    openssl("genpkey", "-algorithm", "SM2", "-out", sm2)
    for name in ("rsa", "sm2"):
        openssl("pkey", "-in", str(folder / f"{name}.pem"), "-pubout", "-out", str(folder / f"{name}.pub"))
    return folder


def pair(folder: Path, hash_: Hash) -> tuple[str, Private, Public]:
    kind, public = ("sm2", "sm2.pub") if hash_ is Hash.SM3 else ("rsa", "rsa.cer")
    private = read_private((folder / f"{kind}.pem").read_text("ascii"))
    return kind, private, read_public((folder / public).read_text("ascii"))


@pytest.mark.parametrize(("profile", "source"), SOURCES)
@pytest.mark.parametrize("hash_", Hash)
def test_openssl_verifies_what_we_sign_and_we_what_it_signs(
    folder: Path, hash_: Hash, profile: Profile, source: bytes
) -> None:
    profile = Profile(hash_, profile.order, (), profile.empty, Form.BASE64, profile.charset)
    kind, private, public = pair(folder, hash_)
    signed = source
    if hash_ is Hash.SHA1_HEX:
        signed = openssl("dgst", "-sha1", "-r", given=source).split()[0]
    how = ["dgst", f"-{DIGESTS[hash_]}"]
    identity = ["-sigopt", "distid:1234567812345678"] if hash_ is Hash.SM3 else []

    ours = folder / f"{kind}.sig"
    ours.write_bytes(b64decode(signatures.sign(profile, PAIRS, private)))
    verifying = ["-verify", str(folder / f"{kind}.pub"), "-signature", str(ours)]
    assert openssl(*how, *verifying, *identity, given=signed) == b"Verified OK\n"

    theirs = openssl(*how, "-sign", str(folder / f"{kind}.pem"), *identity, given=signed)
    signatures.verify(profile, PAIRS, b64encode(theirs).decode("ascii"), public)


def test_openssl_opens_an_envelope(folder: Path) -> None:
    _, _, public = pair(folder, Hash.SHA1)
    closed = envelopes.close({"transtype": "ST009", "transdata": "<a>签到</a>"}, "1f2e3d4c", public)
    sealed = folder / "session"
    sealed.write_bytes(b64decode(closed["encryptkey"]))
    session = openssl("pkeyutl", "-decrypt", "-inkey", str(folder / "rsa.pem"), "-in", str(sealed))
    assert session == b"1f2e3d4c"
    plain = openssl(
        *("enc", "-d", "-des-ecb", "-K", session.hex(), "-provider", "legacy", "-provider", "default"),
        given=b64decode(closed["encrpteddata"]),
    )
    assert plain.decode() == "transdata=<a>签到</a>&transtype=ST009"
