"""Answers in JSON as platforms write them: blanks around keys and values, numbers as text or not."""

from __future__ import annotations

from agent import jsontext
from agent.events import Json, JsonObject
from agent.protocol.matching import answer_refused
from agent.protocol.values import text_of


def parse_object(content: bytes) -> JsonObject:
    """A JSON object in UTF-8. Raises AnswerRejected."""
    try:
        return jsontext.read_object(content.decode("utf-8"))
    except (UnicodeDecodeError, jsontext.JsonTextError) as error:
        raise answer_refused("平台返回内容不是有效的 JSON", type(error).__name__) from None


def read_embedded(value: Json) -> JsonObject | None:
    """An object that may come as JSON text, as it stands; None when it is neither."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        return None
    try:
        return jsontext.read_object(value)
    except jsontext.JsonTextError:
        return None


def trim_keys(nodes: JsonObject) -> JsonObject:
    """Raises AnswerRejected when trimming makes two keys one."""
    trimmed = {key.strip(): item for key, item in nodes.items()}
    if len(trimmed) != len(nodes):
        raise answer_refused("平台返回内容中有重复的节点", "keys equal after trimming")
    return trimmed


def tidy(value: Json) -> Json:
    """Keys and texts trimmed, numbers as text, null as "". Raises AnswerRejected when trimming makes
    two keys one."""
    if isinstance(value, dict):
        return {key: tidy(item) for key, item in trim_keys(value).items()}
    if isinstance(value, list):
        return [tidy(item) for item in value]
    return value if isinstance(value, bool) else text_of(value)
