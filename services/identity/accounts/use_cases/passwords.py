"""Verbs of a password: change it, forget it, choose a new one."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.private import CredentialsChanged, PasswordResetRequested
from services.identity.accounts import repository, rules
from services.identity.accounts.schemas import ChangePassword, ResetPassword
from services.identity.accounts.use_cases.entry import scope_of
from services.identity.accounts.use_cases.founding import add_password
from services.identity.accounts.use_cases.mailbox import new_token, take_token
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import PasswordNotSet, WrongCredentials
from services.identity.letters import letter_to
from services.identity.notes import PasswordForgotten
from services.identity.providers.passwords import Passwords
from services.identity.sessions.repository import delete_keys_of
from services.identity.sessions.use_cases.own import end_sessions, must_be_own
from services.identity.tables import UserRow
from services.identity.workspaces.repository import get_workspace

NOBODYS_WORKSPACE = UUID(int=0)


async def check_password(
    database: Database, passwords: Passwords, caller: Caller, password: str
) -> None:
    """Raises WrongCredentials, PasswordNotSet; a person at an open screen proves who they are."""
    must_be_own(caller)
    async with database.transaction(caller) as session:
        account = await repository.find_account(session, caller.member_id, "credential")
    if account is None:
        raise PasswordNotSet
    valid, _ = await passwords.verify(password, account.password_hash)
    if not valid:
        raise WrongCredentials


async def change_password(
    database: Database, passwords: Passwords, caller: Caller, body: ChangePassword
) -> None:
    """Every other session ends; raises WrongCredentials."""
    await check_password(database, passwords, caller, body.password.get_secret_value())
    password_hash = await passwords.hash(body.new_password.get_secret_value())
    async with database.transaction(caller) as session:
        user = await repository.get_user(session, caller.member_id)
        await _set_password(session, user, password_hash, keep=caller.session_id)


async def forget_password(database: Database, email: str) -> None:
    """Note the address; the look-up happens where nobody can time it."""
    note = PasswordForgotten(workspace_id=NOBODYS_WORKSPACE, email=rules.normal_email(email))
    async with database.transaction(SystemScope(NOBODYS_WORKSPACE)) as session:
        await emit(session, note)


async def mail_reset(database: Database, email: str) -> None:
    """The link, when the address has an account."""
    async with database.across_workspaces() as session:
        user = await repository.find_user_by_email(session, email)
    if user is None:
        return
    # Somebody removed from a workspace signs in to one of their own: they may have to come first.
    scope = await scope_of(database, user)
    async with database.transaction(scope) as session:
        workspace = await get_workspace(session, scope.workspace_id)
        mailed = await new_token(session, user.id, user.email, "reset_password")
        letter = letter_to(user, workspace, token=mailed.token, expires_at=mailed.expires_at)
        await emit(session, PasswordResetRequested(**letter))


async def reset_password(database: Database, passwords: Passwords, body: ResetPassword) -> None:
    """Every session ends, the mailbox is proven; raises TokenNotValid."""
    password_hash = await passwords.hash(body.password.get_secret_value())
    async with database.across_workspaces() as session:
        user = await take_token(session, body.token, "reset_password")
        if not user.email_verified and user.workspace_id is not None:
            # Somebody else may have signed up with this address before its owner came.
            await delete_keys_of(session, user.workspace_id, user.id)
        user.email_verified = True
        await _set_password(session, user, password_hash, keep=None)


async def _set_password(
    session: AsyncSession, user: UserRow, password_hash: str, *, keep: UUID | None
) -> None:
    account = await repository.find_account(session, user.id, "credential")
    if account is None:
        await add_password(session, user, password_hash)
    else:
        account.password_hash = password_hash
    # Also a move to another mailbox: whoever knew the old password may have asked for it.
    for purpose in ("reset_password", "change_email"):
        await repository.end_tokens(session, user.id, purpose, datetime.now(UTC))
    await session.flush()
    if user.workspace_id is None:
        return
    workspace = await get_workspace(session, user.workspace_id)
    await record_audit(session, workspace.id, "user.password_changed", user.id, {})
    await emit(session, CredentialsChanged(**letter_to(user, workspace), what="password"))
    await end_sessions(session, workspace.id, user.id, keep=keep)
