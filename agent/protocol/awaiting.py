"""Where what is scanned or read goes: by transaction and kind, as a protocol's table says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from agent.catalog.spelling import find
from agent.catalog.values import is_absent
from agent.errors import Fault, SubmissionInvalid
from agent.events import Reading, Submission

TEXT: Final = "text"
"""Instead of a card's value: the text of the code."""


@dataclass(frozen=True, slots=True)
class Place:
    """``fields``: field of the document → name of the card's value, or ``TEXT``. ``sample``: values of the
    right form, by field, that stand there until something is read."""

    fields: Mapping[str, str]
    sample: Mapping[str, str]


Places = Mapping[tuple[str, str], Place]
"""By transaction and kind."""


def code_place(field: str, sample: str) -> Place:
    """A code goes to one field."""
    return Place({field: TEXT}, {field: sample})


def taken(submission: Submission, places: Places, reading: Reading | None) -> Submission:
    """The submission with a reading, or a sample, in place. Raises SubmissionInvalid where its transaction
    takes no such kind, where the HIS gave what is to be read, and where the card did not give it."""
    kind = reading.kind if reading else submission.wait.kind if submission.wait else ""
    place = places.get((submission.transaction, kind))
    if place is None:
        raise SubmissionInvalid([_WRONG_KIND])
    given = [code for code in place.fields if not is_absent(find(submission.data, code))]
    if given:
        raise SubmissionInvalid([_given(code) for code in given])
    values = place.sample if reading is None else _values(place, reading)
    kept = {key: value for key, value in submission.data.items() if key.strip().lower() not in place.fields}
    return replace(submission, data={**kept, **values})


def _values(place: Place, reading: Reading) -> dict[str, str]:
    known = {**reading.values, TEXT: reading.text}
    found = {code: known[name] for code, name in place.fields.items() if known.get(name)}
    missing = [code for code in place.fields if code not in found and code in place.sample]
    if missing:
        raise SubmissionInvalid([_unread(code) for code in missing])
    return found


_WRONG_KIND: Final = Fault(
    "/await/scan",
    "await_kind",
    "这个交易没有可以由这种扫码或读卡填写的字段，请核对 await 的 scan",
    "await",
    "等待扫码或读卡",
)


def _given(code: str) -> Fault:
    return Fault(
        f"/data/{code}", "await_given", f"{code} 已经填写，不需要等待扫码；请去掉它，或去掉 await", code
    )


def _unread(code: str) -> Fault:
    return Fault(
        f"/data/{code}",
        "await_unread",
        f"卡中没有读到 {code}；3.0 卡的持卡人信息须先认证，请改用社保卡内部认证或厂商读卡驱动",
        code,
    )
