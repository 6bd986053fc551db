"""Which queries are tied to a workspace, and the repositories as if one of them were not."""

import ast
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import BindParameter, Column, Insert, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression

from tests.security.records import OURS, Record, names_owner
from tests.test_architecture import (
    DOMAINS,
    ROOT,
    Function,
    is_scoped,
    sources,
    tables_of,
    tree_of,
)

ANYWHERE = {"rehome_accounts": "a person's ways in follow them, whichever workspace they left"}

Query = Callable[..., Any]


def repositories() -> list[Path]:
    paths = sources(*(f"services/{name}" for name in DOMAINS))
    return [path for path in paths if "repository" in (path.stem, path.parent.name)]


def module_of(path: Path) -> ModuleType:
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def queries_of(path: Path, module: ModuleType) -> dict[str, Query]:
    """Its public functions that are told a workspace."""
    told = {node.name for node in _told(tree_of(path), path)} - ANYWHERE.keys()
    return {
        name: value
        for name, value in vars(module).items()
        if name in told and inspect.isfunction(value) and not name.startswith("_")
    }


def _told(tree: ast.Module, path: Path) -> Iterator[Function]:
    """By the workspace's id, or by a row of it: what looks across workspaces is told none."""
    for node in tree.body:
        if isinstance(node, Function):
            given = [*node.args.args, *node.args.kwonlyargs]
            named = any(argument.arg.endswith("workspace_id") for argument in given)
            if named or (given and is_scoped(node, tables_of(path))):
                yield node


def unscoped(record: Record) -> list[str]:
    """What asks for rows of every workspace: a table that nothing ties to ours."""
    loose = ["a row by its id alone" for key in record.keys if OURS not in key]
    loose += [f"a new {type(row).__name__}" for row in record.added if not _is_ours(row)]
    for statement in record.statements:
        loose += _loose_tables(statement)
    return loose


def _is_ours(row: Any) -> bool:
    return OURS in vars(row).values()


def _loose_tables(statement: Any) -> list[str]:
    if isinstance(statement, Insert):
        written = statement.compile(dialect=postgresql.dialect()).params.values()  # type: ignore[no-untyped-call]
        return [] if OURS in written or not _owned(statement.table) else [str(statement.table)]
    tables, tied, joins = _read(statement)
    before = -1
    while len(tied) != before:
        before = len(tied)
        tied |= {a for a, b in joins if b in tied} | {b for a, b in joins if a in tied}
    return [str(table) for table in tables - tied if _owned(table)]


def _read(statement: Any) -> tuple[set[Any], set[Any], list[tuple[Any, Any]]]:
    """Its tables, those tied to our workspace, and which are joined by workspace."""
    tables: set[Any] = set()
    tied: set[Any] = set()
    joins: list[tuple[Any, Any]] = []
    for element in visitors.iterate(statement):
        if isinstance(element, Table):
            tables.add(element)
        if not isinstance(element, BinaryExpression) or element.operator is not operators.eq:
            continue
        left, right = element.left, element.right
        if isinstance(left, Column) and names_owner(left):
            if isinstance(right, BindParameter) and right.value == OURS:
                tied.add(left.table)
            elif isinstance(right, Column) and names_owner(right):
                joins.append((left.table, right.table))
    return tables, tied, joins


def _owned(table: Any) -> bool:
    return any(names_owner(column) for column in table.c)


class _Filters(ast.NodeTransformer):
    """Replaces the comparison with a workspace that comes at this place by `true()`."""

    def __init__(self, place: int) -> None:
        self._place = place
        self.count = 0

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if not (isinstance(node.ops[0], ast.Eq) and _is_owner(node.left, node.comparators[0])):
            return node
        self.count += 1
        return ast.parse("_true()", mode="eval").body if self.count == self._place else node


def _is_owner(left: ast.expr, right: ast.expr) -> bool:
    of_column = isinstance(left, ast.Attribute) and left.attr in ("id", "workspace_id")
    named = ast.unparse(right).endswith("workspace_id")
    return named and (of_column or ast.unparse(left).endswith("workspace_id"))


def _transformed(path: Path, filters: _Filters) -> ast.Module:
    tree = tree_of(path)
    for node in _told(tree, path):
        filters.visit(node)
    return ast.fix_missing_locations(tree)


def without_filter(path: Path, place: int) -> ModuleType:
    """The repository as if its author had forgotten one of them."""
    tree = _transformed(path, _Filters(place))
    tree.body[1:1] = ast.parse("from sqlalchemy import true as _true").body
    mutant = ModuleType(module_of(path).__name__)
    exec(compile(tree, str(path), "exec"), vars(mutant))
    return mutant


def mutants() -> Iterator[tuple[Path, int]]:
    """Each repository with the place of each comparison with a workspace in it."""
    for path in repositories():
        counting = _Filters(0)
        _transformed(path, counting)
        for place in range(1, counting.count + 1):
            yield path, place
