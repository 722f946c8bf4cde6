"""Which keys a configured system needs, and the other names that belong to a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agent.hookspecs import KeyUse, ProtocolSpec

CERTIFICATE: Final = ".certificate"
"""``NAME.certificate`` holds the certificate that came along with the private key ``NAME``."""


def key_uses(protocol: ProtocolSpec, options: Mapping[str, Any]) -> tuple[KeyUse, ...]:
    """The keys that a configured system needs. An option whose default is a key's name renames it."""
    from agent.hookspecs import KeyUse

    renamed = {
        option.default: options[option.name]
        for option in protocol.options
        if isinstance(option.default, str) and options.get(option.name)
    }
    return tuple(KeyUse(str(renamed.get(use.name, use.name)), use.about, use.kind) for use in protocol.keys)
