"""What waits in an intake's queue, and which of it may pass a large file that is being read. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.events import Scope
from agent.intake.heavy import Job
from agent.outbox.model import NewSubmission
from agent.sources.base import Claimed, ClaimKind


@dataclass(slots=True)
class Item:
    """A claimed file on its way: prepared, being prepared by a helper process, or a control file."""

    claimed: Claimed
    prepared: tuple[NewSubmission, ...] = ()
    job: Job | None = None
    heavy: bool = False

    @property
    def small(self) -> bool:
        """Whether it is ready to be committed together with others."""
        return not self.heavy and self.claimed.kind is not ClaimKind.CONTROL

    @property
    def seq(self) -> int | None:
        """The HIS's own number of a file that is one submission."""
        return self.prepared[0].seq if len(self.prepared) == 1 else None

    @property
    def harmless(self) -> bool:
        """Whether all of it are queries that name no other submission."""
        drafts = [draft for new in self.prepared for draft in new.drafts]
        alone = not any(new.after or new.replaces or new.faults for new in self.prepared)
        return alone and bool(drafts) and all(draft.harmless for draft in drafts)


def passing(queue: Iterable[Item]) -> list[Item]:
    """Queries that may be committed before what stands in front of them, in order.

    One that asks about what an earlier small file changes waits for it, unless it is to go ``now``.
    """
    past: list[Item] = []
    changed: set[tuple[str, tuple[str, ...]]] = set()
    for item in queue:
        if not item.small:
            continue
        if item.harmless and (all(new.now for new in item.prepared) or changed.isdisjoint(_keys(item))):
            past.append(item)
        else:
            changed |= _keys(item)
    return past


def _keys(item: Item) -> set[tuple[str, tuple[str, ...]]]:
    scopes: list[Scope] = [
        scope for new in item.prepared for draft in new.drafts for scope in draft.scopes if not scope.broad
    ]
    return {(scope.kind, scope.key) for scope in scopes}
