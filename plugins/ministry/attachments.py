"""Files beside a submission (his-contract, "Attachments"): what names them, and the GYU002 that carry them.

Three forms. ``filecont: "@x.pdf"`` in GYU002 itself; ``filedata: [{"filetype", "file": "@x.pdf"}]`` in the
rows of a filing or a settlement, where GYU002 goes first and the row carries the AAA726 that it gives; an
invoice (type 01) there follows its settlement, since GYU002 then wants the settlement's AAZ515.

A reading stands in for every file while the catalog judges the rest; what is planned carries
``{"$file": digest}`` in its place.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agent.catalog import Catalog, TransactionSpec
from agent.catalog.model import FieldSpec
from agent.catalog.spelling import Spelling
from agent.errors import Fault
from agent.events import (
    Attachment,
    Awaited,
    Completion,
    Draft,
    FileReference,
    History,
    JsonObject,
    Submission,
)
from agent.protocol.attachments import (
    attachment_of,
    beginning,
    is_plain,
    named,
    named_type,
    stand_for,
    unfit,
)
from agent.protocol.values import key_of, text_of

UPLOAD: Final = "GYU002"
FILES: Final = "filelist"
LIST: Final = "filedata"
ROWS: Final = "datalist"
INVOICE: Final = "01"
INLINE_BYTES: Final = 32 * 1024
"""Content within the data stays there up to this size; larger content is kept apart, as files are."""

SETTLED: Final = "settled"
"""The identifier of an accepted settlement: AAZ515 itself exists since the admission (anomalies M76)."""

_FILE: Final = "file"
PENDING: Final = "$pending"
"""Stands for a number that a later answer gives, while the catalog judges the rest."""
_HEAD: Final = ("aac002", "aac003", "akb020", "alc002", "akc190")


def carries_files(spec: TransactionSpec) -> bool:
    """Whether a transaction's rows may name files."""
    return any(child.code == LIST for child in _children(spec.request, ROWS))


def references(catalog: Catalog, submission: Submission) -> tuple[FileReference, ...]:
    """Every file that the data names by a plain name, in order."""
    if submission.transaction not in catalog or not isinstance(submission.data, dict):
        return ()
    spec = catalog.transaction(submission.transaction)
    found = _upload_places(spec, submission.data) if spec.code == UPLOAD else _parent_places(spec, submission)
    return tuple(
        FileReference(name, place.pointer)
        for place in found
        if (name := named(place.value)) is not None and is_plain(name)
    )


@dataclass(frozen=True, slots=True)
class Place:
    """One element of a list that may name a file: where, in which row, and what it holds."""

    pointer: str
    row: int
    index: int
    value: Any = field(repr=False)
    values: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be uploaded for a row: the element of GYU002's list, and where the data names it."""

    row: int
    index: int
    pointer: str
    number: str
    invoice: bool
    element: JsonObject = field(repr=False)
    digest: str

    @property
    def twin_of(self) -> tuple[object, ...]:
        """Equal for what is one file of one person, named twice: it is uploaded once."""
        return (self.row, self.digest, *(text_of(value) for value in self.element.values()))


@dataclass(frozen=True, slots=True)
class Reading:
    """A submission's data with a reading in the place of each file, and what was taken out of it."""

    data: JsonObject = field(repr=False)
    faults: tuple[Fault, ...] = ()
    uploads: tuple[Upload, ...] = ()
    digests: Mapping[int, str] = field(default_factory=dict)
    """Of GYU002: the files by their place in the list."""
    awaits_settlement: bool = False


# -- GYU002 itself -------------------------------------------------------------------------------------
def read_upload(spec: TransactionSpec, submission: Submission) -> Reading:
    """GYU002 as the HIS wrote it; invoices of a stay may leave their AAZ515 to the settlement."""
    head = _read(spec.request, submission.data)
    faults: list[Fault] = []
    digests: dict[int, str] = {}
    elements: Any = list(head[FILES]) if isinstance(head.get(FILES), list) else head.get(FILES)
    for place in _upload_places(spec, submission.data):
        name = named(place.value)
        if name is None:
            continue
        faults += _name_faults(name, place.pointer, submission.attachments, _most_bytes(spec))
        digests[place.index] = _digest(name, submission.attachments)
        filename = place.values.get("filename") or _shown(name)
        elements[place.index] = {**place.values, "filecont": _reading(name), "filename": filename}
    data = {**head, FILES: elements} if digests else submission.data
    awaits = _awaits_settlement(head, elements)
    if awaits:
        data = {**data, "aaz515": PENDING}
    return Reading(data, tuple(faults), digests=digests, awaits_settlement=awaits)


def put_files(
    data: JsonObject, reading: Reading, submission: Submission
) -> tuple[JsonObject, dict[str, bytes]]:
    """Normalised GYU002 data with ``{"$file": digest}`` for every file and for large content within the
    data, and that content by digest."""
    contents: dict[str, bytes] = {}
    elements = []
    for index, element in enumerate(data[FILES]):
        digest = reading.digests.get(index)
        if digest is None and len(element["filecont"]) * 3 // 4 > INLINE_BYTES:
            content = base64.b64decode(element["filecont"])
            digest = attachment_of(content).digest
            contents[digest] = content
        elements.append(element if digest is None else {**element, "filecont": stand_for(digest)})
    head = {**data, "aaz515": ""} if reading.awaits_settlement else data
    return {**head, FILES: elements}, contents


def _awaits_settlement(head: JsonObject, elements: Any) -> bool:
    if text_of(head.get("aaz515")) or not (text_of(head.get("akb020")) and text_of(head.get("akc190"))):
        return False
    rows = elements if isinstance(elements, list) else []
    return any(isinstance(row, dict) and text_of(row.get("filetype")) == INVOICE for row in rows)


# -- rows that name files -------------------------------------------------------------------------------
def read_parent(spec: TransactionSpec, upload: TransactionSpec, submission: Submission) -> Reading:
    """A filing or settlement: each named file becomes an upload, its element refers to what that gives."""
    places = list(_parent_places(spec, submission))
    if not places:
        return Reading(submission.data)
    faults: list[Fault] = []
    uploads: list[Upload] = []
    kept: dict[tuple[int, int], JsonObject | None] = {}
    for place in places:
        name = named(place.value)
        if name is None:
            faults.append(_fault(place.pointer, "attachment_reference", 'file 应写作 "@文件名"'))
            continue
        faults += _name_faults(name, place.pointer, submission.attachments, _most_bytes(upload))
        one = _upload(submission, place, name)
        if any(other.number == one.number and other.twin_of != one.twin_of for other in uploads):
            faults.append(_fault(place.pointer, "duplicate", "省级系统附件ID（aaa726_s）与前面的附件重复"))
        uploads.append(one)
        kept[place.row, place.index] = None if one.invoice else _referring(place.values, one)
    return Reading(_replaced(spec, submission.data, kept), tuple(faults), tuple(uploads))


def _upload(submission: Submission, place: Place, name: str) -> Upload:
    digest = _digest(name, submission.attachments)
    filetype = text_of(place.values.get("filetype"))
    filename = text_of(place.values.get("aaa418")) or _shown(name)
    given = text_of(place.values.get("aaa726_s"))
    number = given or _number(submission, str(place.row), filetype, filename, digest)
    element = {
        "aaa726_s": number,
        "filetype": filetype,
        "fileno": place.values.get("fileno", ""),
        "filename": filename,
        "filecont": _reading(name),
    }
    return Upload(place.row, place.index, place.pointer, number, filetype == INVOICE, element, digest)


def _number(submission: Submission, *parts: str) -> str:
    """AAA726_S of a file that the HIS gave none: the same for the same file of the same submission, and
    nobody else's (20 characters, 100 bits)."""
    text = "\x1f".join((submission.system, submission.transaction, submission.id, *parts))
    return base64.b32encode(hashlib.sha256(text.encode("utf-8")).digest())[:20].decode("ascii")


def _referring(element: JsonObject, upload: Upload) -> JsonObject:
    name = upload.element["filename"]
    return {"filetype": element.get("filetype"), "aaa418": name, "aaa726": PENDING}


def _replaced(
    spec: TransactionSpec, data: JsonObject, kept: Mapping[tuple[int, int], JsonObject | None]
) -> JsonObject:
    """The data with its elements replaced, or left out where there is None."""
    head = _read(spec.request, data)
    rows = list(head[ROWS])
    for number in sorted({row for row, _ in kept}):
        row = _read(_children(spec.request, ROWS), rows[number])
        elements = [kept.get((number, index), element) for index, element in enumerate(row[LIST])]
        rows[number] = {**row, LIST: [element for element in elements if element is not None]}
    return {**head, ROWS: rows}


def head_of(row: JsonObject, upload: TransactionSpec) -> JsonObject:
    """The head of GYU002 for the files of a normalised row."""
    known = {spec.code for spec in upload.request}
    return {code: row[code] for code in _HEAD if code in row and code in known}


# -- the settlement of an invoice -----------------------------------------------------------------------
def with_settlement(draft: Draft, history: History) -> Completion:
    """Invoices of a stay carry the AAZ515 of its settlement, and wait until that is accepted."""
    body = draft.body
    if draft.transaction != UPLOAD or not _awaits_settlement(body, body.get(FILES)):
        return Completion(draft)
    stay = key_of(("akb020", "akc190"), body)
    number = history.value(SETTLED, stay)
    if number is None:
        return Completion(draft, awaits=(Awaited(SETTLED, stay, "该住院号的出院结算（GYU103）被平台受理"),))
    return Completion(replace(draft, body={**body, "aaz515": number}))


# -- finding them -----------------------------------------------------------------------------------------
def _upload_places(spec: TransactionSpec, data: JsonObject) -> Iterator[Place]:
    elements = _read(spec.request, data).get(FILES)
    fields = _children(spec.request, FILES)
    for index, element in enumerate(elements if isinstance(elements, list) else ()):
        if isinstance(element, dict):
            values = _read(fields, element)
            yield Place(f"/{FILES}/{index}/filecont", 0, index, values.get("filecont"), values)


def _parent_places(spec: TransactionSpec, submission: Submission) -> Iterator[Place]:
    if not carries_files(spec) or not isinstance(submission.data, dict):
        return
    fields = _children(spec.request, ROWS)
    rows = _read(spec.request, submission.data).get(ROWS)
    for number, row in enumerate(rows if isinstance(rows, list) else ()):
        elements = _read(fields, row).get(LIST) if isinstance(row, dict) else None
        for index, element in enumerate(elements if isinstance(elements, list) else ()):
            if isinstance(element, dict) and (value := _spelled(element).get(_FILE)) is not None:
                yield Place(
                    f"/{ROWS}/{number}/{LIST}/{index}/{_FILE}", number, index, value, _spelled(element)
                )


def _spelled(element: JsonObject) -> JsonObject:
    """An element of FILEDATA, which may also hold what the upload wants: FILE, FILENO, AAA726_S."""
    return {str(key).strip().lower(): value for key, value in element.items()}


def _read(fields: Iterable[FieldSpec], content: JsonObject) -> JsonObject:
    """An object under the document's codes; keys that the document does not know stay, to be told of."""
    spelled = Spelling(tuple(fields)).read(content)
    return {**{key: content[key] for key in (*spelled.unknown, *spelled.doubled)}, **spelled.values}


def _children(fields: Iterable[FieldSpec], code: str) -> tuple[FieldSpec, ...]:
    return next((spec.children for spec in fields if spec.code == code), ())


def _most_bytes(upload: TransactionSpec) -> int:
    sizes = [spec.max_bytes for spec in _children(upload.request, FILES) if spec.max_bytes]
    return min(sizes)


def _reading(name: str) -> str:
    """Base64 that begins as the file should: what it is itself, :func:`unfit` tells."""
    return base64.b64encode(beginning(named_type(name))).decode("ascii")


def _shown(name: str) -> str:
    """A name for the catalog to judge; one that is no plain name is refused for that alone."""
    return name if is_plain(name) else "-.pdf"


def _digest(name: str, known: Mapping[str, Attachment]) -> str:
    """ "" while the file is missing: what is planned then is not sent."""
    return known[name].digest if name in known else ""


def _name_faults(
    name: str, pointer: str, known: Mapping[str, Attachment], most_bytes: int
) -> Iterator[Fault]:
    if not is_plain(name):
        yield _fault(pointer, "attachment_name", "附件名应为同一文件夹中的普通文件名，不能含路径")
    elif name in known:
        for rule, message in unfit(name, known[name], most_bytes):
            yield _fault(pointer, rule, message, "RE1151" if rule == "size" else "")


def _fault(pointer: str, rule: str, message: str, code: str = "") -> Fault:
    return Fault(pointer, rule, message, field=pointer.rpartition("/")[2], name="附件", code=code)
