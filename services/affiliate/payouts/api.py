"""Doors: administrators record payouts, affiliates read theirs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.caller import CallerDep, SystemAdminDep
from chassis.database import DatabaseDep, SystemScope
from chassis.errors import Forbidden
from contracts.event import Actor
from services.affiliate.payouts import repository, use_cases
from services.affiliate.payouts.schemas import PayoutList, PayoutView, RecordPayout
from services.affiliate.relationships.rules import can_see_programme

portal = APIRouter(prefix="/v1/affiliate/payouts", tags=["affiliate"])
administration = APIRouter(prefix="/v1/admin/affiliate/payouts", tags=["affiliate"])


@portal.get("")
async def list_payouts(
    caller: CallerDep,
    database: DatabaseDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: UUID | None = None,
) -> PayoutList:
    if not can_see_programme(caller):
        raise Forbidden
    async with database.transaction(caller) as session:
        rows = await repository.list_payouts(
            session, caller.workspace_id, limit=limit + 1, before=cursor
        )
    items = [PayoutView.model_validate(row) for row in rows[:limit]]
    return PayoutList(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


@administration.post("", status_code=201)
async def record_payout(
    body: RecordPayout, caller: SystemAdminDep, database: DatabaseDep
) -> PayoutView:
    actor = Actor(kind="administrator", id=caller.member_id)
    async with database.transaction(SystemScope(body.affiliate_workspace_id, actor)) as session:
        return PayoutView.model_validate(await use_cases.record_payout(session, body))
