"""Turns a transaction's file into its specification and checks that it agrees with itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from agent.catalog.fields import read_conditions, read_fields
from agent.catalog.model import (
    CLASSES,
    LEVELS,
    SCOPE_MODES,
    TRANSACTION_KINDS,
    AliasRule,
    BatchRule,
    CodeTable,
    CompletionRule,
    Deadline,
    FieldSpec,
    ForgetRule,
    Identifier,
    Kind,
    Level,
    ScopeRule,
    TransactionSpec,
)
from agent.catalog.reading import Table


def read_transaction(
    table: Table, types: Mapping[str, Kind], code_table: Callable[[str], CodeTable]
) -> TransactionSpec:
    """The specification in ``table``. Raises CatalogError naming file and key."""
    spec = TransactionSpec(
        code=table.text("code"),
        name=table.text("name"),
        section=table.text("section"),
        caller=table.text("caller"),
        frequency=table.text("frequency"),
        description=table.text("description"),
        kind=table.choice("kind", TRANSACTION_KINDS),
        class_=table.choice("class", CLASSES),
        request=read_fields(table.tables("request"), types),
        response=read_fields(table.tables("response"), types),
        table=code_table,
        max_rows=table.whole("max_rows"),
        list=table.text("list", ""),
        answer_list=table.text("answer_list", ""),
        row_key=table.texts("row_key"),
        scopes=tuple(_scope(item) for item in table.tables("scope")),
        identifiers=tuple(_identifier(item) for item in table.tables("identifiers")),
        forgets=tuple(_forget(item) for item in table.tables("forget")),
        aliases=tuple(_alias(item) for item in table.tables("alias")),
        completions=tuple(_completion(item) for item in table.tables("complete")),
        keys=_keys(table.tables("keys"), types),
        inquiry=table.text("inquiry", ""),
        inquiry_hold_s=table.whole("inquiry_hold_s") or 0,
        inquiry_beside=table.flag("inquiry_beside", default=False),
        doubt=table.text("doubt", ""),
        guarded=table.flag("guarded", default=False),
        repeatable=table.flag("repeatable", default=False),
        renew=table.text("renew", ""),
        already_there=table.texts("already_there"),
        not_processed=table.texts("not_processed"),
        deadlines=tuple(_deadline(item) for item in table.tables("deadline")),
        on_refusal=table.choice("on_refusal", ("stop",), ""),
        batch=_batch(table.table("batch")),
        blocks_expired=table.flag("blocks_expired", default=False),
        rules=table.texts("rules"),
    )
    table.finish()
    _check(table, spec)
    return spec


def _scope(table: Table) -> ScopeRule:
    rule = ScopeRule(
        kind=table.text("kind"),
        fields=table.texts("fields"),
        at=cast(Level, table.choice("at", LEVELS, "head")),
        mode=table.choice("mode", SCOPE_MODES, "exclusive"),
        constant=table.text("constant", ""),
    )
    table.finish()
    if bool(rule.fields) == bool(rule.constant):
        raise table.fail("fields 与 constant 恰有其一")
    return rule


def _identifier(table: Table) -> Identifier:
    identifier = Identifier(
        kind=table.text("kind"),
        value=table.text("value"),
        by=table.texts("by"),
        at=cast(Level, table.choice("at", LEVELS, "head")),
        member=table.texts("member"),
        list=table.text("list", ""),
    )
    table.finish()
    return identifier


def _forget(table: Table) -> ForgetRule:
    rule = ForgetRule(
        kind=table.text("kind"),
        by=table.texts("by"),
        at=cast(Level, table.choice("at", LEVELS, "head")),
    )
    table.finish()
    return rule


def _alias(table: Table) -> AliasRule:
    rule = AliasRule(
        kind=table.text("kind"),
        key=table.texts("key"),
        of_kind=table.text("of_kind"),
        of=table.texts("of"),
        at=cast(Level, table.choice("at", LEVELS, "head")),
    )
    table.finish()
    return rule


def _completion(table: Table) -> CompletionRule:
    conditions = read_conditions(table, "when")
    rule = CompletionRule(
        field=table.text("field"),
        kind=table.text("kind"),
        by=table.texts("by"),
        at=cast(Level, table.choice("at", LEVELS, "head")),
        list=table.text("list", ""),
        when=conditions[0] if conditions else None,
    )
    table.finish()
    if len(conditions) > 1:
        raise table.fail("when 只能有一个条件")
    return rule


def _keys(tables: list[Table], types: Mapping[str, Kind]) -> dict[str, tuple[FieldSpec, ...]]:
    found: dict[str, tuple[FieldSpec, ...]] = {}
    for table in tables:
        found[table.text("at", "")] = read_fields(table.tables("fields"), types)
        table.finish()
    return found


def _deadline(table: Table) -> Deadline:
    deadline = Deadline(
        minutes=table.whole("minutes"),
        days=table.whole("days"),
        midnight=table.flag("midnight", default=False),
        of=table.text("of", ""),
    )
    table.finish()
    if sum((deadline.minutes is not None, deadline.days is not None, deadline.midnight)) != 1:
        raise table.fail("minutes、days、midnight 恰有其一")
    if deadline.of and not deadline.midnight:
        raise table.fail("of 只用于 midnight")
    return deadline


def _batch(table: Table | None) -> BatchRule | None:
    if table is None:
        return None
    rule = BatchRule(
        number=table.text("number"),
        kind=table.text("kind"),
        last=table.text("last"),
        more=table.text("more"),
        done=table.text("done"),
    )
    table.finish()
    return rule


def _check(table: Table, spec: TransactionSpec) -> None:
    """Every field that the behaviour keys name must exist on the side and level they mean."""
    _demand(table, "list", [spec.list], _lists(spec.request))
    _demand(table, "answer_list", [spec.answer_list], _lists(spec.response))
    if spec.list:
        _demand(table, "row_key", spec.row_key, _row_codes(spec.request, spec.list))
    if spec.answer_list:
        _demand(table, "row_key", spec.row_key, _row_codes(spec.response, spec.answer_list))
    _check_repetition(table, spec)
    _check_batch(table, spec)
    heads, rows = _codes(spec.asked), _row_codes(spec.asked, spec.list)
    for rule in spec.scopes:
        _demand(table, "scope", rule.fields, rows if rule.at == "row" else heads)
    _demand(table, "deadline", [deadline.of for deadline in spec.deadlines], heads)
    _check_facts(table, spec)
    _check_completions(table, spec)


def _check_facts(table: Table, spec: TransactionSpec) -> None:
    """What an accepted answer leaves behind is read from it and from what was sent."""
    answer = _codes(spec.response) | _row_codes(spec.response, spec.answer_list)
    known = answer | _codes(spec.request) | _row_codes(spec.request, spec.list)
    for identifier in spec.identifiers:
        inner = _inner_codes(spec.response, spec.answer_list, identifier.list)
        wanted = (identifier.value, *identifier.by, *identifier.member)
        _demand(table, "identifiers", wanted, known | inner)
    for forgotten in spec.forgets:
        _demand(table, "forget", forgotten.by, known)
    for alias in spec.aliases:
        _demand(table, "alias", (*alias.key, *alias.of), known)


def _check_completions(table: Table, spec: TransactionSpec) -> None:
    heads, rows = _codes(spec.asked), _row_codes(spec.asked, spec.list)
    for rule in spec.completions:
        inner = _inner_codes(spec.asked, spec.list, rule.list)
        _demand(table, "complete", [rule.field], inner or (rows if rule.at == "row" else heads))
        _demand(table, "complete", rule.by, inner | (rows if rule.at == "row" else set()) | heads)


def _inner_codes(fields: Iterable[FieldSpec], row_list: str, inner: str) -> set[str]:
    """The codes of a list within the rows; none without a list."""
    rows = next((spec.children for spec in fields if spec.code == row_list), ())
    return _row_codes(rows, inner) if inner else set()


def _check_repetition(table: Table, spec: TransactionSpec) -> None:
    if spec.repeatable and spec.inquiry:
        raise table.fail("repeatable 与 inquiry 只能有其一")
    if spec.renew and not spec.repeatable:
        raise table.fail("有 renew 的交易应为 repeatable")
    _demand(table, "renew", [spec.renew], _codes(spec.request))


def _check_batch(table: Table, spec: TransactionSpec) -> None:
    if spec.batch is None:
        return
    _demand(table, "batch", [spec.batch.number, spec.batch.last], _codes(spec.request))
    _demand(table, "batch", [spec.batch.done], _codes(spec.response))
    kept = [rule for rule in spec.identifiers if (rule.kind, rule.at) == (spec.batch.kind, "head")]
    if not spec.list or len(kept) != 1:
        raise table.fail("batch 要有 list，且 kind 应是 identifiers 中的一项")


def _demand(table: Table, key: str, wanted: Iterable[str], known: set[str]) -> None:
    unknown = [code for code in wanted if code and code not in known]
    if unknown:
        raise table.fail(f"{key} 提到的字段不存在：{'、'.join(unknown)}")


def _codes(fields: Iterable[FieldSpec]) -> set[str]:
    return {spec.code for spec in fields}


def _lists(fields: Iterable[FieldSpec]) -> set[str]:
    return {spec.code for spec in fields if spec.kind == "list"}


def _row_codes(fields: Iterable[FieldSpec], row_list: str) -> set[str]:
    return {child.code for spec in fields if spec.code == row_list for child in spec.children}
