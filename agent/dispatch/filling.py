"""Late values: a draft's slots are filled when its message is claimed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.events import SLOT, Draft, Json, Need, Outcome, Verdict


def fill(draft: Draft, values: Mapping[str, str]) -> Draft:
    """The draft with every ``{"$slot": name}`` replaced; a value that does not exist becomes ""."""
    if not draft.needs:
        return draft
    body = _filled(draft.body, values)
    return replace(draft, body=body, needs=())


def refusal(missing: tuple[Need, ...]) -> Outcome | None:
    """The local refusal of a message whose required values never came to be, or None."""
    names = sorted(need.slot for need in missing if need.required)
    if not names:
        return None
    return Outcome(
        verdict=Verdict.REJECTED,
        code="slot_missing",
        message=f"缺少前序交易应返回的值：{'、'.join(names)}；请先完成前序交易，或在提交内容中直接填写",
        settled_by="agent",
    )


def _filled(value: Json, values: Mapping[str, str]) -> Json:
    if isinstance(value, dict):
        if value.keys() == {SLOT}:
            return values.get(value[SLOT], "")
        return {key: _filled(child, values) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, values) for child in value]
    return value
