"""Doors: the affiliate's portal and the administrators' list of relationships."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from chassis.caller import CallerDep, SystemAdminDep
from chassis.database import DatabaseDep
from chassis.errors import Forbidden
from services.affiliate.relationships import repository, rules, use_cases
from services.affiliate.relationships.schemas import (
    AdminRelationshipList,
    AdminRelationshipView,
    EndRelationship,
    ReferralCode,
    RelationshipList,
    RelationshipSearch,
    RelationshipView,
    StartRelationship,
)

portal = APIRouter(prefix="/v1/affiliate", tags=["affiliate"])
administration = APIRouter(prefix="/v1/admin/affiliate/relationships", tags=["affiliate"])


@portal.get("/referral-code")
async def read_referral_code(
    caller: CallerDep, database: DatabaseDep, request: Request
) -> ReferralCode:
    wait = request.app.state.settings.fact_wait_seconds
    code = await use_cases.read_referral_code(database, caller, wait_seconds=wait)
    return ReferralCode(referral_code=code)


@portal.get("/relationships")
async def list_relationships(
    caller: CallerDep,
    database: DatabaseDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: UUID | None = None,
) -> RelationshipList:
    if not rules.can_see_programme(caller):
        raise Forbidden
    wanted = RelationshipSearch(
        affiliate_workspace_id=caller.workspace_id, limit=limit, cursor=cursor
    )
    async with database.transaction(caller) as session:
        rows = await repository.search(session, wanted)
    items = [RelationshipView.model_validate(row) for row in rows[:limit]]
    return RelationshipList(
        items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None
    )


@administration.post("", status_code=201)
async def start_relationship(
    body: StartRelationship, caller: SystemAdminDep, database: DatabaseDep, request: Request
) -> AdminRelationshipView:
    wait = request.app.state.settings.fact_wait_seconds
    row = await use_cases.start_relationship(database, caller, body, wait_seconds=wait)
    return AdminRelationshipView.model_validate(row)


@administration.get("")
async def search_relationships(
    _: SystemAdminDep, database: DatabaseDep, wanted: Annotated[RelationshipSearch, Query()]
) -> AdminRelationshipList:
    async with database.across_workspaces() as session:
        rows = await repository.search(session, wanted)
    items = [AdminRelationshipView.model_validate(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    return AdminRelationshipList(items=items, next_cursor=str(items[-1].id) if more else None)


@administration.patch("/{relationship_id}")
async def end_relationship(
    relationship_id: UUID, _: EndRelationship, caller: SystemAdminDep, database: DatabaseDep
) -> AdminRelationshipView:
    row = await use_cases.end_relationship(database, caller, relationship_id)
    return AdminRelationshipView.model_validate(row)
