"""``his-agent catalog …``: the interface documents as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.catalog import Catalog, FieldSpec, TransactionSpec
    from agent.events import JsonObject

command = Group("catalog", help="查看和导出各系统的接口目录（交易、字段、代码表、错误码）。")
_system = click.argument("system", metavar="系统")


@command.command("list", help="列出系统；给出系统时列出它的交易。")
@click.argument("system", metavar="[系统]", required=False)
@pass_session
def list_catalogs(session: Session, system: str | None) -> None:
    rows = _transactions(_catalog(system)) if system else list(_systems())
    if session.json:
        write_json(rows)
    elif system:
        write_table(("交易", "名称", "方向", "种类"), [tuple(map(str, row.values())) for row in rows])
    else:
        columns = ("系统", "名称", "文档版本", "交易数")
        write_table(columns, [tuple(map(str, row.values())) for row in rows])


@command.command("show", help="显示一个交易的字段。")
@_system
@click.argument("transaction", metavar="交易")
@pass_session
def show(session: Session, system: str, transaction: str) -> None:
    from agent.catalog import export

    catalog = _catalog(system)
    if transaction not in catalog:
        raise CatalogError(
            f"{system} 没有交易 {transaction}", hint=f"用 his-agent catalog list {system} 查看"
        )
    if session.json:
        exported = export(catalog)["transactions"]
        write_json(next(entry for entry in exported if entry["code"] == transaction))
        return
    spec = catalog.transaction(transaction)
    write_line(f"{spec.code} {spec.name}")
    for title, fields in (("请求", spec.request), ("应答", spec.response)):
        write_line(f"{title}：")
        write_table(("字段", "名称", "类型", "长度", "必填", "说明"), _field_rows(fields))


@command.command("export", help="导出整个目录为 JSON，用于与文档核对。")
@_system
def export_catalog(system: str) -> None:
    from agent.catalog import export

    write_json(export(_catalog(system)))


def _catalog(system: str) -> Catalog:
    from agent.registry import Registry

    return Registry().protocol(system).load_catalog()


def _systems() -> Iterator[JsonObject]:
    from agent.registry import Registry

    for name, protocol in Registry().protocols().items():
        catalog = protocol.load_catalog()
        yield {
            "system": name,
            "title": protocol.title,
            "version": catalog.version,
            "transactions": len(catalog.transactions),
        }


def _transactions(catalog: Catalog) -> list[JsonObject]:
    return [_brief(spec) for spec in catalog]


def _brief(spec: TransactionSpec) -> JsonObject:
    return {"code": spec.code, "name": spec.name, "caller": spec.caller, "kind": spec.kind}


def _field_rows(fields: tuple[FieldSpec, ...], depth: int = 0) -> Iterator[tuple[str, ...]]:
    needs = {True: "是", False: "否", "conditional": "视情况"}
    for spec in fields:
        code = "  " * depth + spec.code
        yield (code, spec.name, spec.type, spec.length, needs[spec.required], spec.note.replace("\n", " "))
        yield from _field_rows(spec.children, depth + 1)
