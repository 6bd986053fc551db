"""Door: uploads straight to storage, and their confirmation."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from services.imaging.dependencies import PicturesDep, SettingsDep, StorageDep
from services.imaging.images.schemas import ImageView, view_of
from services.imaging.uploads import use_cases
from services.imaging.uploads.schemas import ConfirmUpload, CreateUpload, UploadView

router = APIRouter(prefix="/v1", tags=["uploads"])


@router.post("/projects/{project_id}/uploads", status_code=201)
async def create_upload(
    project_id: UUID,
    body: CreateUpload,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
) -> UploadView:
    async with database.transaction(caller) as session:
        upload = await use_cases.create_upload(session, caller, project_id, body, settings)
    url = await storage.sign_put(
        upload.key,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        seconds=settings.upload_lasts_seconds,
    )
    headers = {"content-type": upload.content_type, "content-length": str(upload.size_bytes)}
    return UploadView(upload_id=upload.id, url=url, headers=headers, expires_at=upload.expires_at)


async def get_checker(
    database: DatabaseDep, storage: StorageDep, pictures: PicturesDep, settings: SettingsDep
) -> use_cases.Checker:
    return use_cases.Checker(database, storage, pictures, settings)


@router.post("/uploads/{upload_id}/confirm", status_code=201)
async def confirm_upload(
    upload_id: UUID,
    caller: CallerDep,
    checker: Annotated[use_cases.Checker, Depends(get_checker)],
    body: ConfirmUpload | None = None,
) -> ImageView:
    image = await checker.confirm(caller, upload_id, body.etag if body else None)
    return view_of(image)
