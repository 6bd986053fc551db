"""Verbs of API keys: create, list, rotate, revoke."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden, NotFound
from contracts.caller import Caller
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import ExpiryInThePast, WorkspaceIsSuspended
from services.identity.sessions import repository, rules
from services.identity.sessions.schemas import CreateApiKey
from services.identity.sessions.use_cases.own import must_be_own, tell_revoked
from services.identity.tables import ApiKeyRow
from services.identity.workspaces.repository import get_workspace_locked


def _may_manage_keys(caller: Caller) -> None:
    must_be_own(caller)
    if not rules.can_manage_keys(caller):
        raise Forbidden


async def create_api_key(
    session: AsyncSession, caller: Caller, body: CreateApiKey, *, kind: rules.KeyKind
) -> tuple[ApiKeyRow, str]:
    """The row and the key, which is shown this once and stored only as a hash."""
    _may_manage_keys(caller)
    if caller.workspace_status == "suspended":
        raise WorkspaceIsSuspended
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise ExpiryInThePast
    await get_workspace_locked(session, caller.workspace_id)
    prefix, key = _new_key(kind)
    row = ApiKeyRow(
        workspace_id=caller.workspace_id,
        member_id=caller.member_id,
        name=body.name,
        prefix=prefix,
        key_hash=rules.hash_token(key),
        scopes=sorted(set(body.scopes)),
        expires_at=body.expires_at,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    details = {"name": row.name, "prefix": prefix, "scopes": row.scopes}
    await record_audit(session, caller.workspace_id, "api_key.created", row.id, details)
    return row, key


def _new_key(kind: rules.KeyKind) -> tuple[str, str]:
    prefix = f"{rules.key_prefix(kind)}{secrets.token_hex(4)}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(rules.TOKEN_BYTES)}"


async def rotate_api_key(
    session: AsyncSession, caller: Caller, key_id: UUID, *, kind: rules.KeyKind
) -> tuple[ApiKeyRow, str]:
    """The same key with a new secret; the old one ends at once."""
    _may_manage_keys(caller)
    if caller.workspace_status == "suspended":
        raise WorkspaceIsSuspended
    await get_workspace_locked(session, caller.workspace_id)
    row = await repository.find_key_locked(session, caller.workspace_id, key_id)
    if row is None:
        raise NotFound
    # A key acts as its maker: its new secret must not lend an administrator the owner's role.
    if row.member_id != caller.member_id and caller.role != "owner":
        raise Forbidden
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        raise ExpiryInThePast
    row.prefix, key = _new_key(kind)
    row.key_hash, row.last_used_at = rules.hash_token(key), None
    await session.flush()
    details = {"name": row.name, "prefix": row.prefix}
    await record_audit(session, caller.workspace_id, "api_key.rotated", row.id, details)
    await tell_revoked(session, caller.workspace_id, row.member_id, row.id)
    return row, key


async def list_api_keys(
    session: AsyncSession, caller: Caller, *, limit: int, before: UUID | None
) -> list[ApiKeyRow]:
    if not rules.can_manage_keys(caller) or caller.api_key_id is not None:
        raise Forbidden
    return await repository.list_keys(session, caller.workspace_id, limit=limit, before=before)


async def revoke_api_key(session: AsyncSession, caller: Caller, key_id: UUID) -> None:
    """Gone at once; the fact makes the gateway forget what it knew of the key's member."""
    _may_manage_keys(caller)
    await get_workspace_locked(session, caller.workspace_id)
    row = await repository.delete_key(session, caller.workspace_id, key_id)
    if row is None:
        raise NotFound
    details = {"name": row.name, "prefix": row.prefix}
    await record_audit(session, caller.workspace_id, "api_key.revoked", row.id, details)
    await tell_revoked(session, caller.workspace_id, row.member_id, row.id)
