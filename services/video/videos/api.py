"""Door: HTTP for videos and their finished films."""

from uuid import UUID

from fastapi import APIRouter, Response

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from chassis.storage import Storage
from services.video.dependencies import (
    CursorDep,
    Limit,
    SettingsDep,
    StorageDep,
    cursor_after,
)
from services.video.errors import FilmNotReady
from services.video.rendering import use_cases as rendering
from services.video.tables import Compilation, Output, VideoProject
from services.video.videos import repository, rules, use_cases
from services.video.videos.schemas import (
    ChangeVideo,
    CreateVideo,
    Download,
    DownloadFile,
    VideoPage,
    VideoView,
)

router = APIRouter(prefix="/v1/videos", tags=["videos"])

DOWNLOAD_SECONDS = 900


@router.post("", status_code=201)
async def create(
    body: CreateVideo, caller: CallerDep, database: DatabaseDep, settings: SettingsDep
) -> VideoView:
    async with database.transaction(caller) as session:
        height = settings.render_height
        video = await use_cases.create_video(session, caller, body, height)
    return VideoView.of(video)


@router.get("")
async def list_all(
    caller: CallerDep, database: DatabaseDep, before: CursorDep, limit: Limit = 50
) -> VideoPage:
    rules.check_may_read(caller)
    async with database.transaction(caller) as session:
        found = await repository.list_videos(
            session, caller.workspace_id, limit=limit + 1, before=before
        )
    shown = found[:limit]
    more = cursor_after(shown[-1].id) if len(found) > limit else None
    return VideoPage(items=[VideoView.of(video) for video in shown], next_cursor=more)


@router.get("/{video_id}")
async def read(video_id: UUID, caller: CallerDep, database: DatabaseDep) -> VideoView:
    rules.check_may_read(caller)
    async with database.transaction(caller) as session:
        video = await repository.get_video(session, caller.workspace_id, video_id)
    return VideoView.of(video)


@router.patch("/{video_id}")
async def change(
    video_id: UUID, body: ChangeVideo, caller: CallerDep, database: DatabaseDep
) -> VideoView:
    async with database.transaction(caller) as session:
        video = await use_cases.change_video(session, caller, video_id, body)
    return VideoView.of(video)


@router.post("/{video_id}/undo")
async def undo(video_id: UUID, caller: CallerDep, database: DatabaseDep) -> VideoView:
    async with database.transaction(caller) as session:
        video = await use_cases.undo_change(session, caller, video_id)
    return VideoView.of(video)


@router.delete("/{video_id}", status_code=204)
async def delete(video_id: UUID, caller: CallerDep, database: DatabaseDep) -> Response:
    rules.check_may_delete(caller)
    async with database.transaction(caller) as session:
        await use_cases.delete_video(session, caller, video_id)
    return Response(status_code=204)


@router.get("/{video_id}/download")
async def download(
    video_id: UUID, caller: CallerDep, database: DatabaseDep, storage: StorageDep
) -> Download:
    rules.check_may_read(caller)
    async with database.transaction(caller) as session:
        film = await rendering.get_film(session, caller.workspace_id, video_id)
    return await _signed(storage, film)


async def _signed(storage: Storage, film: rendering.Film) -> Download:
    files = [await _file(storage, film.video, output) for output in film.outputs]
    poster, thumbnail = _pictures(film.compilation)
    preview = film.compilation.preview_key
    return Download(
        is_current=film.video.status == "completed",
        files=files,
        poster_url=await storage.sign_get(poster, seconds=DOWNLOAD_SECONDS),
        thumbnail_url=await storage.sign_get(thumbnail, seconds=DOWNLOAD_SECONDS),
        preview_url=await storage.sign_get(preview, seconds=DOWNLOAD_SECONDS) if preview else None,
        attribution=film.attribution,
    )


def _pictures(film: Compilation) -> tuple[str, str]:
    if film.poster_key is None or film.thumbnail_key is None:
        raise FilmNotReady
    return film.poster_key, film.thumbnail_key


async def _file(storage: Storage, video: VideoProject, output: Output) -> DownloadFile:
    branded = "-branded" if output.is_branded else ""
    name = f"film-{video.id}-{output.aspect_ratio.replace(':', 'x')}{branded}.mp4"
    url = await storage.sign_get(output.key, seconds=DOWNLOAD_SECONDS, file_name=name)
    names = (
        "aspect_ratio",
        "is_branded",
        "width",
        "height",
        "duration_seconds",
        "size_bytes",
        "sha256",
    )
    return DownloadFile(url=url, **{name: getattr(output, name) for name in names})
