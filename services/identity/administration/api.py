"""Doors of the system administrators, and the log of a workspace."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.caller import CallerDep, SystemAdminDep, require_gateway
from chassis.database import DatabaseDep, SystemScope
from contracts.caller import Caller
from contracts.event import Actor
from services.identity.administration import repository
from services.identity.administration.schemas import (
    AdminUserList,
    AdminUserView,
    AdminWorkspaceList,
    AdminWorkspaceView,
    AuditEntryView,
    AuditFilter,
    AuditList,
    AuditPage,
    AuditProof,
    Ban,
    ChangeStanding,
    ChangeUser,
    Impersonate,
    ImpersonationView,
    PassedOn,
    StopImpersonation,
    UserSearch,
    WorkspaceSearch,
)
from services.identity.administration.use_cases import audit, impersonation, people, standing
from services.identity.dependencies import EntranceDep, SessionCookieDep, ShownOnce, acting
from services.identity.tables import AuditEntryRow

router = APIRouter(prefix="/v1/admin/workspaces", tags=["administration"])
users = APIRouter(prefix="/v1/admin/users", tags=["administration"])
own = APIRouter(prefix="/v1/auth/impersonation", tags=["administration"])
log = APIRouter(prefix="/v1/workspace/audit-log", tags=["audit-log"])
internal = APIRouter(
    prefix="/internal", dependencies=[Depends(require_gateway)], include_in_schema=False
)


def _administrator(caller: Caller) -> Actor:
    return Actor(kind="administrator", id=caller.member_id)


@router.get("")
async def search_workspaces(
    _: SystemAdminDep, database: DatabaseDep, search: Annotated[WorkspaceSearch, Query()]
) -> AdminWorkspaceList:
    async with database.across_workspaces() as session:
        rows = await repository.search_workspaces(session, search)
    items = [AdminWorkspaceView.model_validate(row) for row in rows[: search.limit]]
    more = len(rows) > search.limit
    return AdminWorkspaceList(items=items, next_cursor=str(items[-1].id) if more else None)


@router.patch("/{workspace_id}")
async def change_standing(
    workspace_id: UUID,
    body: ChangeStanding,
    caller: SystemAdminDep,
    database: DatabaseDep,
    request: Request,
) -> AdminWorkspaceView:
    scope = SystemScope(workspace_id, _administrator(caller))
    trial = timedelta(days=request.app.state.settings.trial_days)
    async with database.transaction(scope) as session:
        row = await standing.change_standing(session, workspace_id, body, trial=trial)
    return AdminWorkspaceView.model_validate(row)


@router.get("/{workspace_id}/audit-log")
async def read_any_log(
    workspace_id: UUID,
    _: SystemAdminDep,
    database: DatabaseDep,
    page: Annotated[AuditPage, Query()],
) -> AuditList:
    async with database.transaction(SystemScope(workspace_id)) as session:
        return await _page(session, workspace_id, page, whole=True)


@users.get("")
async def search_users(
    _: SystemAdminDep, database: DatabaseDep, search: Annotated[UserSearch, Query()]
) -> AdminUserList:
    async with database.across_workspaces() as session:
        rows = await repository.search_users(session, search)
    items = [AdminUserView.model_validate(row) for row in rows[: search.limit]]
    more = len(rows) > search.limit
    return AdminUserList(items=items, next_cursor=str(items[-1].id) if more else None)


@users.patch("/{user_id}")
async def change_user(
    user_id: UUID, body: ChangeUser, caller: SystemAdminDep, database: DatabaseDep
) -> AdminUserView:
    async with acting(database, _administrator(caller)) as session:
        return AdminUserView.model_validate(await people.change_user(session, user_id, body))


@users.put("/{user_id}/ban")
async def ban_user(
    user_id: UUID, body: Ban, caller: SystemAdminDep, database: DatabaseDep
) -> AdminUserView:
    async with acting(database, _administrator(caller)) as session:
        return AdminUserView.model_validate(await people.ban_user(session, caller, user_id, body))


@users.delete("/{user_id}/ban")
async def lift_ban(user_id: UUID, caller: SystemAdminDep, database: DatabaseDep) -> AdminUserView:
    async with acting(database, _administrator(caller)) as session:
        return AdminUserView.model_validate(await people.lift_ban(session, user_id))


@users.post("/{user_id}/impersonation", status_code=201, dependencies=[ShownOnce])
async def start_impersonation(
    user_id: UUID,
    body: Impersonate,
    response: Response,
    caller: SystemAdminDep,
    database: DatabaseDep,
    door: EntranceDep,
) -> ImpersonationView:
    async with acting(database, _administrator(caller)) as session:
        started = await impersonation.start_impersonation(
            session, caller, user_id, body, door.origin
        )
    door.cookie.set(response, started.token)
    return started.view


@own.post("/stop", status_code=204)
async def stop_impersonation(
    body: StopImpersonation,
    response: Response,
    caller: CallerDep,
    database: DatabaseDep,
    cookie: SessionCookieDep,
) -> None:
    async with acting(database, caller.actor) as session:
        token = await impersonation.stop_impersonation(session, caller, body.return_token)
    if token is None:
        cookie.delete(response)
    else:
        cookie.set(response, token)


@internal.post("/calls", status_code=204)
async def record_call(call: PassedOn, database: DatabaseDep) -> None:
    async with database.transaction(SystemScope(call.workspace_id, call.actor)) as session:
        await audit.record_call(session, call)


@log.get("")
async def read_log(
    caller: CallerDep, database: DatabaseDep, page: Annotated[AuditPage, Query()]
) -> AuditList:
    audit.must_read_log(caller)
    async with database.transaction(caller) as session:
        return await _page(session, caller.workspace_id, page, whole=False)


@log.get("/proof")
async def prove_log(caller: CallerDep, database: DatabaseDep) -> AuditProof:
    audit.must_read_log(caller)
    async with database.transaction(caller) as session:
        return await audit.prove_log(session, caller.workspace_id)


@log.get(".csv", response_class=StreamingResponse)
async def export_log(
    caller: CallerDep, database: DatabaseDep, wanted: Annotated[AuditFilter, Query()]
) -> StreamingResponse:
    audit.must_read_log(caller)
    lines: AsyncIterator[str] = audit.export_log(database, caller, caller.workspace_id, wanted)
    headers = {"content-disposition": 'attachment; filename="audit-log.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _page(
    session: AsyncSession, workspace_id: UUID, page: AuditPage, *, whole: bool
) -> AuditList:
    before = int(page.cursor) if page.cursor else None
    rows = await repository.list_entries(
        session, workspace_id, page, limit=page.limit + 1, before=before, whole=whole
    )
    items = [_view(row) for row in rows[: page.limit]]
    more = len(rows) > page.limit
    return AuditList(items=items, next_cursor=str(items[-1].position) if more else None)


def _view(row: AuditEntryRow) -> AuditEntryView:
    return AuditEntryView.model_validate(
        {
            **{name: getattr(row, name) for name in AuditEntryView.model_fields},
            "hash": row.hash.hex(),
        }
    )
