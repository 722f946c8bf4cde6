"""Checks of the keyring and of the keys that the configured systems need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from agent.checks.model import Finding, Level
from agent.errors import AgentError, ConfigurationError, KeyMissing
from agent.key_material import fingerprint
from agent.keys import KeyRing

if TYPE_CHECKING:
    from agent.hookspecs import KeyUse


def check_keys(ring: KeyRing, uses: Iterable[KeyUse]) -> Iterator[Finding]:
    keyring = _check_keyring(ring)
    yield keyring
    for use in uses:
        yield _check_key(ring, use, usable=keyring.level is not Level.ERROR)


def check_sm2() -> Iterator[Finding]:
    """Which SM2 arithmetic serves, and why no faster one does."""
    from agent.crypto import backends

    try:
        chosen = backends.choose()
    except AgentError as error:
        yield Finding("sm2", Level.ERROR, "SM2", error.message, error.hint)
        return
    slow = chosen.name == "gmssl"
    yield Finding(
        "sm2",
        Level.WARNING if slow else Level.OK,
        f"{chosen.name} {chosen.version}",
        "只能用较慢的 SM2 实现" if slow else "SM2 实现已通过自检",
        "请安装 OpenSSL 3 的动态库；不装也能用，只是每笔慢约 50 毫秒" if slow else "",
    )


def _check_keyring(ring: KeyRing) -> Finding:
    try:
        keyring = ring.describe()
    except ConfigurationError as error:
        return Finding("keyring", Level.ERROR, "keyring", error.message, error.hint)
    subject = f"{keyring.backend}（账户 {keyring.account}）"
    if keyring.volatile:
        return Finding(
            "keyring",
            Level.WARNING,
            subject,
            "正在使用只在内存里的演练钥匙串，停止后密钥即失",
            "正式使用请去掉环境变量 PYTHON_KEYRING_BACKEND",
        )
    return Finding("keyring", Level.OK, subject, "钥匙串可用")


def _check_key(ring: KeyRing, use: KeyUse, *, usable: bool) -> Finding:
    """Without a usable keyring only keys that are held in memory can be judged."""
    if not usable and use.name not in ring.held():
        return Finding("key", Level.ERROR, use.name, f"无法读取{use.about}", "请先解决钥匙串的问题")
    try:
        digest = fingerprint(use.kind, ring.get(use.name))
    except KeyMissing as error:
        return Finding("key", Level.ERROR, use.name, f"缺少{use.about}", error.hint)
    except AgentError as error:
        return Finding("key", Level.ERROR, use.name, f"{use.about}：{error.message}", error.hint)
    return Finding("key", Level.OK, use.name, f"{use.about}：指纹 {digest}")
