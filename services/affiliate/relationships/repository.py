"""Every query about workspaces and who brought whom.

A referral joins two companies, so one transaction may have to act for both, one after the other:
`act_for` says for whom the following statements speak, and row-level security stays in force.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import SEE, workspace_setting
from services.affiliate.relationships.schemas import RelationshipSearch
from services.affiliate.tables import RelationshipRow, WorkspaceRow

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def act_for(session: AsyncSession, workspace_id: UUID) -> None:
    """From here to the next call or the transaction's end, see this workspace's rows."""
    await session.execute(SEE, workspace_setting(workspace_id))
    session.info["workspace_id"] = workspace_id


async def lock_referrals(session: AsyncSession) -> None:
    """One new relationship at a time: two at once could close a circle unseen."""
    await session.execute(LOCK, {"name": "referrals"})


async def lock_referred(session: AsyncSession, workspace_id: UUID) -> None:
    """What a workspace paid and who earns on it change one after the other."""
    await session.execute(LOCK, {"name": f"referred:{workspace_id}"})


async def find_workspace(session: AsyncSession, workspace_id: UUID) -> WorkspaceRow | None:
    query = select(WorkspaceRow).where(WorkspaceRow.id == workspace_id)
    return await session.scalar(query.execution_options(populate_existing=True))


async def find_workspace_by_code(session: AsyncSession, code: str) -> WorkspaceRow | None:
    """Whoever's it is: everybody may read this table."""
    return await session.scalar(select(WorkspaceRow).where(WorkspaceRow.referral_code == code))


async def remember_plan(
    session: AsyncSession, workspace_id: UUID, plan: str, known_at: datetime
) -> None:
    await _remember(session, workspace_id, {"plan": plan, "plan_known_at": known_at})


async def remember_company(
    session: AsyncSession,
    workspace_id: UUID,
    *,
    name: str,
    organization_number: str | None,
    known_at: datetime,
) -> None:
    values = {
        "name": name,
        "organization_number": organization_number,
        "company_known_at": known_at,
    }
    await _remember(session, workspace_id, values)


async def _remember(session: AsyncSession, workspace_id: UUID, values: dict[str, Any]) -> None:
    """Facts arrive in any order: an older one than we know changes nothing."""
    known_at = next(name for name in values if name.endswith("_known_at"))
    column = WorkspaceRow.__table__.c[known_at]
    await session.execute(
        insert(WorkspaceRow)
        .values(id=workspace_id, **values)
        .on_conflict_do_update(
            index_elements=[WorkspaceRow.id],
            set_=values,
            where=or_(column.is_(None), column < values[known_at]),
        )
    )


async def give_code(session: AsyncSession, workspace_id: UUID, code: str) -> str:
    """The workspace's code: this one, unless it has one already."""
    await session.execute(
        update(WorkspaceRow)
        .where(WorkspaceRow.id == workspace_id, WorkspaceRow.referral_code.is_(None))
        .values(referral_code=code)
        .execution_options(synchronize_session=False)
    )
    query = select(WorkspaceRow.referral_code).where(WorkspaceRow.id == workspace_id)
    return str(await session.scalar(query))


async def find_active(session: AsyncSession, referred_workspace_id: UUID) -> RelationshipRow | None:
    return await session.scalar(
        select(RelationshipRow).where(
            RelationshipRow.referred_workspace_id == referred_workspace_id,
            RelationshipRow.is_active,
        )
    )


async def find_in_force(
    session: AsyncSession, referred_workspace_id: UUID, at: datetime
) -> RelationshipRow | None:
    """The relationship that covered the workspace at that time."""
    query = select(RelationshipRow).where(
        RelationshipRow.referred_workspace_id == referred_workspace_id,
        RelationshipRow.started_at <= at,
        or_(RelationshipRow.ended_at.is_(None), RelationshipRow.ended_at > at),
    )
    return await session.scalar(query.order_by(RelationshipRow.id).limit(1))


async def list_active_of_either_side(
    session: AsyncSession, workspace_id: UUID
) -> list[RelationshipRow]:
    query = select(RelationshipRow).where(
        RelationshipRow.is_active,
        or_(
            RelationshipRow.affiliate_workspace_id == workspace_id,
            RelationshipRow.referred_workspace_id == workspace_id,
        ),
    )
    return list(await session.scalars(query.order_by(RelationshipRow.id)))


async def find_relationship(session: AsyncSession, relationship_id: UUID) -> RelationshipRow | None:
    """Of any workspace the transaction may see."""
    query = select(RelationshipRow).where(RelationshipRow.id == relationship_id)
    return await session.scalar(query.execution_options(populate_existing=True))


async def search(session: AsyncSession, wanted: RelationshipSearch) -> list[RelationshipRow]:
    """One row more than the limit; for administrators across workspaces."""
    query = select(RelationshipRow)
    for column, value in (
        (RelationshipRow.affiliate_workspace_id, wanted.affiliate_workspace_id),
        (RelationshipRow.referred_workspace_id, wanted.referred_workspace_id),
        (RelationshipRow.is_active, wanted.is_active),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.cursor is not None:
        query = query.where(RelationshipRow.id < wanted.cursor)
    query = query.order_by(RelationshipRow.id.desc()).limit(wanted.limit + 1)
    return list(await session.scalars(query))
