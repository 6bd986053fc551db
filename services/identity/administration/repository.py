"""Every query of administration: across workspaces to search, inside one to change."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.administration import rules
from services.identity.administration.schemas import AuditFilter, UserSearch, WorkspaceSearch
from services.identity.tables import AuditEntryRow, UserRow, WorkspaceRow

ADMINISTRATORS = 0x1DE27171
"""The lock held by whoever changes who administers; a number of our own."""


async def find_last_entry(session: AsyncSession, workspace_id: UUID) -> AuditEntryRow | None:
    query = select(AuditEntryRow).where(AuditEntryRow.workspace_id == workspace_id)
    return await session.scalar(query.order_by(AuditEntryRow.position.desc()).limit(1))


async def search_workspaces(session: AsyncSession, search: WorkspaceSearch) -> list[WorkspaceRow]:
    """By name, slug, organisation number or a member's address; one row more than the limit."""
    query = select(WorkspaceRow).where(WorkspaceRow.deleted_at.is_(None))
    if search.cursor is not None:
        query = query.where(WorkspaceRow.id < search.cursor)
    if search.plan is not None:
        query = query.where(WorkspaceRow.plan == search.plan)
    if search.status is not None:
        query = query.where(WorkspaceRow.status == search.status)
    if search.q:
        member = select(UserRow.workspace_id).where(
            UserRow.email.icontains(search.q, autoescape=True)
        )
        query = query.where(
            or_(
                WorkspaceRow.name.icontains(search.q, autoescape=True),
                WorkspaceRow.slug.icontains(search.q, autoescape=True),
                WorkspaceRow.organization_number == search.q,
                WorkspaceRow.id.in_(member),
            )
        )
    return list(
        await session.scalars(query.order_by(WorkspaceRow.id.desc()).limit(search.limit + 1))
    )


async def list_ended_trials(session: AsyncSession, now: datetime, limit: int) -> list[UUID]:
    """Across workspaces, for the sweeper."""
    query = select(WorkspaceRow.id).where(
        WorkspaceRow.status == "trial", WorkspaceRow.trial_ends_at <= now
    )
    return list(await session.scalars(query.order_by(WorkspaceRow.trial_ends_at).limit(limit)))


async def list_ended_bans(session: AsyncSession, now: datetime, limit: int) -> list[UUID]:
    """Across workspaces, for the sweeper."""
    query = select(UserRow.id).where(UserRow.banned, UserRow.ban_expires_at <= now)
    return list(await session.scalars(query.order_by(UserRow.ban_expires_at).limit(limit)))


async def search_users(session: AsyncSession, search: UserSearch) -> list[UserRow]:
    """By name or address; one row more than the limit."""
    query = select(UserRow)
    if search.cursor is not None:
        query = query.where(UserRow.id < search.cursor)
    if search.workspace_id is not None:
        query = query.where(UserRow.workspace_id == search.workspace_id)
    if search.banned is not None:
        query = query.where(UserRow.banned == search.banned)
    if search.is_system_admin is not None:
        query = query.where(UserRow.is_system_admin == search.is_system_admin)
    if search.q:
        query = query.where(
            or_(
                UserRow.name.icontains(search.q, autoescape=True),
                UserRow.email.icontains(search.q, autoescape=True),
            )
        )
    return list(await session.scalars(query.order_by(UserRow.id.desc()).limit(search.limit + 1)))


async def count_administrators(session: AsyncSession) -> int:
    """Across workspaces: how many can administer, held so that two cannot leave at once."""
    # Not by their rows: two who unmake each other hold one each and wait for the other for ever.
    await session.execute(select(func.pg_advisory_xact_lock(ADMINISTRATORS)))
    query = select(func.count()).where(UserRow.is_system_admin, UserRow.banned.is_(False))
    return await session.scalar(query) or 0


def _entries(workspace_id: UUID, wanted: AuditFilter) -> Select[AuditEntryRow]:
    query = select(AuditEntryRow).where(AuditEntryRow.workspace_id == workspace_id)
    if wanted.action is not None:
        query = query.where(AuditEntryRow.action.startswith(wanted.action, autoescape=True))
    if wanted.actor_id is not None:
        query = query.where(AuditEntryRow.actor["id"].astext == str(wanted.actor_id))
    if wanted.subject_id is not None:
        query = query.where(AuditEntryRow.subject_id == wanted.subject_id)
    if wanted.since is not None:
        query = query.where(AuditEntryRow.occurred_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntryRow.occurred_at < wanted.until)
    return query


def _members_entries(workspace_id: UUID, wanted: AuditFilter) -> Select[AuditEntryRow]:
    """Without what its administrators asked of others: that names other workspaces' things."""
    query = _entries(workspace_id, wanted)
    return query.where(AuditEntryRow.action != rules.ADMINISTRATION_CALL)


async def list_entries(
    session: AsyncSession,
    workspace_id: UUID,
    wanted: AuditFilter,
    *,
    limit: int,
    before: int | None,
    whole: bool,
) -> list[AuditEntryRow]:
    """Newest first; `whole` for system administrators only."""
    query = (_entries if whole else _members_entries)(workspace_id, wanted)
    if before is not None:
        query = query.where(AuditEntryRow.position < before)
    return list(await session.scalars(query.order_by(AuditEntryRow.position.desc()).limit(limit)))


async def list_entries_after(
    session: AsyncSession, workspace_id: UUID, wanted: AuditFilter, *, after: int, limit: int
) -> list[AuditEntryRow]:
    """Oldest first, as members see it."""
    query = _members_entries(workspace_id, wanted).where(AuditEntryRow.position > after)
    return list(await session.scalars(query.order_by(AuditEntryRow.position).limit(limit)))


async def stream_entries(session: AsyncSession, workspace_id: UUID) -> AsyncIterator[AuditEntryRow]:
    """The whole log, oldest first, a few at a time."""
    query = _entries(workspace_id, AuditFilter()).order_by(AuditEntryRow.position)
    rows = await session.stream_scalars(query.execution_options(yield_per=500))
    async for row in rows:
        yield row
