"""Calls a query as a service would and keeps what it would ask the database."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from unittest.mock import MagicMock
from uuid import UUID, uuid4

from pydantic import BaseModel, EmailStr
from sqlalchemy import Column

OURS = uuid4()
SAMPLES: dict[type, Any] = {
    int: 1,
    float: 1.0,
    bool: True,
    str: "sent",  # any text; where a query looks up a status, one that is there
    bytes: b"x",
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
    date: date(2026, 1, 1),
    EmailStr: "somebody@ai-studio.example",
}


class Record:
    """Stands where a session does; every statement is kept and answered with one row or none."""

    def __init__(self, finds: bool) -> None:
        self.statements: list[Any] = []
        self.keys: list[tuple[Any, ...]] = []
        self.added: list[Any] = []
        self.info: dict[str, Any] = {}
        self._finds = finds

    async def execute(self, statement: Any, *_: Any, **__: Any) -> MagicMock:
        self.statements.append(statement)
        rows = [MagicMock()] if self._finds else []
        return MagicMock(all=lambda: rows, __iter__=lambda _: iter(rows))

    scalars = stream_scalars = execute

    async def scalar(self, statement: Any, *_: Any) -> MagicMock | None:
        self.statements.append(statement)
        return MagicMock() if self._finds else None

    async def get(self, _: Any, key: Any, **__: Any) -> MagicMock | None:
        self.keys.append(key if isinstance(key, tuple) else (key,))
        return MagicMock() if self._finds else None

    async def flush(self) -> None:
        return None

    def add(self, row: Any) -> None:
        self.added.append(row)

    def add_all(self, rows: Any) -> None:
        self.added.extend(rows)

    @property
    def is_empty(self) -> bool:
        return not (self.statements or self.keys or self.added)


async def asked(query: Callable[..., Any]) -> Record:
    """What it asks on behalf of our workspace, whether it finds something or not."""
    both = Record(finds=False)
    for finds in (False, True):
        record = Record(finds)
        arguments = _arguments(query, record)
        # A refusal, or a row that is none: what was asked until then is kept.
        with suppress(Exception):
            called = query(**arguments)
            await (called if inspect.isawaitable(called) else _drained(called))
        both.statements += record.statements
        both.keys += record.keys
        both.added += record.added
    return both


async def _drained(rows: Any) -> None:
    async for _ in rows:
        pass


def _arguments(query: Callable[..., Any], session: Record) -> dict[str, Any]:
    hints = get_type_hints(query)
    values: dict[str, Any] = {"session": session}
    for name, parameter in inspect.signature(query).parameters.items():
        by_name = parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if name != "session" and by_name and parameter.default is parameter.empty:
            values[name] = sample(hints[name], name)
    return values


def sample(kind: Any, name: str = "") -> Any:
    """Some value of the type; whatever names a workspace names ours."""
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, TypeVar):
        return sample(kind.__constraints__[0])
    if origin is type:
        of = parts[0]
        return of.__constraints__[0] if isinstance(of, TypeVar) else of
    if origin is Literal:
        return parts[0]
    if origin is dict or kind is dict:
        return _Values()
    if origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence":
        items = [sample(part, name) for part in parts if part is not Ellipsis]
        return tuple(items) if origin is tuple else items
    if parts:
        return sample(parts[0], name)
    return _plain(kind, name)


def _plain(kind: Any, name: str) -> Any:
    if kind is UUID:
        return OURS if name.endswith("workspace_id") else uuid4()
    if kind in SAMPLES:
        return SAMPLES[kind]
    if (table := getattr(kind, "__table__", None)) is not None:
        return kind(**{column.key: _content(column) for column in table.c if _fills(column)})
    if issubclass(kind, BaseModel):
        return kind.model_construct()
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: sample(hint, name) for name, hint in hints.items()})
    return MagicMock(workspace_id=OURS, affiliate_workspace_id=OURS)


def _content(column: Column[Any]) -> Any:
    return OURS if names_owner(column) else _plain(column.type.python_type, column.key)


def _fills(column: Column[Any]) -> bool:
    kind = column.type.python_type
    return kind is UUID or kind in SAMPLES


class _Values(dict[str, Any]):
    """Columns to be written: any that is asked for is there."""

    def __missing__(self, _: str) -> UUID:
        return uuid4()


def names_owner(column: Column[Any]) -> bool:
    of_itself = column.key == "id" and str(column.table) == "workspace"
    return of_itself or column.key.endswith("workspace_id")
