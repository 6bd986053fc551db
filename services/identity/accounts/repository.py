"""Every query about accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from services.identity.errors import SignUpRefused
from services.identity.tables import AccountRow, UserRow, VerificationRow, WorkspaceRow


async def add_person(session: AsyncSession, workspace: WorkspaceRow, user: UserRow) -> None:
    """Raises SignUpRefused when the address (or, once in two billion, the slug) is taken."""
    try:
        for row in (workspace, user):
            session.add(row)
            await session.flush()
    except IntegrityError as error:
        raise SignUpRefused from error
    await session.refresh(workspace)
    await session.refresh(user)


async def add_user(session: AsyncSession, user: UserRow) -> None:
    """Raises SignUpRefused when the address is taken."""
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise SignUpRefused from error
    await session.refresh(user)


async def add_account(session: AsyncSession, account: AccountRow) -> None:
    """Raises SignUpRefused when the way in leads to somebody already."""
    session.add(account)
    try:
        await session.flush()
    except IntegrityError as error:
        raise SignUpRefused from error


async def find_user_by_email(session: AsyncSession, normal_email: str) -> UserRow | None:
    """Across workspaces."""
    return await session.scalar(select(UserRow).where(UserRow.email == normal_email))


async def get_user(session: AsyncSession, user_id: UUID) -> UserRow:
    """Across workspaces, held until the transaction ends; raises NotFound."""
    # The workspace first, as everybody does: two orders would wait for each other for ever.
    theirs = select(UserRow.workspace_id).where(UserRow.id == user_id).scalar_subquery()
    await session.execute(
        select(WorkspaceRow.id).where(WorkspaceRow.id == theirs).with_for_update()
    )
    query = select(UserRow).where(UserRow.id == user_id).with_for_update()
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    return row


async def rehome_accounts(session: AsyncSession, user_id: UUID, workspace_id: UUID) -> None:
    """Across workspaces: the foreign key moves them between workspaces, but not out of none."""
    await session.execute(
        update(AccountRow)
        .where(AccountRow.user_id == user_id)
        .values(workspace_id=workspace_id)
        .execution_options(synchronize_session=False)
    )


async def find_account(session: AsyncSession, user_id: UUID, provider: str) -> AccountRow | None:
    query = select(AccountRow).where(
        AccountRow.user_id == user_id, AccountRow.provider_id == provider
    )
    return await session.scalar(query)


async def find_linked(
    session: AsyncSession, provider: str, subject: str
) -> tuple[UserRow, AccountRow] | None:
    """Across workspaces: whom this provider's subject signs in."""
    query = (
        select(UserRow, AccountRow)
        .join(AccountRow, AccountRow.user_id == UserRow.id)
        .where(AccountRow.provider_id == provider, AccountRow.account_id == subject)
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def end_tokens(session: AsyncSession, user_id: UUID, purpose: str, now: datetime) -> None:
    """Mailed tokens of this purpose that were not used no longer work."""
    await session.execute(
        update(VerificationRow)
        .where(
            VerificationRow.user_id == user_id,
            VerificationRow.purpose == purpose,
            VerificationRow.used_at.is_(None),
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


async def use_token(
    session: AsyncSession, token_hash: bytes, purpose: str, now: datetime
) -> tuple[UUID, str] | None:
    """Once: the person and the address it was mailed to; None for anything not in force."""
    query = (
        update(VerificationRow)
        .where(
            VerificationRow.token_hash == token_hash,
            VerificationRow.purpose == purpose,
            VerificationRow.used_at.is_(None),
            VerificationRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(VerificationRow.user_id, VerificationRow.identifier)
        .execution_options(synchronize_session=False)
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def delete_old_tokens(session: AsyncSession, before: datetime) -> None:
    """Across workspaces, for the sweeper."""
    await session.execute(delete(VerificationRow).where(VerificationRow.expires_at < before))


async def find_credential(
    session: AsyncSession, normal_email: str
) -> Row[UserRow, AccountRow] | None:
    """Across workspaces: the address says which one."""
    query = (
        select(UserRow, AccountRow)
        .join(AccountRow, AccountRow.user_id == UserRow.id)
        .where(AccountRow.provider_id == "credential", AccountRow.account_id == normal_email)
    )
    return (await session.execute(query)).one_or_none()


async def upgrade_password(
    session: AsyncSession, workspace_id: UUID, account: AccountRow, password_hash: str
) -> None:
    """Unless the password was changed since we read it."""
    await session.execute(
        update(AccountRow)
        .where(
            AccountRow.workspace_id == workspace_id,
            AccountRow.id == account.id,
            AccountRow.password_hash == account.password_hash,
        )
        .values(password_hash=password_hash)
        .execution_options(synchronize_session=False)
    )
