"""Another workspace's id, wherever a request can name one, is like an id that nothing has (R13)."""

import asyncio
import re
from importlib import import_module
from typing import Any

import pytest

from tests.security.belongings import Belongings, Ids
from tests.security.cast import STRANGERS, Cast
from tests.security.matrix import nothing_like, read_policy, said, send
from tests.security.operations import ENDS_SESSIONS, call_of
from tests.security.records import names_owner
from tests.security.studio import Studio
from tests.security.test_row_level_security import SERVICES

IN_BODY = re.compile(r"\{(\w+)\}")
NEW = "random"
QUIET_SECONDS = 30.0


def named_in_body(operation: str) -> set[str]:
    return set(IN_BODY.findall(str(call_of(operation).body))) - {NEW}


SWAPPED_IN_BODY = [
    operation
    for operation, codes in read_policy().items()
    if named_in_body(operation) and codes["owner"] < 300
]


@pytest.mark.parametrize("operation", SWAPPED_IN_BODY)
async def test_an_id_in_a_body(studio: Studio, cast: Cast, operation: str) -> None:
    """On things of their own, so that only the id inside is foreign."""
    own = Belongings(studio, cast.people["stranger"], dict(cast.foreign.ids))
    fresh = await own.fresh(*call_of(operation).uses)
    inside = named_in_body(operation)
    theirs = {name: cast.ours.ids[name] for name in inside}
    headers = cast.headers["stranger"]
    answer = await send(cast, operation, headers, fresh | theirs)
    twin = await send(cast, operation, headers, fresh | nothing_like(theirs))
    assert answer.status_code in (404, 422), answer.text
    assert said(answer) == said(twin)
    assert (await send(cast, operation, headers, fresh)).is_success, "the control"


def queries_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, parameter) of every id that an address takes behind the question mark."""
    return [
        (path, parameter["name"])
        for path, item in document["paths"].items()
        for parameter in item.get("get", {}).get("parameters", ())
        if parameter["in"] == "query" and "uuid" in str(parameter["schema"])
    ]


async def test_an_id_in_a_query(studio: Studio, cast: Cast) -> None:
    document = await studio.done("GET", "/openapi.json")
    tried = 0
    for path, name in queries_of(document):
        if "{" in path or path.startswith("/v1/admin/") or name == "cursor":
            continue
        for thing, twin in zip(*_each(cast.ours.ids), strict=True):
            asked = [
                await studio.call("GET", f"{path}?{name}={value}", cast.people["stranger"])
                for value in (thing, twin)
            ]
            assert said(asked[0]) == said(asked[1]), (path, name)
            tried += 1
    assert tried > 0


def _each(ids: Ids) -> tuple[list[str], list[str]]:
    return list(ids.values()), list(nothing_like(ids).values())


async def rows_of(studio: Studio, workspace_id: str) -> dict[str, str]:
    """A digest of every row the workspace has, by service and table."""
    found = {}
    for service in SERVICES:
        for table in import_module(f"services.{service}.tables").Base.metadata.sorted_tables:
            owners = [f"{column.key} = $1" for column in table.c if names_owner(column)]
            if owners:
                rows = await studio.sql(service, _digest(table.name, owners), workspace_id)
                found[f"{service}.{table.name}"] = rows[0]["digest"]
    return found


def _digest(table: str, owners: list[str]) -> str:
    # When Fiken was last asked about an invoice changes by itself.
    row = "(to_jsonb(t) - 'synced_at')::text"
    rows = f"string_agg({row}, chr(10) ORDER BY {row})"
    where = " OR ".join(owners)
    return f"SELECT md5(coalesce({rows}, '')) AS digest FROM \"{table}\" t WHERE {where}"


async def at_rest(studio: Studio, workspace_id: str) -> dict[str, str]:
    """Once two looks, a second apart, see the same: what was begun before has come to its end."""
    async with asyncio.timeout(QUIET_SECONDS):
        before = await rows_of(studio, workspace_id)
        while True:
            await asyncio.sleep(1)
            now = await rows_of(studio, workspace_id)
            if now == before:
                return now
            before = now


async def test_what_a_stranger_tries_leaves_every_row_as_it_was(studio: Studio, cast: Cast) -> None:
    """In all databases, after each of them tried each operation that names something."""
    named = [
        operation
        for operation in read_policy()
        if ("{" in operation or named_in_body(operation)) and operation not in ENDS_SESSIONS
    ]
    ids = cast.ours.ids | {"owner": cast.ours.owner.member_id}
    ids["affiliate"] = cast.foreign.ids["workspace"]
    workspace_id = cast.ours.ids["workspace"]
    before = await at_rest(studio, workspace_id)
    for principal in STRANGERS:
        for operation in named:
            await send(cast, operation, cast.headers[principal], ids)
    assert len(before) > 30
    assert await at_rest(studio, workspace_id) == before
