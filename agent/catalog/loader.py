"""Finds a catalog in a package and reads its parts when they are first needed.

Only ``index.toml`` is read by ``load_catalog``; a transaction, the code tables, the error codes and
the envelope are each read once, on first use, and kept. Reading one part twice at the same moment
is harmless: both readers get equal content and one of them is kept.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, cast

from agent.catalog.fields import read_fields
from agent.catalog.model import KINDS, Catalog, CodeTable, Envelope, Kind, TransactionSpec
from agent.catalog.reading import Table, broken
from agent.catalog.transactions import read_transaction


@cache
def load_catalog(package: str) -> Catalog:
    """The catalog kept in ``package`` (``plugins.ministry.catalog``). Raises CatalogError."""
    try:
        folder = files(package)
    except ModuleNotFoundError as error:
        raise broken(package, "没有这个包") from error
    return open_catalog(folder)


def open_catalog(folder: Traversable) -> Catalog:
    """The catalog kept in ``folder``. Raises CatalogError."""
    index = Table(_content(folder, "index.toml"), "index.toml")
    types = _types(index)
    codes = index.texts("transactions")
    if len(set(codes)) != len(codes) or not codes:
        raise index.fail("transactions 为空或有重复")
    title, version, system = index.text("title"), index.text("version"), index.text("system")
    index.finish()
    return Catalog(
        system=system,
        title=title,
        version=version,
        transactions=codes,
        source=_Folder(folder=folder, types=types, codes=frozenset(codes)),
    )


def _types(index: Table) -> Mapping[str, Kind]:
    types = index.mapping("types")
    wrong = sorted(set(types.values()) - set(KINDS))
    if wrong:
        raise index.fail(f"[types] 不认识的类别 {'、'.join(wrong)}")
    return cast(Mapping[str, Kind], types)


def _content(folder: Traversable, *path: str) -> dict[str, Any]:
    place = "/".join(path)
    try:
        return tomllib.loads(folder.joinpath(*path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise broken(place, "文件不存在") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise broken(place, f"不是有效的 TOML：{error}") from error


@dataclass(frozen=True, eq=False)
class _Folder:
    """The catalog source that reads files."""

    folder: Traversable
    types: Mapping[str, Kind]
    codes: frozenset[str]
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def transaction(self, code: str) -> TransactionSpec:
        kept = self._kept.get(code)
        if kept is None:
            kept = self._kept.setdefault(code, self._transaction(code))
        return cast(TransactionSpec, kept)

    def tables(self) -> Mapping[str, CodeTable]:
        return cast(Mapping[str, CodeTable], self._once("tables.toml", self._tables))

    def error_tables(self) -> Mapping[str, CodeTable]:
        return cast(Mapping[str, CodeTable], self._once("errors.toml", self._error_tables))

    def errors(self) -> Mapping[str, str]:
        return {
            code: names[0] for table in self.error_tables().values() for code, names in table.codes.items()
        }

    def envelope(self) -> Envelope:
        return cast(Envelope, self._once("envelope.toml", self._envelope))

    def code_table(self, name: str) -> CodeTable:
        """A code table, or the error codes under their table's name."""
        found = self.error_tables().get(name) or self.tables().get(name)
        if found is None:
            raise broken("tables.toml", f"没有代码表 {name}")
        return found

    def _once(self, name: str, read: Any) -> Any:
        if name not in self._kept:
            self._kept.setdefault(name, read())
        return self._kept[name]

    def _transaction(self, code: str) -> TransactionSpec:
        if code not in self.codes:
            raise broken("index.toml", f"没有交易 {code}")
        place = f"transactions/{code}.toml"
        table = Table(_content(self.folder, "transactions", f"{code}.toml"), place)
        spec = read_transaction(table, self.types, self.code_table)
        if spec.code != code:
            raise broken(place, f"code 是 {spec.code}，与文件名不符")
        return spec

    def _tables(self) -> Mapping[str, CodeTable]:
        return _read_tables(_content(self.folder, "tables.toml"), "tables.toml", open_=False)

    def _error_tables(self) -> Mapping[str, CodeTable]:
        return _read_tables(_content(self.folder, "errors.toml"), "errors.toml", open_=True)

    def _envelope(self) -> Envelope:
        table = Table(_content(self.folder, "envelope.toml"), "envelope.toml")
        envelope = Envelope(
            header=read_fields(table.tables("header"), self.types),
            request=read_fields(table.tables("request"), self.types),
            response=read_fields(table.tables("response"), self.types),
            response_head=read_fields(table.tables("response_head"), self.types),
        )
        table.finish()
        return envelope


def _read_tables(content: dict[str, Any], place: str, *, open_: bool) -> Mapping[str, CodeTable]:
    tables: dict[str, CodeTable] = {}
    for name, body in content.items():
        if not isinstance(body, dict):
            raise broken(place, f"{name} 应为表")
        tables[name] = _read_table(name, Table(body, f"{place}：{name}"), open_=open_)
    return tables


def _read_table(name: str, table: Table, *, open_: bool) -> CodeTable:
    title = table.text("title")
    body = table.table("codes")
    table.finish()
    if body is None:
        raise table.fail("缺少 codes")
    codes = {code: _names(body, code, names) for code, names in body.rest().items()}
    return CodeTable(name=name, title=title, codes=codes, open=open_)


def _names(table: Table, code: str, names: Any) -> tuple[str, ...]:
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        raise table.fail(f"{code} 应为名称或名称数组")
    return tuple(listed)
