"""The log: filtered, exported, and proof against whoever owns the database."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from services.identity.administration.rules import csv_cell
from tests.identity.conftest import Identity, Person
from tests.support.services import ServiceUnderTest


async def write_some(kari: Person, count: int = 5) -> None:
    for number in range(count):
        await kari.client.patch("/v1/workspace", json={"name": f"Name {number}"})


async def proof(person: Person) -> dict[str, object]:
    answer = await person.client.get("/v1/workspace/audit-log/proof")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


@asynccontextmanager
async def owner_of_tables(services: ServiceUnderTest) -> AsyncIterator[asyncpg.Connection]:
    """Somebody with the owner's password, who switches the trigger off and row security too."""
    url = services.database_urls("identity").owner_url.replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET app.all_workspaces = 'on'")
        await connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER append_only")
        yield connection
    finally:
        await connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER append_only")
        await connection.close()


async def test_an_untouched_log_is_proven(kari: Person) -> None:
    await write_some(kari)
    assert await proof(kari) == {"intact": True, "entries": 5, "broken_at": None}


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        ("UPDATE audit_entry SET details = '{}' WHERE workspace_id = $1 AND position = 3", 3),
        ("UPDATE audit_entry SET actor = '{}' WHERE workspace_id = $1 AND position = 1", 1),
        (
            "UPDATE audit_entry SET occurred_at = occurred_at - interval '1 s'"
            " WHERE workspace_id = $1 AND position = 2",
            2,
        ),
        ("DELETE FROM audit_entry WHERE workspace_id = $1 AND position = 2", 2),
        ("DELETE FROM audit_entry WHERE workspace_id = $1 AND position = 5", 5),
        ("DELETE FROM audit_entry WHERE workspace_id = $1", 1),
    ],
)
async def test_a_changed_or_missing_line_is_found(
    services: ServiceUnderTest, kari: Person, tamper: str, broken_at: int
) -> None:
    await write_some(kari)
    async with owner_of_tables(services) as connection:
        await connection.execute(tamper, kari.workspace_id)
    assert await proof(kari) == {"intact": False, "entries": 5, "broken_at": broken_at}


async def test_the_log_is_filtered_and_paged(identity: Identity, kari: Person) -> None:
    admin = await identity.colleague(kari, "admin")
    await write_some(kari, 3)
    await admin.client.patch("/v1/workspace", json={"name": "By the administrator"})
    path = "/v1/workspace/audit-log"
    by_admin = await kari.client.get(path, params={"actor_id": str(admin.caller.member_id)})
    assert [line["action"] for line in by_admin.json()["items"]] == [
        "workspace.edited",
        "member.joined",
    ]
    invitations = await kari.client.get(path, params={"action": "invitation."})
    assert [line["action"] for line in invitations.json()["items"]] == ["invitation.created"]
    last = invitations.json()["items"][0]["occurred_at"]
    until = await kari.client.get(path, params={"until": last})
    assert until.json()["items"] == []
    positions: list[int] = []
    cursor = None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await kari.client.get(path, params=query)).json()
        positions += [line["position"] for line in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert positions == [6, 5, 4, 3, 2, 1]
    assert (await kari.client.get(path, params={"cursor": "x"})).status_code == 422


async def test_the_log_is_exported_as_csv_that_runs_nothing(
    identity: Identity, kari: Person
) -> None:
    formula = "=HYPERLINK(1)"
    await kari.client.post("/v1/api-keys", json={"name": formula, "scopes": ["members:read"]})
    answer = await kari.client.get("/v1/workspace/audit-log.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    [line] = list(csv.DictReader(io.StringIO(answer.text)))
    assert (line["position"], line["action"]) == ("1", "api_key.created")
    assert all(cell[:1] not in "=+-@" for cell in line.values())
    stranger = await identity.person()
    theirs = await stranger.client.get("/v1/workspace/audit-log.csv")
    assert theirs.text.splitlines() == [answer.text.splitlines()[0]]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_cell_that_begins_like_a_formula_becomes_text(cell: str) -> None:
    assert csv_cell(cell) == f"'{cell}"
    assert csv_cell("plain") == "plain"


async def test_administrators_read_any_log_and_members_none(
    identity: Identity, kari: Person
) -> None:
    await write_some(kari, 1)
    admin = await identity.administrator()
    path = f"/v1/admin/workspaces/{kari.workspace_id}/audit-log"
    assert len((await admin.client.get(path)).json()["items"]) == 1
    assert (await kari.client.get(path)).status_code == 403
    nobodys = await admin.client.get(f"/v1/admin/workspaces/{uuid4()}/audit-log")
    assert nobodys.json()["items"] == []
    member = await identity.colleague(kari)
    for suffix in ("", ".csv", "/proof"):
        answer = await member.client.get(f"/v1/workspace/audit-log{suffix}")
        assert answer.status_code == 403
