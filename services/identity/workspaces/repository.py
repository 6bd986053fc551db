"""Every query about a workspace."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from services.identity.tables import (
    AccountRow,
    ApiKeyRow,
    InvitationRow,
    SessionRow,
    UserRow,
    WorkspaceRow,
)


async def get_workspace(session: AsyncSession, workspace_id: UUID) -> WorkspaceRow:
    """Raises NotFound."""
    row = await session.scalar(select(WorkspaceRow).where(WorkspaceRow.id == workspace_id))
    if row is None:
        raise NotFound
    return row


async def get_workspace_locked(session: AsyncSession, workspace_id: UUID) -> WorkspaceRow:
    """The same, held against other writers until the transaction ends."""
    query = select(WorkspaceRow).where(WorkspaceRow.id == workspace_id).with_for_update()
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    return row


async def is_founded(session: AsyncSession, workspace_id: UUID) -> bool:
    query = select(WorkspaceRow.id).where(WorkspaceRow.id == workspace_id)
    return await session.scalar(query) is not None


async def list_people(session: AsyncSession, workspace_id: UUID) -> list[UserRow]:
    """Everybody of the workspace, held until the transaction ends."""
    query = select(UserRow).where(UserRow.workspace_id == workspace_id).order_by(UserRow.id)
    return list(await session.scalars(query.with_for_update()))


async def erase_people(session: AsyncSession, workspace_id: UUID, keep: UUID | None) -> None:
    """Everybody but `keep`, and every way in; invitations name people too."""
    for table in (SessionRow, ApiKeyRow, InvitationRow):
        await session.execute(delete(table).where(table.workspace_id == workspace_id))
    accounts = delete(AccountRow).where(AccountRow.workspace_id == workspace_id)
    people = delete(UserRow).where(UserRow.workspace_id == workspace_id)
    if keep is not None:
        accounts = accounts.where(AccountRow.user_id != keep)
        people = people.where(UserRow.id != keep)
    await session.execute(accounts)
    await session.execute(people)
