"""GYU002 附件上传 and GYD054 附件下载: whatever the file belongs to (M18).

Nothing refuses a file that is sent twice: it becomes two, and the ledger shows it.
"""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Attachment, Stay
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.attachments import (
    DOWNLOAD_RULES,
    UPLOAD_RULES,
    AttachmentCase,
    FileCase,
)
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    RowDone,
    number,
    read_all,
    read_head,
    refused,
    row_by_row,
    success,
)


def upload(context: Context, data: JsonObject) -> Reply:
    """GYU002: a wrong head refuses the call, a wrong file only itself."""
    head = read_head(context, data)
    if isinstance(head, Refusal):
        return refused(context, head)
    case = _case(context, head)
    refusal = first_refusal(UPLOAD_RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    stay = case.settlement or case.stay
    keys = ("aaa726_s", "filename", "aaa726")
    return row_by_row(context, data, keys, lambda row: _keep(context, row, stay))


def download(context: Context, data: JsonObject) -> Reply:
    """GYD054."""
    asked = read_all(context, data)
    if isinstance(asked, Refusal):
        return refused(context, asked)
    attachment = context.world.attachments.get(asked["aaa726"])
    case = FileCase(asked["aaa726"], attachment)
    refusal = first_refusal(DOWNLOAD_RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    assert attachment is not None  # or known would have refused
    return Reply(success(filecont=attachment.content, filename=attachment.name))


def _keep(context: Context, row: JsonObject, stay: Stay | None) -> RowDone:
    attachment = Attachment(
        aaa726=number(context, "aaa726", 10),
        key=f"attachment:{context.access.province}/{row['aaa726_s']}",
        name=row["filename"],
        filetype=row["filetype"],
        content=row["filecont"],
        stay=stay.aaz515 if stay else "",
    )
    context.world.attachments[attachment.aaa726] = attachment
    effect = Effect(attachment.key, stay.visit if stay else "")
    return RowDone({"aaa726": attachment.aaa726}, (effect,))


def _case(context: Context, head: JsonObject) -> AttachmentCase:
    world = context.world
    number_of_stay, aaz515 = head["akc190"], head["aaz515"]
    return AttachmentCase(
        province=context.access.province,
        akb020=head["akb020"],
        akc190=number_of_stay,
        aaz515=aaz515,
        institution=world.institution(head["akb020"]),
        stay=world.stay(head["akb020"], number_of_stay) if number_of_stay else None,
        settlement=world.settlement_stay(aaz515) if aaz515 else None,
    )
