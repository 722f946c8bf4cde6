"""What an adapter inherits whose messages need nothing of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping

from agent.events import Completion, Draft, History, JsonObject, Outcome, Verdict


class Unaided:
    """Sends every draft as it was planned; a person's word that it was accepted yields nothing."""

    __slots__ = ()

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        return Completion(draft)

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        return Outcome(Verdict.ACCEPTED, data=data)
