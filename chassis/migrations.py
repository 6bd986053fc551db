"""Alembic for every service: `python -m chassis.migrations imaging` upgrades its database.

With the broker's address in the environment it also declares the service's queues.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine

from chassis import answers, declare, inbox, outbox, sweeper
from chassis.database import ChassisTable

ROOT = Path(__file__).resolve().parent.parent
CHASSIS_TABLES = (
    outbox.OutboxRow,
    inbox.InboxRow,
    answers.IdempotencyRow,
    sweeper.SweepRow,
)
VISIBLE = (
    "workspace_id = NULLIF(current_setting('app.workspace_id', true), '')::uuid"
    " OR current_setting('app.all_workspaces', true) = 'on'"
)


def config_of(service: str, owner_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    config.attributes["url"] = owner_url
    return config


def upgrade(service: str, owner_url: str) -> None:
    """Bring the service's database to the newest version; `owner_url` is the owner's."""
    command.upgrade(config_of(service, owner_url), "head")


def run(metadata: MetaData) -> None:
    """What every `migrations/env.py` calls."""
    asyncio.run(_run(context.config.attributes["url"], [metadata, ChassisTable.metadata]))


async def _run(url: str, metadata: list[MetaData]) -> None:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, metadata)
            await connection.commit()
    finally:
        await engine.dispose()


def _migrate(connection: Any, metadata: list[MetaData]) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        # Replicas that start together migrate one after the other.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('migrations'))"))
        context.run_migrations()


def create_chassis_tables() -> None:
    """In a service's first migration: outbox, inbox, idempotency keys and sweeps."""
    ChassisTable.metadata.create_all(op.get_bind())
    protect(outbox.OutboxRow.__tablename__)


def protect(*tables: str) -> None:
    """Force row-level security: a transaction sees one workspace, or says it wants all."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY one_workspace ON {table} USING ({VISIBLE})")


def append_only(*tables: str) -> None:
    """Refuse UPDATE and DELETE to everybody, the owner included."""
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in tables:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def main(service: str) -> None:
    prefix = service.upper()
    upgrade(service, os.environ[f"{prefix}_OWNER_DATABASE_URL"])
    if rabbitmq_url := os.environ.get(f"{prefix}_RABBITMQ_URL"):
        asyncio.run(declare.declare_queues(service, rabbitmq_url))


if __name__ == "__main__":
    main(sys.argv[1])
