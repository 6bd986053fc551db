"""Doors: the caller's sessions, the workspace's API keys, and the gateway's question."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from chassis.caller import CallerDep, require_gateway
from chassis.database import DatabaseDep
from services.identity.dependencies import SettingsDep, ShownOnce
from services.identity.sessions.schemas import (
    ApiKeyList,
    ApiKeyView,
    AskPrincipal,
    CreateApiKey,
    CreatedApiKey,
    Principal,
    SessionList,
    SessionView,
)
from services.identity.sessions.use_cases import keys, own, principals

sessions = APIRouter(prefix="/v1/sessions", tags=["sessions"])
api_keys = APIRouter(prefix="/v1/api-keys", tags=["api-keys"])
internal = APIRouter(
    prefix="/internal", dependencies=[Depends(require_gateway)], include_in_schema=False
)

Limit = Annotated[int, Query(ge=1, le=100)]


@sessions.get("")
async def list_sessions(caller: CallerDep, database: DatabaseDep) -> SessionList:
    async with database.transaction(caller) as session:
        rows = await own.list_sessions(session, caller)
    views = [SessionView.model_validate(row) for row in rows]
    return SessionList(
        items=[v.model_copy(update={"current": v.id == caller.session_id}) for v in views]
    )


@sessions.delete("", status_code=204)
async def revoke_other_sessions(caller: CallerDep, database: DatabaseDep) -> None:
    """All but the one that asks."""
    async with database.transaction(caller) as session:
        await own.revoke_others(session, caller)


@sessions.delete("/{session_id}", status_code=204)
async def revoke_session(session_id: UUID, caller: CallerDep, database: DatabaseDep) -> None:
    async with database.transaction(caller) as session:
        await own.revoke_session(session, caller, session_id)


@api_keys.post("", status_code=201, dependencies=[ShownOnce])
async def create_api_key(
    body: CreateApiKey, caller: CallerDep, database: DatabaseDep, settings: SettingsDep
) -> CreatedApiKey:
    async with database.transaction(caller) as session:
        row, key = await keys.create_api_key(session, caller, body, kind=settings.api_key_kind)
    return CreatedApiKey(**ApiKeyView.model_validate(row).model_dump(), key=key)


@api_keys.post("/{key_id}/rotation", dependencies=[ShownOnce])
async def rotate_api_key(
    key_id: UUID, caller: CallerDep, database: DatabaseDep, settings: SettingsDep
) -> CreatedApiKey:
    """A new secret for the same key; the old one ends at once."""
    async with database.transaction(caller) as session:
        row, key = await keys.rotate_api_key(session, caller, key_id, kind=settings.api_key_kind)
    return CreatedApiKey(**ApiKeyView.model_validate(row).model_dump(), key=key)


@api_keys.get("")
async def list_api_keys(
    caller: CallerDep, database: DatabaseDep, limit: Limit = 50, cursor: UUID | None = None
) -> ApiKeyList:
    async with database.transaction(caller) as session:
        rows = await keys.list_api_keys(session, caller, limit=limit + 1, before=cursor)
    items = [ApiKeyView.model_validate(row) for row in rows[:limit]]
    return ApiKeyList(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


@api_keys.delete("/{key_id}", status_code=204)
async def revoke_api_key(key_id: UUID, caller: CallerDep, database: DatabaseDep) -> None:
    async with database.transaction(caller) as session:
        await keys.revoke_api_key(session, caller, key_id)


@internal.post("/principals")
async def find_principal(
    body: AskPrincipal, database: DatabaseDep, settings: SettingsDep
) -> Principal:
    now, kind = datetime.now(UTC), settings.api_key_kind
    async with database.across_workspaces() as session:
        return await principals.find_principal(session, body, now, key_kind=kind)
