"""Late values: a draft's slots are filled when its message is claimed, its files when it is sealed."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.events import FILE, SLOT, Draft, Json, Need, Outcome, Verdict
from agent.protocol.attachments import digests


def fill(draft: Draft, values: Mapping[str, str]) -> Draft:
    """The draft with every ``{"$slot": name}`` replaced; a value that does not exist becomes ""."""
    if not draft.needs:
        return draft
    body = _filled(draft.body, values)
    return replace(draft, body=body, needs=())


def load(draft: Draft, content: Callable[[str], bytes]) -> Draft:
    """The draft with every ``{"$file": digest}`` replaced by that file's ``content`` in Base64."""
    if not digests(draft.body):
        return draft
    return replace(draft, body=_loaded(draft.body, content))


def _loaded(value: Json, content: Callable[[str], bytes]) -> Json:
    if isinstance(value, dict):
        if value.keys() == {FILE}:
            return b2a_base64(content(value[FILE]), newline=False).decode("ascii")
        return {key: _loaded(child, content) for key, child in value.items()}
    if isinstance(value, list):
        return [_loaded(child, content) for child in value]
    return value


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
