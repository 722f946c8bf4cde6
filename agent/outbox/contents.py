"""Files that messages carry, beside their drafts: sealed, each once a submission, gone when no message that
can still be sent needs them.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.errors import StoreError
from agent.outbox.sealed import Border
from agent.outbox.work import Work


def keep(work: Work, submission: int, digest: str, content: bytes) -> None:
    """Store a file of a submission; once more changes nothing."""
    key = digest_key(work.border, digest)
    if work.one("content_there", submission, key) is None:
        sealed = work.border.seal_bytes("content|content", f"{submission}.{key.hex()}", content)
        work.run("add_content", submission, key, sealed)


def use(work: Work, submission: int, message: int, carried: Iterable[str]) -> None:
    """Note which files a message carries. Raises StoreError for one that is not kept."""
    for digest in carried:
        key = digest_key(work.border, digest)
        if work.one("content_there", submission, key) is None:
            raise missing(submission)
        work.run("add_content_use", message, key)


def release(work: Work, submission: int, message: int) -> None:
    """A message will not be sent any more: drop what only it carried."""
    if work.run("remove_content_uses", message):
        work.run("remove_unused_contents", submission, submission)


def drop(work: Work, submission: int) -> None:
    """None of a submission's messages is there any more."""
    work.run("remove_contents", submission)


def digest_key(border: Border, digest: str) -> bytes:
    return border.key("content", (digest,))


def missing(submission: int) -> StoreError:
    return StoreError(
        "附件内容已不在出站队列中", hint="请将日志交给开发商", details={"submission": submission}
    )
