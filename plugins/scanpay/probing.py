"""``his-agent scanpay probe-signature ANSWER CERT``: which signature profile one real answer was made by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.crypto import PublicKey
from agent.errors import ConfigurationError, CryptoError
from agent.hookspecs import Report
from agent.key_material.containers import read_material
from plugins.scanpay import signatures
from plugins.scanpay.forms import Received, read_form
from plugins.scanpay.keys import read_public
from plugins.scanpay.profiles import Hash, Profile, candidates
from plugins.scanpay.sealing import PLATFORM_SIGNATURE

if TYPE_CHECKING:
    from plugins.scanpay.keys import Public


def probe_signature(answer: str, certificate: str) -> Report:
    """Try every profile. Raises ConfigurationError, KeyRejected or AnswerRejected for files that are no
    answer or no certificate."""
    received = read_form(_content(answer))
    if not received.value(PLATFORM_SIGNATURE):
        raise ConfigurationError(
            "应答里没有 pltfirmsignature", hint="请录下平台应答的全部正文；加密的应答请先解密"
        )
    public = read_public(read_material(_content(certificate), _no_password).text)
    tried = [profile for profile in candidates() if _fits(profile, public)]
    found = next((profile for profile in tried if _verifies(profile, received, public)), None)
    if found is None:
        told = f"试了 {len(tried)} 种签名方式，没有一种能通过验签。"
        return Report((told, "请确认证书是平台的、应答没有被改动。"), {"found": False, "tried": len(tried)})
    settings = found.settings()
    lines = ("验签通过，请在 [systems.scanpay] 中写：", *settings.splitlines())
    return Report(lines, {"found": True, "tried": len(tried), "settings": settings})


def _fits(profile: Profile, public: object) -> bool:
    return (profile.hash is Hash.SM3) == isinstance(public, PublicKey)


def _verifies(profile: Profile, received: Received, public: Public) -> bool:
    try:
        signatures.verify(profile, received.pairs, received.value(PLATFORM_SIGNATURE), public)
    except CryptoError:
        return False
    return True


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"文件无法读取：{Path(path).name}", hint="请检查路径和权限", details={"errno": error.errno}
        ) from None


def _no_password() -> str:
    """A certificate has none."""
    return ""
