"""A small system of three transactions, and short ways to read files of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.events import Submission
from agent.submissions import ReadFailure, ReadingRules, read

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=BEIJING)


@dataclass(frozen=True)
class Word:
    code: str
    name: str = ""
    kind: str = "text"
    sensitive: str = ""
    aliases: Sequence[str] = ()
    children: Sequence[Word] = ()


def listed(code: str, name: str, *children: Word) -> Word:
    return Word(code, name, "list", children=children)


PERSON = (
    Word("aac002", "社会保障号码", sensitive="id_number"),
    Word("aac003", "姓名", sensitive="name"),
    Word("akc190", "住院号", sensitive="number", aliases=("visitno",)),
)
REMARK = Word("aae013", "备注")
FEES = (
    *PERSON,
    listed(
        "datalist",
        "费用明细",
        Word("aaz213_s", "明细流水号"),
        Word("ala020", "项目名称"),
        Word("aae058", "总金额", "number"),
        REMARK,
        listed("rows", "辅助器具", Word("aae074", "单号"), REMARK, listed("parts", "部件", Word("part"))),
    ),
    listed("filedata", "附件", Word("filetype", "附件类型"), Word("file", "文件")),
)
STAYS = (listed("datalist", "入院", *PERSON, Word("aae030", "入院时间")),)
VISIT = (*PERSON, Word("aae030", "入院时间"), Word("one", "重名"), Word("two", "重名"))
PAY = (
    Word("orderid", "订单号"),
    Word(
        "orderdata",
        "订单明细",
        "object",
        children=(
            Word("username", "姓名", sensitive="name"),
            listed(
                "prescriptions", "处方", Word("no", "处方号"), listed("items", "项目", Word("amount", "金额"))
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Words:
    """A vocabulary in memory: (fields, main list) by transaction."""

    transactions: Mapping[str, tuple[Sequence[Word], str]] = field(
        default_factory=lambda: {
            "FEES": (FEES, "datalist"),
            "STAYS": (STAYS, "datalist"),
            "VISIT": (VISIT, ""),
            "PAY": (PAY, ""),
        }
    )

    def __contains__(self, transaction: str) -> bool:
        return transaction in self.transactions

    def fields(self, transaction: str) -> Sequence[Word]:
        return self.transactions[transaction][0]

    def list_of(self, transaction: str) -> str:
        return self.transactions[transaction][1]


def rules(**changes: Any) -> ReadingRules:
    return ReadingRules("ministry", Words(), **changes)


def read_all(
    content: str | bytes, name: str = "a.json", *, atomic: bool = True, **changes: Any
) -> tuple[Submission, ...]:
    raw = content.encode() if isinstance(content, str) else content
    return read(raw, name, rules(**changes), NOW, atomic=atomic)


def read_one(content: str | bytes, name: str = "a.json", **changes: Any) -> Submission:
    (submission,) = read_all(content, name, **changes)
    return submission


def failure(content: str | bytes, name: str = "a.json", **changes: Any) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        read_all(content, name, **changes)
    return caught.value


def rules_broken(content: str | bytes, name: str = "a.json", **changes: Any) -> list[str]:
    return [fault.rule for fault in failure(content, name, **changes).faults]
