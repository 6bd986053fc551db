"""Every query about the people of a workspace."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from services.identity.errors import AlreadyInvited
from services.identity.tables import InvitationRow, UserRow


async def get_member(session: AsyncSession, workspace_id: UUID, member_id: UUID) -> UserRow:
    """Raises NotFound."""
    query = select(UserRow).where(UserRow.workspace_id == workspace_id, UserRow.id == member_id)
    row = await session.scalar(query)
    if row is None:
        raise NotFound
    return row


async def get_member_locked(session: AsyncSession, workspace_id: UUID, member_id: UUID) -> UserRow:
    """The same, held against other writers; raises NotFound."""
    query = select(UserRow).where(UserRow.workspace_id == workspace_id, UserRow.id == member_id)
    row = await session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    return row


async def detach(session: AsyncSession, workspace_id: UUID, member_id: UUID) -> None:
    """Across workspaces: row-level security lets nobody out of one who only sees that one."""
    await session.execute(
        update(UserRow)
        .where(UserRow.workspace_id == workspace_id, UserRow.id == member_id)
        .values(workspace_id=None, role="member")
        .execution_options(synchronize_session=False)
    )


async def count_members(session: AsyncSession, workspace_id: UUID) -> int:
    query = select(func.count()).select_from(UserRow).where(UserRow.workspace_id == workspace_id)
    return await session.scalar(query) or 0


async def is_member(session: AsyncSession, workspace_id: UUID, normal_email: str) -> bool:
    query = select(UserRow.id).where(
        UserRow.workspace_id == workspace_id, UserRow.email == normal_email
    )
    return await session.scalar(query) is not None


async def list_members(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> list[UserRow]:
    query = select(UserRow).where(UserRow.workspace_id == workspace_id)
    if before is not None:
        query = query.where(UserRow.id < before)
    return list(await session.scalars(query.order_by(UserRow.id.desc()).limit(limit)))


async def add_invitation(session: AsyncSession, row: InvitationRow) -> None:
    """Raises AlreadyInvited when the address has an open one."""
    await session.execute(
        update(InvitationRow)
        .where(
            InvitationRow.workspace_id == row.workspace_id,
            InvitationRow.email == row.email,
            InvitationRow.accepted_at.is_(None),
            InvitationRow.revoked_at.is_(None),
            InvitationRow.expires_at <= row.created_at,
        )
        .values(revoked_at=row.created_at)
        .execution_options(synchronize_session=False)
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise AlreadyInvited from error


async def get_invitation(
    session: AsyncSession, workspace_id: UUID, invitation_id: UUID
) -> InvitationRow:
    """Held until the transaction ends; raises NotFound."""
    query = select(InvitationRow).where(
        InvitationRow.workspace_id == workspace_id, InvitationRow.id == invitation_id
    )
    row = await session.scalar(query.with_for_update())
    if row is None:
        raise NotFound
    return row


async def list_invitations(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> list[InvitationRow]:
    query = select(InvitationRow).where(InvitationRow.workspace_id == workspace_id)
    if before is not None:
        query = query.where(InvitationRow.id < before)
    return list(await session.scalars(query.order_by(InvitationRow.id.desc()).limit(limit)))


async def find_open_invitation(
    session: AsyncSession, token_hash: bytes, now: datetime
) -> InvitationRow | None:
    """Across workspaces: the secret says which one."""
    query = select(InvitationRow).where(
        InvitationRow.token_hash == token_hash,
        InvitationRow.accepted_at.is_(None),
        InvitationRow.revoked_at.is_(None),
        InvitationRow.expires_at > now,
    )
    return await session.scalar(query)


async def accept_once(session: AsyncSession, row: InvitationRow, now: datetime) -> bool:
    """False for everybody but the first."""
    query = (
        update(InvitationRow)
        .where(
            InvitationRow.workspace_id == row.workspace_id,
            InvitationRow.id == row.id,
            InvitationRow.token_hash == row.token_hash,
            InvitationRow.accepted_at.is_(None),
            InvitationRow.revoked_at.is_(None),
            InvitationRow.expires_at > now,
        )
        .values(accepted_at=now)
        .returning(InvitationRow.id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(query) is not None
