"""Doors: the caller's own workspace, its look, and its end."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from services.identity.dependencies import LogosDep, SessionCookieDep, SettingsDep, StorageDep
from services.identity.workspaces.schemas import (
    BrandingView,
    CloseWorkspace,
    Colors,
    CreateLogoUpload,
    EditWorkspace,
    LogoUploadView,
    Onboard,
    WorkspaceView,
)
from services.identity.workspaces.use_cases import branding, closing, settings

router = APIRouter(prefix="/v1/workspace", tags=["workspace"])


@router.get("")
async def read_workspace(caller: CallerDep, database: DatabaseDep) -> WorkspaceView:
    async with database.transaction(caller) as session:
        return WorkspaceView.model_validate(await settings.read_workspace(session, caller))


@router.patch("")
async def edit_workspace(
    body: EditWorkspace, caller: CallerDep, database: DatabaseDep
) -> WorkspaceView:
    async with database.transaction(caller) as session:
        return WorkspaceView.model_validate(await settings.edit_workspace(session, caller, body))


@router.post("/onboarding")
async def onboard(body: Onboard, caller: CallerDep, database: DatabaseDep) -> WorkspaceView:
    async with database.transaction(caller) as session:
        return WorkspaceView.model_validate(await settings.onboard(session, caller, body))


@router.post("/closing", status_code=204)
async def close_workspace(
    body: CloseWorkspace,
    response: Response,
    caller: CallerDep,
    database: DatabaseDep,
    cookie: SessionCookieDep,
) -> None:
    """Everybody is signed out and erased; this cannot be undone."""
    async with database.transaction(caller) as session:
        await closing.close_own(session, caller, body)
    cookie.delete(response)


@router.get("/branding")
async def show_branding(
    caller: CallerDep, database: DatabaseDep, storage: StorageDep
) -> BrandingView:
    return await branding.show_branding(database, storage, caller)


@router.put("/branding")
async def choose_colors(
    body: Colors, caller: CallerDep, database: DatabaseDep, storage: StorageDep
) -> BrandingView:
    async with database.transaction(caller) as session:
        row = await branding.choose_colors(session, caller, body)
    return await branding.view_of(storage, row)


async def get_logo_uploads(
    database: DatabaseDep, storage: StorageDep, logos: LogosDep, own: SettingsDep
) -> branding.LogoUploads:
    return branding.LogoUploads(database, storage, logos, own)


LogoUploadsDep = Annotated[branding.LogoUploads, Depends(get_logo_uploads)]


@router.post("/logo-uploads", status_code=201)
async def create_logo_upload(
    body: CreateLogoUpload, caller: CallerDep, uploads: LogoUploadsDep
) -> LogoUploadView:
    return await uploads.create(caller, body)


@router.post("/logo-uploads/{upload_id}/confirm")
async def confirm_logo(upload_id: UUID, caller: CallerDep, uploads: LogoUploadsDep) -> BrandingView:
    return await branding.view_of(uploads.storage, await uploads.confirm(caller, upload_id))


@router.delete("/logo", status_code=204)
async def remove_logo(caller: CallerDep, database: DatabaseDep) -> None:
    async with database.transaction(caller) as session:
        await branding.remove_logo(session, caller)
