"""Reactions to identity's own notes about accounts."""

from chassis.consumers import Consumers
from chassis.database import Database
from services.identity.accounts.use_cases.passwords import mail_reset
from services.identity.accounts.use_cases.signing_up import found_as_asked
from services.identity.notes import PasswordForgotten, SignUpAsked

consumers = Consumers("identity")


@consumers.on(PasswordForgotten)
async def answer_forgotten_password(event: PasswordForgotten, database: Database) -> None:
    await mail_reset(database, event.email)


@consumers.on(SignUpAsked)
async def found_asked_workspace(event: SignUpAsked, database: Database) -> None:
    await found_as_asked(database, event)
