"""Verbs of other providers: begin with one, and enter by what it proves."""

import secrets
from datetime import UTC, datetime

from chassis.database import Database
from contracts.private import Language
from services.identity.accounts import repository, rules
from services.identity.accounts.schemas import BeginProvider, FinishProvider
from services.identity.accounts.use_cases.entry import (
    SignedIn,
    enter,
    scope_of,
    tell_if_elsewhere,
)
from services.identity.accounts.use_cases.founding import Founder, found, founder_scope
from services.identity.accounts.use_cases.mailbox import welcome
from services.identity.dependencies import Origin
from services.identity.errors import AccountExists, Banned, ProviderRefused, SignUpRefused
from services.identity.providers.openid import Proof, Provider, ProviderName
from services.identity.sessions.rules import TOKEN_BYTES, is_banned
from services.identity.tables import AccountRow, UserRow


async def begin(provider: Provider) -> BeginProvider:
    attempt = secrets.token_urlsafe(TOKEN_BYTES)
    return BeginProvider(
        authorization_url=await provider.authorization_url(attempt), attempt=attempt
    )


async def finish(
    database: Database, provider: Provider, body: FinishProvider, origin: Origin
) -> SignedIn:
    """Sign in, link or sign up; raises ProviderRefused, AccountExists, Banned."""
    proof = await provider.prove(body.attempt, body.state, body.code)
    user = await _find_or_link(database, provider.name, proof)
    if user is None:
        return await _sign_up(database, provider.name, proof, body.language, origin)
    if is_banned(user.banned, user.ban_expires_at, datetime.now(UTC)):
        raise Banned
    scope = await scope_of(database, user)
    async with database.transaction(scope) as session:
        await tell_if_elsewhere(session, scope, origin)
        return await enter(session, scope, origin)


async def _find_or_link(database: Database, name: ProviderName, proof: Proof) -> UserRow | None:
    async with database.across_workspaces() as session:
        linked = await repository.find_linked(session, name, proof.subject)
        if linked is not None:
            return linked[0]
        if proof.email is None:
            raise ProviderRefused("The provider has not verified your address")
        user = await repository.find_user_by_email(session, rules.normal_email(proof.email))
        if user is None:
            return None
        # Somebody may have signed up with an address that is not theirs and wait for its owner.
        if not user.email_verified:
            raise AccountExists
        try:
            await repository.add_account(session, _account(user, name, proof))
        except SignUpRefused as error:
            raise AccountExists from error
        return user


async def _sign_up(
    database: Database, name: ProviderName, proof: Proof, language: Language, origin: Origin
) -> SignedIn:
    email = rules.normal_email(proof.email or "")
    scope = founder_scope()
    founder = Founder(proof.name or email.partition("@")[0], email, language, email_verified=True)
    async with database.transaction(scope) as session:
        user, workspace = await found(session, scope, founder)
        await repository.add_account(session, _account(user, name, proof))
        await welcome(session, user, workspace)
        return await enter(session, scope, origin)


def _account(user: UserRow, name: ProviderName, proof: Proof) -> AccountRow:
    return AccountRow(
        workspace_id=user.workspace_id,
        user_id=user.id,
        provider_id=name,
        account_id=proof.subject,
    )
