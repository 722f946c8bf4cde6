"""Checks of the keyring and of the keys that the configured systems need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from agent.checks.model import Finding, Level
from agent.clock import BEIJING
from agent.errors import AgentError, ConfigurationError, KeyMissing
from agent.key_material.certificates import Validity, validity
from agent.key_material.fingerprints import kept_fingerprint
from agent.key_material.uses import CERTIFICATE
from agent.keys import AUDIT_KEY, KeyRing
from agent.keys_entries import is_damage

if TYPE_CHECKING:
    from agent.hookspecs import KeyUse


WARN_DAYS: Final = 30


def check_keys(ring: KeyRing, uses: Iterable[KeyUse]) -> Iterator[Finding]:
    keyring = _check_keyring(ring)
    yield keyring
    for use in uses:
        yield _check_key(ring, use, usable=keyring.level is not Level.ERROR)


def check_audit_key(ring: KeyRing) -> Iterator[Finding]:
    """A trail whose end nobody signs shows a change, but not one made by who writes it anew."""
    try:
        ring.audit_key()
    except ConfigurationError as error:
        if is_damage(error):
            hint = "执行 his-agent keys remove agent/audit-key 后重新启动，会生成新的；请保存以前的公钥供核对"
            yield Finding("audit", Level.ERROR, AUDIT_KEY, error.message, hint)
            return
        yield Finding(
            "audit",
            Level.WARNING,
            AUDIT_KEY,
            "没有审计密钥，审计记录的链头没有签名",
            "运行一次代理程序会自动生成；钥匙串只读时请按 docs/security.md 提供凭据 agent__audit-key",
        )


def check_certificates(ring: KeyRing, uses: Iterable[KeyUse], now: datetime) -> Iterator[Finding]:
    """Certificates that end soon, have ended, or do not count yet."""
    for name, valid in certificates(ring, uses):
        left = valid.days_left(now)
        until = valid.until.astimezone(BEIJING).date().isoformat()
        key = name.removesuffix(CERTIFICATE)
        hint = f"请向签发方更新证书，再用 his-agent keys import {key} 文件 --rotate 导入"
        if now > valid.until or now < valid.since:
            word = f"已于 {until} 到期" if now > valid.until else "还没有生效"
            yield Finding("certificate", Level.ERROR, name, f"证书{word}", hint)
        elif left < WARN_DAYS:
            yield Finding("certificate", Level.WARNING, name, f"证书还有 {left} 天到期（{until}）", hint)


def certificates(ring: KeyRing, uses: Iterable[KeyUse]) -> Iterator[tuple[str, Validity]]:
    """Every certificate at hand, needed or come along with a private key, by its name."""
    try:
        names = {name for name in ring.names() if name.endswith(CERTIFICATE)}
    except ConfigurationError:
        return
    names |= {use.name for use in uses if use.kind == "certificate"}
    for name in sorted(names):
        try:
            yield name, validity(ring.get(name))
        except AgentError:
            continue  # told by the check of the key itself


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
    try:
        ring.names()
    except ConfigurationError as error:
        level = Level.WARNING if is_damage(error) else Level.ERROR
        return Finding("keyring", level, subject, error.message, error.hint)
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
        digest = kept_fingerprint(ring, use.kind, use.name)
    except KeyMissing as error:
        return Finding("key", Level.ERROR, use.name, f"缺少{use.about}", error.hint)
    except AgentError as error:
        return Finding("key", Level.ERROR, use.name, f"{use.about}：{error.message}", error.hint)
    return Finding("key", Level.OK, use.name, f"{use.about}：指纹 {digest}")
