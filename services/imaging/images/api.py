"""Door: images, their versions and downloads."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from services.imaging.dependencies import SettingsDep, StorageDep
from services.imaging.images import use_cases
from services.imaging.images.rules import file_name_of
from services.imaging.images.schemas import (
    ChangeImage,
    Download,
    ImageDetail,
    ImageView,
    view_of,
)

router = APIRouter(prefix="/v1/images", tags=["images"])


@router.get("/{image_id}")
async def get_image(image_id: UUID, caller: CallerDep, database: DatabaseDep) -> ImageDetail:
    async with database.transaction(caller) as session:
        versions = await use_cases.get_versions(session, caller, image_id)
    views = [view_of(version) for version in versions]
    return ImageDetail(**views[0].model_dump(), versions=views)


@router.patch("/{image_id}")
async def change_image(
    image_id: UUID, body: ChangeImage, caller: CallerDep, database: DatabaseDep
) -> ImageView:
    async with database.transaction(caller) as session:
        return view_of(await use_cases.change_image(session, caller, image_id, body))


@router.get("/{image_id}/download")
async def download_image(
    image_id: UUID,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    storage: StorageDep,
    variant: Annotated[Literal["result", "original"], Query()] = "result",
) -> Download:
    async with database.transaction(caller) as session:
        versions = await use_cases.get_versions(session, caller, image_id)
    image, key = use_cases.key_to_download(versions, variant)
    seconds = settings.url_lasts_seconds
    name = file_name_of(image.room_type, image.position, variant)
    url = await storage.sign_get(key, seconds=seconds, file_name=name)
    return Download(url=url, expires_at=datetime.now(UTC) + timedelta(seconds=seconds))
