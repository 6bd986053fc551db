"""Door: HTTP for clips, their order, and the choice on failed ones."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from fastapi import APIRouter, Response

from chassis.caller import CallerDep
from chassis.database import Database, DatabaseDep
from chassis.errors import NotFound
from chassis.patience import until_known
from contracts.caller import Caller
from services.video.clips import repository, use_cases
from services.video.clips.rules import TEMPLATES
from services.video.clips.schemas import (
    AddClip,
    ChangeClip,
    ClipList,
    ClipOrder,
    ClipView,
    FillTemplate,
    TemplateList,
    TemplateView,
)
from services.video.dependencies import SettingsDep
from services.video.tables import VideoClip
from services.video.videos import repository as videos
from services.video.videos.rules import check_may_create, check_may_delete, check_may_read

router = APIRouter(tags=["clips"])


@router.get("/v1/videos/templates")
async def list_templates(caller: CallerDep) -> TemplateList:
    check_may_read(caller)
    return TemplateList(items=[TemplateView.model_validate(one) for one in TEMPLATES.values()])


@router.post("/v1/videos/{video_id}/template", status_code=201)
async def fill_template(
    video_id: UUID,
    body: FillTemplate,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> ClipList:
    check_may_create(caller)
    named = [(image_id, None) for image_id in body.image_ids]
    await _wait_for_images(database, caller, named, settings.fact_wait_seconds)
    async with database.transaction(caller) as session:
        listed = await use_cases.fill_template(session, caller, video_id, body)
    return _views(listed)


@router.post("/v1/videos/{video_id}/clips", status_code=201)
async def add(
    video_id: UUID,
    body: AddClip,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> ClipView:
    check_may_create(caller)
    named = [(body.image_id, body.image_version)]
    if body.end_image_id is not None:
        named.append((body.end_image_id, body.end_image_version))
    await _wait_for_images(database, caller, named, settings.fact_wait_seconds)
    async with database.transaction(caller) as session:
        clip = await use_cases.add_clip(session, caller, video_id, body)
    return ClipView.model_validate(clip)


async def _wait_for_images(
    database: Database, caller: Caller, named: Sequence[tuple[UUID, int | None]], seconds: float
) -> None:
    """A photo that was finished a moment ago may be known here a moment later."""

    async def all_known() -> None:
        async with database.transaction(caller) as session:
            for image_id, version in named:
                await use_cases.get_image(session, caller, image_id, version)

    # What is still missing then, the use case refuses in its own order.
    with suppress(NotFound):
        await until_known(all_known, seconds, NotFound)


@router.get("/v1/videos/{video_id}/clips")
async def list_all(video_id: UUID, caller: CallerDep, database: DatabaseDep) -> ClipList:
    check_may_read(caller)
    async with database.transaction(caller) as session:
        await videos.get_video(session, caller.workspace_id, video_id)
        listed = await repository.list_clips(session, caller.workspace_id, video_id)
    return _views(listed)


@router.put("/v1/videos/{video_id}/order")
async def order(
    video_id: UUID, body: ClipOrder, caller: CallerDep, database: DatabaseDep
) -> ClipList:
    async with database.transaction(caller) as session:
        listed = await use_cases.order_clips(session, caller, video_id, body.clip_ids)
    return _views(listed)


@router.post("/v1/videos/{video_id}/auto-order")
async def auto_order(video_id: UUID, caller: CallerDep, database: DatabaseDep) -> ClipList:
    async with database.transaction(caller) as session:
        listed = await use_cases.order_by_tour(session, caller, video_id)
    return _views(listed)


@router.patch("/v1/clips/{clip_id}")
async def change(
    clip_id: UUID, body: ChangeClip, caller: CallerDep, database: DatabaseDep
) -> ClipView:
    async with database.transaction(caller) as session:
        clip = await use_cases.change_clip(session, caller, clip_id, body)
    return ClipView.model_validate(clip)


@router.post("/v1/clips/{clip_id}/remake")
async def remake(
    clip_id: UUID,
    body: ChangeClip,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> ClipView:
    async with database.transaction(caller) as session:
        most = settings.most_cents_per_video
        clip = await use_cases.remake_clip(session, caller, clip_id, body, most)
    return ClipView.model_validate(clip)


@router.delete("/v1/clips/{clip_id}", status_code=204)
async def remove(clip_id: UUID, caller: CallerDep, database: DatabaseDep) -> Response:
    check_may_delete(caller)
    async with database.transaction(caller) as session:
        await use_cases.remove_clip(session, caller, clip_id)
    return Response(status_code=204)


@router.post("/v1/clips/{clip_id}/retry")
async def retry(clip_id: UUID, caller: CallerDep, database: DatabaseDep) -> ClipView:
    async with database.transaction(caller) as session:
        clip = await use_cases.retry_clip(session, caller, clip_id)
    return ClipView.model_validate(clip)


@router.post("/v1/clips/{clip_id}/ken-burns")
async def ken_burns(clip_id: UUID, caller: CallerDep, database: DatabaseDep) -> ClipView:
    async with database.transaction(caller) as session:
        clip = await use_cases.use_ken_burns(session, caller, clip_id)
    return ClipView.model_validate(clip)


@router.post("/v1/clips/{clip_id}/leave-out")
async def leave_out(clip_id: UUID, caller: CallerDep, database: DatabaseDep) -> ClipView:
    async with database.transaction(caller) as session:
        clip = await use_cases.leave_out(session, caller, clip_id)
    return ClipView.model_validate(clip)


def _views(clips: list[VideoClip]) -> ClipList:
    return ClipList(items=[ClipView.model_validate(clip) for clip in clips])
