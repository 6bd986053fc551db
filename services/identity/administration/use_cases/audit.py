"""Verbs of the log: append, read, export, and prove that nobody rewrote it."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database, Scope
from chassis.errors import Forbidden
from contracts.caller import Caller
from contracts.event import Actor
from services.identity.administration import repository, rules
from services.identity.administration.schemas import AuditFilter, AuditProof, PassedOn
from services.identity.tables import AuditEntryRow
from services.identity.workspaces.repository import get_workspace_locked


async def record_audit(
    session: AsyncSession,
    workspace_id: UUID,
    action: str,
    subject_id: UUID,
    details: dict[str, Any],
) -> None:
    """Append one line to the workspace's log, signed by who acts in this transaction."""
    # The workspace's row lock puts its lines in one order.
    workspace = await get_workspace_locked(session, workspace_id)
    last = await repository.find_last_entry(session, workspace_id)
    actor: Actor = session.info["actor"]
    row = AuditEntryRow(
        id=uuid7(),
        workspace_id=workspace_id,
        position=last.position + 1 if last else 1,
        occurred_at=datetime.now(UTC),
        actor=actor.model_dump(mode="json"),
        action=action,
        subject_id=subject_id,
        details=details,
        previous_hash=last.hash if last else rules.FIRST_PREVIOUS_HASH,
    )
    row.hash = rules.entry_hash(row.previous_hash, content_of(row))
    session.add(row)
    workspace.audit_length = row.position
    await session.flush()
    await session.refresh(workspace)


async def record_call(session: AsyncSession, call: PassedOn) -> None:
    """Append that this was asked for: what became of it, the service called knows."""
    own = call.impersonator_id is None
    action = rules.ADMINISTRATION_CALL if own else "impersonation.call"
    subject_id = rules.subject_of(call.path) or call.workspace_id
    details = call.model_dump(include={"method", "path", "request_id"})
    await record_audit(session, call.workspace_id, action, subject_id, details)


def content_of(row: AuditEntryRow) -> dict[str, Any]:
    """What the line's hash covers."""
    return {
        "id": str(row.id),
        "workspace_id": str(row.workspace_id),
        "position": row.position,
        "occurred_at": row.occurred_at.astimezone(UTC).isoformat(),
        "actor": row.actor,
        "action": row.action,
        "subject_id": str(row.subject_id),
        "details": row.details,
    }


async def prove_log(session: AsyncSession, workspace_id: UUID) -> AuditProof:
    """Recompute the chain from its first line; the first line that does not fit is named."""
    # Held, so that no line is added between the count and the last line read.
    workspace = await get_workspace_locked(session, workspace_id)
    previous, count = rules.FIRST_PREVIOUS_HASH, 0
    async for row in repository.stream_entries(session, workspace_id):
        count += 1
        expected = rules.entry_hash(previous, content_of(row))
        if row.position != count or row.previous_hash != previous or row.hash != expected:
            return AuditProof(intact=False, entries=workspace.audit_length, broken_at=count)
        previous = row.hash
    if count != workspace.audit_length:
        return AuditProof(intact=False, entries=workspace.audit_length, broken_at=count + 1)
    return AuditProof(intact=True, entries=count)


def must_read_log(caller: Caller) -> None:
    if not rules.can_read_log(caller):
        raise Forbidden


CSV_COLUMNS = ("position", "occurred_at", "actor", "action", "subject_id", "details", "hash")
LINES_AT_ONCE = 500


async def export_log(
    database: Database, scope: Scope, workspace_id: UUID, wanted: AuditFilter
) -> AsyncIterator[str]:
    """The log as CSV, oldest first, in short transactions: a slow reader holds no connection."""
    yield _csv(CSV_COLUMNS)
    after, more = 0, True
    while more:
        async with database.transaction(scope) as session:
            rows = await repository.list_entries_after(
                session, workspace_id, wanted, after=after, limit=LINES_AT_ONCE
            )
        yield "".join(_csv(_cells(row)) for row in rows)
        more = len(rows) == LINES_AT_ONCE
        after = rows[-1].position if rows else after


def _cells(row: AuditEntryRow) -> tuple[str, ...]:
    return (
        str(row.position),
        row.occurred_at.astimezone(UTC).isoformat(),
        json.dumps(row.actor, sort_keys=True),
        row.action,
        str(row.subject_id),
        json.dumps(row.details, sort_keys=True, ensure_ascii=False),
        row.hash.hex(),
    )


def _csv(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([rules.csv_cell(cell) for cell in cells])
    return out.getvalue()
