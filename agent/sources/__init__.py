"""Sources of events. ``base`` is the contract, ``folder`` the watched inbox."""

from agent.sources.base import Claimed, ClaimKind, Condition, Source, SourceError, SourceState
from agent.sources.folder import FolderSource
from agent.sources.settings import FolderSettings

__all__ = [
    "ClaimKind",
    "Claimed",
    "Condition",
    "FolderSettings",
    "FolderSource",
    "Source",
    "SourceError",
    "SourceState",
]
