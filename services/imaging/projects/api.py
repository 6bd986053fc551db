"""Door: photo projects."""

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from chassis.storage import Storage
from services.imaging.dependencies import SettingsDep, StorageDep
from services.imaging.errors import CursorInvalid
from services.imaging.images import repository as images
from services.imaging.images.schemas import ImagePage, view_of
from services.imaging.projects import repository, rules, use_cases
from services.imaging.projects.schemas import (
    ChangeProject,
    CreateProject,
    Progress,
    ProjectPage,
    ProjectView,
)
from services.imaging.settings import Settings
from services.imaging.tables import Project

router = APIRouter(prefix="/v1/projects", tags=["projects"])

Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=100)]


@router.post("", status_code=201)
async def create_project(
    body: CreateProject,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
) -> ProjectView:
    async with database.transaction(caller) as session:
        project = await use_cases.create_project(session, caller, body, settings)
    return await _view(project, storage, settings)


@router.get("")
async def list_projects(
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ProjectPage:
    rules.may_read(caller)
    async with database.transaction(caller) as session:
        found = await repository.list_projects(
            session, caller.workspace_id, limit=limit + 1, before=_after(cursor)
        )
    items = [await _view(project, storage, settings) for project in found[:limit]]
    more = _cursor(found[limit - 1].id) if len(found) > limit else None
    return ProjectPage(items=items, next_cursor=more)


@router.get("/{project_id}")
async def get_project(
    project_id: UUID,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
) -> ProjectView:
    rules.may_read(caller)
    async with database.transaction(caller) as session:
        project = await repository.get_project(session, caller.workspace_id, project_id)
    return await _view(project, storage, settings)


@router.patch("/{project_id}")
async def change_project(
    project_id: UUID,
    body: ChangeProject,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
) -> ProjectView:
    async with database.transaction(caller) as session:
        project = await use_cases.change_project(session, caller, project_id, body)
    return await _view(project, storage, settings)


@router.delete("/{project_id}", status_code=204)
async def delete_project(project_id: UUID, caller: CallerDep, database: DatabaseDep) -> None:
    async with database.transaction(caller) as session:
        await use_cases.delete_project(session, caller, project_id)


@router.post("/{project_id}/start", status_code=202)
async def start_project(
    project_id: UUID,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
) -> ProjectView:
    async with database.transaction(caller) as session:
        project = await use_cases.start_project(session, caller, project_id, settings)
    return await _view(project, storage, settings)


@router.post("/{project_id}/retry", status_code=202)
async def retry_project(
    project_id: UUID,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
) -> ProjectView:
    async with database.transaction(caller) as session:
        project = await use_cases.retry_project(session, caller, project_id, settings)
    return await _view(project, storage, settings)


@router.get("/{project_id}/images")
async def list_images(
    project_id: UUID,
    caller: CallerDep,
    database: DatabaseDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ImagePage:
    rules.may_read(caller, "images")
    after = _after(cursor)
    async with database.transaction(caller) as session:
        await repository.get_project(session, caller.workspace_id, project_id)
        newest = await images.list_newest(session, caller.workspace_id, project_id)
    # A project holds few images, so the page is cut here.
    roots = [image.root_id for image in newest]
    begin = roots.index(after) + 1 if after in roots else 0
    page = newest[begin : begin + limit]
    more = _cursor(page[-1].root_id) if begin + limit < len(newest) else None
    return ImagePage(items=[view_of(image) for image in page], next_cursor=more)


def _cursor(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _after(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor.encode() + b"=="))
    except (ValueError, binascii.Error) as error:
        raise CursorInvalid from error


async def _view(project: Project, storage: Storage, settings: Settings) -> ProjectView:
    tally = rules.Tally(
        project.status, project.image_count, project.completed_count, project.failed_count
    )
    step, label, progress = rules.progress_of(tally, paid=project.paid_at is not None)
    same = ProjectView.model_fields.keys() - {"progress", "thumbnail_url"}
    return ProjectView(
        **{name: getattr(project, name) for name in same},
        progress=Progress(step=step, label=label, progress=progress),
        thumbnail_url=await use_cases.sign_thumbnail(project, storage, settings.url_lasts_seconds),
    )
