"""A check that finds nothing proves nothing until it has seen something broken."""

from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import pytest

from tests.chaos.invariants.people import IDENTITY
from tests.chaos.world import World
from tests.identity.conftest import Identity, Person
from tests.support.services import ServiceUnderTest

BY_ID = {one.id: one for one in IDENTITY}
BREAKAGES = (
    ("I1", """UPDATE "user" SET role = 'admin' WHERE id = $1"""),
    (
        "I1",
        """DROP INDEX user_one_owner; UPDATE "user" SET role = 'owner' WHERE workspace_id = $2""",
    ),
    (
        "I1b",
        """ALTER TABLE "user" DROP CONSTRAINT user_role;
           UPDATE "user" SET role = 'guest' WHERE id = $1""",
    ),
    ("I1b", "UPDATE workspace SET deleted_at = now() WHERE id = $2"),
    ("I2", """DROP INDEX user_email; UPDATE "user" SET email = 'one@example.com'"""),
    ("I3", """UPDATE "user" SET banned = true WHERE id = $1"""),
    ("I4", """UPDATE "user" SET is_system_admin = true WHERE id = $1"""),
    ("I4", """UPDATE "user" SET is_system_admin = false"""),
    (
        "I4",
        """ALTER TABLE session DROP CONSTRAINT session_impersonation_limit;
           UPDATE session SET expires_at = created_at + interval '61 minutes'
             WHERE impersonated_by IS NOT NULL""",
    ),
    (
        "I4",
        """ALTER TABLE audit_entry DISABLE TRIGGER USER;
           DELETE FROM audit_entry WHERE action = 'impersonation.started'""",
    ),
    (
        "I5",
        """ALTER TABLE audit_entry DISABLE TRIGGER USER;
           DELETE FROM audit_entry WHERE action = 'member.joined'""",
    ),
    (
        "I5",
        """ALTER TABLE invitation DROP CONSTRAINT invitation_accepted_in_time;
           UPDATE invitation SET expires_at = created_at WHERE accepted_at IS NOT NULL""",
    ),
    ("I5b", """UPDATE "user" SET email_verified = false WHERE workspace_id = $2"""),
    ("I5b", """UPDATE "user" SET email = id::text || '@example.com' WHERE workspace_id = $2"""),
    (
        "I5c",
        """DROP INDEX invitation_one_open;
           UPDATE invitation SET accepted_at = NULL, revoked_at = NULL, email = 'a@example.com'
             WHERE workspace_id = $2""",
    ),
    (
        "I5c",
        """ALTER TABLE invitation DROP CONSTRAINT invitation_role;
           UPDATE invitation SET role = 'owner' WHERE workspace_id = $2""",
    ),
    *(
        (
            "I6",
            f"""ALTER TABLE {table} DROP CONSTRAINT {rule};
                UPDATE {table} SET {column} = decode('00', 'hex') WHERE id =
                  (SELECT id FROM {table} WHERE {column} IS NOT NULL LIMIT 1)""",
        )
        for table, column, rule in (
            ("session", "token_hash", "session_token_is_hashed"),
            ("session", "return_hash", "session_return_is_hashed"),
            ("api_key", "key_hash", "api_key_is_hashed"),
            ("invitation", "token_hash", "invitation_token_is_hashed"),
            ("verification", "token_hash", "verification_token_is_hashed"),
        )
    ),
    ("I6", "UPDATE account SET password_hash = 'in the clear' WHERE user_id = $1"),
    (
        "I7",
        """ALTER TABLE workspace DROP CONSTRAINT workspace_suspension_is_explained;
           UPDATE workspace SET status = 'suspended', suspended_at = now() WHERE id = $2""",
    ),
    ("I8", "DELETE FROM outbox WHERE workspace_id = $2"),
    ("I9", "UPDATE workspace SET audit_length = audit_length + 1 WHERE id = $2"),
    (
        "I9",
        """ALTER TABLE audit_entry DISABLE TRIGGER USER;
           UPDATE audit_entry SET position = position + 1000 WHERE workspace_id = $2""",
    ),
)


class Broken:
    """The database as the breaker's own transaction sees it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def column(self, _: str, query: str) -> list[str]:
        return [str(row[0]) for row in await self._connection.fetch(query)]


@pytest.fixture
async def owner_of_tables(services: ServiceUnderTest) -> AsyncIterator[asyncpg.Connection]:
    url = services.database_urls("identity").owner_url.replace("+asyncpg", "")
    connection = await asyncpg.connect(url, server_settings={"app.all_workspaces": "on"})
    yield connection
    await connection.close()


async def offenders(connection: asyncpg.Connection, id_: str) -> set[str]:
    return set(await BY_ID[id_].check(cast(World, Broken(connection))))


def test_every_check_is_shown_to_see() -> None:
    assert {id_ for id_, _ in BREAKAGES} == BY_ID.keys()


@pytest.mark.parametrize(("id_", "statements"), BREAKAGES)
async def test_a_broken_promise_is_seen(
    identity: Identity,
    kari: Person,
    owner_of_tables: asyncpg.Connection,
    id_: str,
    statements: str,
) -> None:
    ola = await identity.colleague(kari)
    await identity.invite(kari, "another@example.com")
    await kari.client.post("/v1/api-keys", json={"name": "k", "scopes": ["members:read"]})
    admin = await identity.administrator()
    path = f"/v1/admin/users/{kari.caller.member_id}/impersonation"
    assert (await admin.client.post(path, json={"reason": "x"})).status_code == 201
    before = await offenders(owner_of_tables, id_)
    assert str(ola.workspace_id) not in before
    transaction = owner_of_tables.transaction()
    await transaction.start()
    filled = statements.replace("$1", f"'{kari.caller.member_id}'")
    try:
        await owner_of_tables.execute(filled.replace("$2", f"'{kari.workspace_id}'"))
        assert await offenders(owner_of_tables, id_) > before
    finally:
        await transaction.rollback()
