"""From a claimed file to what the queue of an inbox holds: small files are read and judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import Fault, SubmissionInvalid
from agent.events import Attachment
from agent.hookspecs import Preparation, ProtocolAdapter
from agent.intake.items import Item
from agent.intake.prepare import NO_FILES, Dropped, prepare, unreadable
from agent.logs import get_logger
from agent.outbox.model import NewSubmission
from agent.sources.base import Claimed, ClaimKind, Source
from agent.sources.event_ids import Mark
from agent.submissions import ReadingRules

log = get_logger("agent.intake")

HEAVY_BYTES = 256 * 1024
"""From this size on a helper process reads: below it, reading takes less than a few milliseconds."""

INCOMPLETE = Fault(
    "",
    "incomplete_file",
    "文件在规定时间内没有写完（大小仍在变化、被占用，或缺少标记文件），已移入 rejected；请写完后改名放入",
)
DEFECT = Fault(
    "",
    "internal_defect",
    "程序内部错误，未能处理这个文件，内容没有发送；请将日志交给开发商，更正后可重新提交",
)


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares the files of one inbox. A plugin that fails costs one file its turn, never the inbox."""

    folder: str
    source: Source
    rules: ReadingRules
    adapter: ProtocolAdapter
    preparation: Preparation | None = None

    def item(self, claimed: Claimed) -> Item:
        if claimed.kind is ClaimKind.CONTROL:
            return Item(claimed)
        readable = not claimed.incomplete and not claimed.event_id.endswith(Mark.NAME_TOO_LONG)
        if readable and HEAVY_BYTES < claimed.size <= self.rules.max_bytes:
            return Item(claimed, heavy=True)
        return Item(claimed, prepared=self.prepared(claimed))

    def prepared(
        self, claimed: Claimed, attachments: Mapping[str, Attachment] = NO_FILES
    ) -> tuple[NewSubmission, ...]:
        """The submissions of a small file, given what is known of the files that it names."""
        dropped = self.dropped(claimed)
        try:
            raw = self.content(claimed)
        except SubmissionInvalid as error:
            return (unreadable(dropped, self.rules.system, error),)
        try:
            whole = dropped.with_content(raw)
            return tuple(prepare(whole, self.rules, self.adapter, self.preparation, attachments))
        except Exception:
            log.exception("defect while a file was read", folder=self.folder, event_id=claimed.event_id)
            return (self.defective(claimed),)

    def content(self, claimed: Claimed) -> bytes:
        if claimed.incomplete:
            raise SubmissionInvalid([INCOMPLETE])
        return self.source.read(claimed)

    def defective(self, claimed: Claimed) -> NewSubmission:
        return unreadable(self.dropped(claimed), self.rules.system, SubmissionInvalid([DEFECT]))

    def dropped(self, claimed: Claimed) -> Dropped:
        return Dropped(
            event_id=claimed.event_id,
            folder=self.folder,
            file_name=claimed.name,
            received_at=claimed.seen_at,
            modified_at=claimed.modified_at,
            raw=b"",
            atomic=claimed.atomic,
        )
