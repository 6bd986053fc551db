"""Every query about sessions and API keys."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.tables import ApiKeyRow, SessionRow, UserRow, WorkspaceRow

SessionPrincipal = Row[SessionRow, UserRow, WorkspaceRow]
KeyPrincipal = Row[ApiKeyRow, UserRow, WorkspaceRow]


async def find_session_principal(
    session: AsyncSession, token_hash: bytes
) -> SessionPrincipal | None:
    """Across workspaces: the token says which one."""
    query = (
        select(SessionRow, UserRow, WorkspaceRow)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .join(WorkspaceRow, WorkspaceRow.id == SessionRow.workspace_id)
        .where(SessionRow.token_hash == token_hash)
    )
    return (await session.execute(query)).one_or_none()


async def find_key_principal(session: AsyncSession, key_hash: bytes) -> KeyPrincipal | None:
    """Across workspaces: the key says which one."""
    query = (
        select(ApiKeyRow, UserRow, WorkspaceRow)
        .join(UserRow, UserRow.id == ApiKeyRow.member_id)
        .join(WorkspaceRow, WorkspaceRow.id == ApiKeyRow.workspace_id)
        .where(ApiKeyRow.key_hash == key_hash)
    )
    return (await session.execute(query)).one_or_none()


async def slide(session: AsyncSession, row: SessionRow, *, now: datetime, until: datetime) -> None:
    """Once, however many requests notice at the same moment."""
    await session.execute(
        update(SessionRow)
        .where(
            SessionRow.workspace_id == row.workspace_id,
            SessionRow.id == row.id,
            SessionRow.refreshed_at == row.refreshed_at,
        )
        .values(refreshed_at=now, expires_at=until)
        .execution_options(synchronize_session=False)
    )


async def record_use(session: AsyncSession, row: ApiKeyRow, now: datetime) -> None:
    await session.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.workspace_id == row.workspace_id, ApiKeyRow.id == row.id)
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )


async def list_sessions(
    session: AsyncSession, workspace_id: UUID, user_id: UUID, now: datetime
) -> list[SessionRow]:
    query = select(SessionRow).where(
        SessionRow.workspace_id == workspace_id,
        SessionRow.user_id == user_id,
        SessionRow.expires_at > now,
    )
    return list(await session.scalars(query.order_by(SessionRow.id.desc())))


async def delete_session(
    session: AsyncSession, workspace_id: UUID, user_id: UUID, session_id: UUID
) -> bool:
    """False when this person has no such session."""
    gone = await session.scalar(
        delete(SessionRow)
        .where(
            SessionRow.workspace_id == workspace_id,
            SessionRow.user_id == user_id,
            SessionRow.id == session_id,
        )
        .returning(SessionRow.id)
    )
    return gone is not None


async def delete_sessions(
    session: AsyncSession, workspace_id: UUID, user_id: UUID, keep: UUID | None
) -> list[UUID]:
    """All of a person's sessions but `keep`, impersonations included; their ids."""
    query = delete(SessionRow).where(
        SessionRow.workspace_id == workspace_id, SessionRow.user_id == user_id
    )
    if keep is not None:
        query = query.where(SessionRow.id != keep)
    return list(await session.scalars(query.returning(SessionRow.id)))


async def delete_impersonations(
    session: AsyncSession, administrator_id: UUID
) -> list[Row[UUID, UUID, UUID]]:
    """Across workspaces: what this administrator looks at; (workspace, member, session) ids."""
    query = delete(SessionRow).where(SessionRow.impersonated_by == administrator_id)
    returned = query.returning(SessionRow.workspace_id, SessionRow.user_id, SessionRow.id)
    return list((await session.execute(returned)).all())


async def find_user(session: AsyncSession, user_id: UUID | None) -> UserRow | None:
    """Across workspaces: an impersonator is of another one."""
    return await session.scalar(select(UserRow).where(UserRow.id == user_id))


async def find_session(session: AsyncSession, session_id: UUID | None) -> SessionRow | None:
    """Across workspaces: an impersonation's."""
    return await session.scalar(select(SessionRow).where(SessionRow.id == session_id))


async def find_session_locked(session: AsyncSession, session_id: UUID | None) -> SessionRow | None:
    """Across workspaces, held until the transaction ends: the one to go on with."""
    query = select(SessionRow).where(SessionRow.id == session_id).with_for_update()
    return await session.scalar(query)


async def is_familiar(
    session: AsyncSession,
    workspace_id: UUID,
    user_id: UUID,
    *,
    ip_address: str | None,
    user_agent: str | None,
) -> bool:
    """Whether an open session of this person has the same browser and network."""
    query = select(SessionRow.id).where(
        SessionRow.workspace_id == workspace_id,
        SessionRow.user_id == user_id,
        SessionRow.ip_address.is_not_distinct_from(ip_address),
        SessionRow.user_agent.is_not_distinct_from(user_agent),
        SessionRow.impersonated_by.is_(None),
    )
    return await session.scalar(query.limit(1)) is not None


async def delete_expired(session: AsyncSession, now: datetime) -> int:
    """Across workspaces, for the sweeper; answers how many."""
    done = await session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    return cast(CursorResult[Any], done).rowcount


async def list_keys(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> list[ApiKeyRow]:
    query = select(ApiKeyRow).where(ApiKeyRow.workspace_id == workspace_id)
    if before is not None:
        query = query.where(ApiKeyRow.id < before)
    return list(await session.scalars(query.order_by(ApiKeyRow.id.desc()).limit(limit)))


async def find_key_locked(
    session: AsyncSession, workspace_id: UUID, key_id: UUID
) -> ApiKeyRow | None:
    query = select(ApiKeyRow).where(ApiKeyRow.workspace_id == workspace_id, ApiKeyRow.id == key_id)
    return await session.scalar(query.with_for_update())


async def delete_key(session: AsyncSession, workspace_id: UUID, key_id: UUID) -> ApiKeyRow | None:
    """The key as it was, or None when the workspace has no such key."""
    row = await find_key_locked(session, workspace_id, key_id)
    if row is not None:
        await session.delete(row)
    return row


async def delete_keys_of(session: AsyncSession, workspace_id: UUID, member_id: UUID) -> None:
    """A key acts as its member: it ends with them."""
    await session.execute(
        delete(ApiKeyRow).where(
            ApiKeyRow.workspace_id == workspace_id, ApiKeyRow.member_id == member_id
        )
    )
