"""PKCS#11 URIs (RFC 7512), as far as they name a key, a module and a PIN."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from agent.errors import ConfigurationError

_WANTED = ("token", "object", "module-path", "pin-value")


@dataclass(frozen=True, slots=True)
class KeyUri:
    token: str
    label: str
    module: str
    pin: str = field(repr=False)


def read_uri(reference: str) -> KeyUri:
    """Raises ConfigurationError, without the text: it holds the PIN."""
    path, _, query = reference.partition(":")[2].partition("?")
    parts = dict(_split(part) for part in (*path.split(";"), *query.split("&")) if part)
    missing = [name for name in _WANTED if not parts.get(name)]
    if missing:
        raise ConfigurationError(
            f"PKCS#11 密钥的写法缺少 {'、'.join(missing)}",
            hint="应为 pkcs11:token=…;object=…?module-path=…&pin-value=…",
            details={"missing": tuple(missing)},
        )
    return KeyUri(parts["token"], parts["object"], parts["module-path"], parts["pin-value"])


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, unquote(value)
