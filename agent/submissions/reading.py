"""The notebook of one reading: what was found of a submission, and every fault."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.errors import Fault
from agent.events import JsonObject, Submission
from agent.submissions.damage import UNFIT, UNFIT_SAID
from agent.submissions.names import ID_RULE, FileName, is_id
from agent.submissions.options import OPTION_NAMES, read_option
from agent.submissions.rules import ReadFailure, ReadingRules


@dataclass(slots=True)
class Reading:
    """Collects while a file is read. ``transaction`` and ``id`` begin as the file name's."""

    rules: ReadingRules
    file: FileName
    received_at: datetime
    transaction: str = ""
    id: str = field(default="", repr=False)
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list, repr=False)

    def fault(self, rule: str, message: str, *, pointer: str = "", code: str = "", name: str = "") -> None:
        self.faults.append(Fault(pointer, rule, message, field=code, name=name))

    def failure(self, data: JsonObject | None = None) -> ReadFailure:
        """``data``: the business data, where it could be read whole."""
        known = self.id if is_id(self.id) else ""
        rest = None
        if data is not None and self.transaction in self.rules.vocabulary:
            rest = self.submission(data)
        return ReadFailure(self.faults, transaction=self.transaction, id=known, rest=rest)

    def stop(self, rule: str, message: str) -> ReadFailure:
        """Note a fault after which there is nothing more to read."""
        self.fault(rule, message)
        return self.failure()

    def note_key(self, transaction: object, identifier: object, advice: str = "") -> None:
        """Take the keys from the content (None: not given), compare them with the file name's. ``advice``
        follows what is said of a missing one."""
        self.transaction = self._key("transaction", transaction, self.file.transaction, advice)
        self.id = self._key("id", identifier, self.file.id, advice)
        if self.transaction and self.transaction not in self.rules.vocabulary:
            self.fault(
                "unknown_transaction",
                "本系统没有这个交易编号，请核对 transaction",
                pointer="/transaction",
                code="transaction",
                name="交易编号",
            )
        if self.id and not is_id(self.id):
            self.fault("invalid_id", f"id 应为{ID_RULE}", pointer="/id", code="id", name="提交编号")

    def _key(self, key: str, given: object, carried: str, advice: str) -> str:
        name = OPTION_NAMES[key]
        if given is None or given == "":
            if not carried:
                message = f"缺少 {key}（{name}）{advice}"
                self.fault(f"missing_{key}", message, pointer=f"/{key}", code=key, name=name)
            return carried
        if isinstance(given, int) and not isinstance(given, bool):
            given = str(given)
        if not isinstance(given, str):
            self.fault("option_type", f"{key} 应为文本", pointer=f"/{key}", code=key, name=name)
            return carried
        given = given.strip()
        if UNFIT.search(given):
            self.fault("unfit_characters", f"{key} {UNFIT_SAID}", pointer=f"/{key}", code=key, name=name)
            return carried
        if carried and carried != given:
            message = f"文件名中的 {key} 与文件内容中的不一致"
            self.fault(f"{key}_mismatch", message, pointer=f"/{key}", code=key, name=name)
        return given

    def note_option(self, key: str, value: object) -> None:
        """Check one of the optional keys; None and "" are as good as absent."""
        if value is None or value == "":
            return
        found, fault = read_option(key, value, self.received_at)
        if fault is not None:
            self.faults.append(fault)
        else:
            self.options[key] = found

    def submission(self, data: JsonObject) -> Submission:
        options = {"wait" if key == "await" else key: value for key, value in self.options.items()}
        return Submission(
            system=self.rules.system, transaction=self.transaction, id=self.id, data=data, **options
        )

    def part(self, visit: str, data: JsonObject) -> Submission:
        """One visit's share of a file: its id is ``<id of the file>@<key of the visit>``."""
        identifier = f"{self.id}@{visit}"
        if not is_id(identifier):
            self.fault("invalid_id", f"拆分后的 id（<id>@<就诊编号>）应为{ID_RULE}", pointer="/id", code="id")
        return replace(self.submission(data), id=identifier)

    def finish(self, data: JsonObject | None = None) -> None:
        """Raises ReadFailure if anything was wrong."""
        if self.faults:
            raise self.failure(data)
