"""Reactions: one mail for each private fact of identity, each with a queue of its own."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from chassis.database import Database
from contracts.identity import WorkspaceDeleted
from contracts.private import (
    CredentialsChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    EmailVerified,
    ImpersonationStarted,
    InvitationSent,
    PasswordResetRequested,
    SignedInElsewhere,
    SignUpRepeated,
)
from services.notifications.mails import repository
from services.notifications.mails.use_cases import Post, send_letter

consumers = Consumers("notifications")


@consumers.on(EmailVerificationRequested)
async def mail_verification(
    event: EmailVerificationRequested, database: Database, post: Post
) -> None:
    await send_letter(event, database, post)


@consumers.on(EmailChangeRequested)
async def mail_email_change(event: EmailChangeRequested, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(PasswordResetRequested)
async def mail_reset(event: PasswordResetRequested, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(InvitationSent)
async def mail_invitation(event: InvitationSent, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(EmailVerified)
async def mail_welcome(event: EmailVerified, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(SignUpRepeated)
async def mail_repeated_sign_up(event: SignUpRepeated, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(CredentialsChanged)
async def mail_changed_credentials(
    event: CredentialsChanged, database: Database, post: Post
) -> None:
    await send_letter(event, database, post)


@consumers.on(SignedInElsewhere)
async def mail_new_sign_in(event: SignedInElsewhere, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(ImpersonationStarted)
async def mail_impersonation(event: ImpersonationStarted, database: Database, post: Post) -> None:
    await send_letter(event, database, post)


@consumers.on(WorkspaceDeleted)
async def forget_recipients(event: WorkspaceDeleted, session: AsyncSession) -> None:
    await repository.forget_workspace(session, event.workspace_id)
