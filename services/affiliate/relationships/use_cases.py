"""Verbs: remember workspaces, start and end relationships, give referral codes."""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.errors import Forbidden, NotFound, Refusal
from chassis.outbox import emit
from chassis.patience import until_known
from contracts.affiliate import RelationshipStarted
from contracts.caller import Caller
from contracts.event import Actor
from contracts.identity import WorkspaceCreated, WorkspaceOnboarded
from services.affiliate.earnings.use_cases import reckon_since
from services.affiliate.errors import (
    AlreadyReferred,
    NotEnterprise,
    WorkspaceIsSuspended,
    WorkspaceUnknown,
)
from services.affiliate.relationships import repository, rules
from services.affiliate.relationships.schemas import StartRelationship
from services.affiliate.tables import RelationshipRow

log = structlog.get_logger()


async def register_workspace(session: AsyncSession, fact: WorkspaceCreated) -> None:
    """Remember the new workspace; a valid referral code starts a relationship from its birth."""
    workspace_id, known_at = fact.workspace_id, fact.occurred_at
    await repository.remember_plan(session, workspace_id, fact.plan, known_at)
    await repository.remember_company(
        session, workspace_id, name=fact.name, organization_number=None, known_at=known_at
    )
    if fact.referral_code:
        await _start_by_code(session, fact.referral_code, workspace_id, known_at)


async def _start_by_code(
    session: AsyncSession, code: str, referred_workspace_id: UUID, started_at: datetime
) -> None:
    affiliate = await repository.find_workspace_by_code(session, rules.normal_code(code))
    if affiliate is None:
        log.info("referral.refused", code="unknown_referral_code")
        return
    row = RelationshipRow(
        affiliate_workspace_id=affiliate.id,
        referred_workspace_id=referred_workspace_id,
        commission_percent=rules.DEFAULT_COMMISSION_PERCENT,
        started_by="referral_code",
        started_at=started_at,
    )
    try:
        await _start(session, row)
    except Refusal as refusal:
        # The sign-up stands either way; nobody waits for an answer here.
        log.info("referral.refused", code=refusal.code, affiliate_workspace_id=str(affiliate.id))


async def start_relationship(
    database: Database, caller: Caller, body: StartRelationship, *, wait_seconds: float
) -> RelationshipRow:
    """By an administrator; raises the refusals of `errors.py`."""
    scope = SystemScope(
        body.affiliate_workspace_id, Actor(kind="administrator", id=caller.member_id)
    )

    async def attempt() -> RelationshipRow:
        row = RelationshipRow(
            **body.model_dump(), started_by="administrator", started_at=datetime.now(UTC)
        )
        async with database.transaction(scope) as session:
            return await _start(session, row)

    return await until_known(attempt, wait_seconds, WorkspaceUnknown, NotEnterprise)


async def _start(session: AsyncSession, row: RelationshipRow) -> RelationshipRow:
    await repository.lock_referrals(session)
    await repository.lock_referred(session, row.referred_workspace_id)
    affiliate = await _party(session, row.affiliate_workspace_id)
    referred = await _party(session, row.referred_workspace_id)
    ancestors = await _ancestors(session, row.affiliate_workspace_id)
    refusal = rules.refusal_of(affiliate, referred, ancestors)
    if refusal is not None:
        raise refusal
    await repository.act_for(session, row.referred_workspace_id)
    if await repository.find_active(session, row.referred_workspace_id) is not None:
        raise AlreadyReferred
    await repository.act_for(session, row.affiliate_workspace_id)
    row.is_active = True
    session.add(row)
    await session.flush()
    fact = RelationshipStarted(
        workspace_id=row.affiliate_workspace_id,
        relationship_id=row.id,
        referred_workspace_id=row.referred_workspace_id,
        commission_percent=row.commission_percent,
    )
    await emit(session, fact)
    # A payment may have been heard of before the sign-up it followed.
    await reckon_since(session, row.referred_workspace_id, row.started_at)
    return row


async def _party(session: AsyncSession, workspace_id: UUID) -> rules.Party:
    row = await repository.find_workspace(session, workspace_id)
    if row is None:
        raise WorkspaceUnknown
    return rules.Party(row.id, row.plan, row.organization_number)


async def _ancestors(session: AsyncSession, workspace_id: UUID) -> set[UUID]:
    """Who brought the workspace, who brought them, and so on: each has one affiliate at most."""
    ancestors: set[UUID] = set()
    current = workspace_id
    while True:
        await repository.act_for(session, current)
        above = await repository.find_active(session, current)
        if above is None or above.affiliate_workspace_id in ancestors:
            return ancestors
        current = above.affiliate_workspace_id
        ancestors.add(current)


async def end_relationship(
    database: Database, caller: Caller, relationship_id: UUID
) -> RelationshipRow:
    """Earnings of the past stay; ending twice changes nothing. Raises NotFound."""
    async with database.across_workspaces() as session:
        found = await repository.find_relationship(session, relationship_id)
    if found is None:
        raise NotFound
    scope = SystemScope(
        found.affiliate_workspace_id, Actor(kind="administrator", id=caller.member_id)
    )
    async with database.transaction(scope) as session:
        await repository.lock_referred(session, found.referred_workspace_id)
        row = await repository.find_relationship(session, relationship_id)
        if row is None:
            raise NotFound
        _end(row)
        await session.flush()
        return row


def _end(row: RelationshipRow) -> None:
    if row.is_active:
        row.is_active, row.ended_at = False, datetime.now(UTC)


async def record_company(session: AsyncSession, fact: WorkspaceOnboarded) -> None:
    """Remember which company it is, and end referrals that turn out to be within one company."""
    await repository.lock_referrals(session)
    await repository.remember_company(
        session,
        fact.workspace_id,
        name=fact.name,
        organization_number=fact.organization_number,
        known_at=fact.occurred_at,
    )
    for row in await repository.list_active_of_either_side(session, fact.workspace_id):
        one = await _party(session, row.affiliate_workspace_id)
        other = await _party(session, row.referred_workspace_id)
        if rules.is_same_company(one.organization_number, other.organization_number):
            await repository.lock_referred(session, row.referred_workspace_id)
            _end(row)
            log.warning("referral.within_one_company", relationship_id=str(row.id))


async def read_referral_code(database: Database, caller: Caller, *, wait_seconds: float) -> str:
    """Made on first asking; raises Forbidden, NotEnterprise, WorkspaceIsSuspended."""
    if not rules.can_see_programme(caller):
        raise Forbidden

    async def attempt() -> str:
        async with database.transaction(caller) as session:
            return await _code_of(session, caller)

    seconds = wait_seconds if caller.plan == "enterprise" else 0
    return await until_known(attempt, seconds, WorkspaceUnknown, NotEnterprise)


async def _code_of(session: AsyncSession, caller: Caller) -> str:
    row = await repository.find_workspace(session, caller.workspace_id)
    if row is None or row.plan != "enterprise":
        raise NotEnterprise
    if row.referral_code is not None:
        return row.referral_code
    if caller.workspace_status == "suspended":
        raise WorkspaceIsSuspended
    return await repository.give_code(session, caller.workspace_id, rules.new_code())
