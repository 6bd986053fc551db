"""Asks every operation as every principal, and compares with the table of policy.md."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.gateway.routing import find_route
from tests.security.belongings import Ids
from tests.security.cast import NOBODY, PRINCIPALS, STRANGERS, Cast
from tests.security.operations import ENDS_SESSIONS, body_of, call_of, path_of
from tests.test_architecture import ROOT

POLICY = Path(__file__).parent / "policy.md"
COLUMNS = ("nobody", *PRINCIPALS[len(NOBODY) :])
VARYING = frozenset({"date", "x-request-id", "ratelimit", "last-event-id"})
"""Headers that differ between any two answers."""
VENDORS_DOORS = {
    "POST /webhooks/fal/imaging/{attempt_id}",
    "POST /webhooks/fal/video/{attempt_id}",
    "POST /webhooks/resend",
}
"""Left out of the document: nobody else can sign what they take."""
METHODS = ("get", "post", "put", "patch", "delete")


def read_policy() -> dict[str, dict[str, int]]:
    """Operation → principal → the status it must answer."""
    policy = {}
    for line in POLICY.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            codes = dict(zip(COLUMNS, map(int, cells[1:]), strict=True))
            nobody = codes.pop("nobody")
            policy[cells[0].strip("`")] = dict.fromkeys(NOBODY, nobody) | codes
    return policy


def operations_of(document: dict[str, Any]) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method in METHODS
    }


def doors() -> set[str]:
    """Every operation of a service that the gateway has a route to."""
    found = set()
    for path in (ROOT / "services").glob("*/**/api.py"):
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for router in (value for value in vars(module).values() if isinstance(value, APIRouter)):
            for route in router.routes:
                if isinstance(route, APIRoute) and find_route(route.path) is not None:
                    found |= {f"{method} {route.path}" for method in route.methods or ()}
    return found


@dataclass(frozen=True)
class Cell:
    """One principal's answer to one operation."""

    operation: str
    principal: str
    expected: int
    status: int
    text: str
    twin: str = ""
    """For a foreign id: the answer about an id that nothing has."""


async def ask(cast: Cast, operation: str, principal: str, expected: int) -> Cell:
    things = cast.belongings_of(principal)
    # Made anew only where it will be used up; a suspended workspace can make nothing but sessions.
    uses = call_of(operation).uses if expected < 300 else ()
    if things is cast.suspended:
        uses = tuple(name for name in uses if name == "session")
    ids = await things.fresh(*uses)
    ids |= await _beside(cast, operation, things.owner.member_id)
    answer = await send(cast, operation, cast.headers[principal], ids)
    twin = ""
    if principal in STRANGERS and expected == 404:
        other = await send(cast, operation, cast.headers[principal], nothing_like(ids))
        twin = said(other)
    if operation in ENDS_SESSIONS and answer.is_success:
        await cast.renew(principal)
    return Cell(operation, principal, expected, answer.status_code, said(answer), twin)


def nothing_like(ids: Ids) -> Ids:
    """The same names, with ids that nothing has."""
    return {name: str(uuid4()) if _is_id(value) else value for name, value in ids.items()}


async def _beside(cast: Cast, operation: str, owner_id: str) -> Ids:
    more = {"owner": owner_id}
    if operation == "POST /v1/admin/affiliate/relationships":
        more["affiliate"] = cast.ours.ids["workspace"]
    return more


async def send(cast: Cast, operation: str, headers: dict[str, str], ids: Ids) -> httpx.Response:
    method, path = operation.partition(" ")[0], path_of(operation, ids)
    http, body = cast.studio.http, body_of(operation, ids)
    async with http.stream(method, path, headers=headers, json=body) as answer:
        endless = answer.headers.get("content-type", "").startswith("text/event-stream")
        if not endless:
            await answer.aread()
    return answer


def said(answer: httpx.Response) -> str:
    """Status, headers and body without what differs between any two answers."""
    if not answer.is_stream_consumed:
        return str(answer.status_code)
    if answer.status_code < 400:
        return answer.text
    problem = answer.json()
    problem.pop("trace_id", None)
    headers = [item for item in sorted(answer.headers.items()) if item[0] not in VARYING]
    return f"{answer.status_code} {sorted(problem.items())} {headers}"


def _is_id(value: str) -> bool:
    try:
        return bool(UUID(value))
    except ValueError:
        return False


def table(cells: list[Cell]) -> str:
    """What was seen, as markdown; a cell that differs from the policy says what it should be."""
    seen: dict[str, dict[str, str]] = {}
    for cell in cells:
        mark = "" if cell.status == cell.expected else f" (not {cell.expected})"
        seen.setdefault(cell.operation, {})[cell.principal] = f"{cell.status}{mark}"
    head = f"| operation | {' | '.join(PRINCIPALS)} |\n|---{'|---' * len(PRINCIPALS)}|\n"
    rows = [
        f"| `{operation}` | {' | '.join(codes[p] for p in PRINCIPALS)} |"
        for operation, codes in seen.items()
    ]
    return head + "\n".join(rows) + "\n"
