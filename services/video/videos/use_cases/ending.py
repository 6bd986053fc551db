"""Verbs: publish a film, fail a video, delete it, and all of a closed workspace."""

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.caller import Caller
from contracts.video import ClipsCompiled, FilmFile, VideoDeleted, VideoFailed
from services.video.clips import repository as clips_repository
from services.video.generation import repository as attempts
from services.video.rendering import repository as rendering
from services.video.tables import Compilation, Output, VideoProject
from services.video.videos import repository, rules
from services.video.videos.use_cases.counting import tell_progress
from services.video.videos.use_cases.former import bring_back
from services.video.videos.use_cases.notes import note_erasure

DELETED = "deleted"
ERASED_NAME = "Deleted video"


async def fail_video(session: AsyncSession, video: VideoProject, reason: str) -> None:
    """There will be no film, and the money goes back; one that is there stays as it was."""
    if not rules.can_become(video.status, "failed"):
        return
    if video.film_id is not None:
        await take_back(session, video, reason)
        return
    video.status, video.failure_reason, video.waiting_since = "failed", reason, None
    await rendering.give_up_open(session, video.workspace_id, video.id)
    await emit(
        session, VideoFailed(workspace_id=video.workspace_id, video_id=video.id, reason=reason)
    )
    await tell_progress(session, video)


async def take_back(session: AsyncSession, video: VideoProject, reason: str | None) -> None:
    """The film that is there stays, made of what it was made of; `reason` is why."""
    bring_back(video, await clips_repository.list_clips(session, video.workspace_id, video.id))
    video.status, video.failure_reason, video.waiting_since = "completed", reason, None
    video.compilation_id, video.progress_percent = video.film_id, 100
    await rendering.give_up_open(session, video.workspace_id, video.id)
    await attempts.discard_open(session, video.workspace_id, video.id)
    await tell_progress(session, video)


async def undo_change(session: AsyncSession, caller: Caller, video_id: UUID) -> VideoProject:
    """Instead of a choice on the clips that failed: the film as it was before its change."""
    video = await repository.lock_video(session, caller.workspace_id, video_id)
    rules.check_may_change(caller, video)
    clips = await clips_repository.list_clips(session, caller.workspace_id, video_id)
    rules.check_may_undo(video, clips)
    await take_back(session, video, None)
    await session.flush()
    return video


async def publish_film(session: AsyncSession, video: VideoProject, made: Compilation) -> None:
    outputs = await rendering.list_outputs(session, video.workspace_id, made.id)
    video.status, video.progress_percent, video.film_id = "completed", 100, made.id
    video.completed_at, video.duration_seconds = func.now(), outputs[0].duration_seconds
    video.former = video.failure_reason = None
    await emit(
        session,
        ClipsCompiled(
            workspace_id=video.workspace_id,
            video_id=video.id,
            outputs=tuple(_film_file(one) for one in outputs if not one.is_branded),
            branded_outputs=tuple(_film_file(one) for one in outputs if one.is_branded),
            poster_key=made.poster_key or "",
            thumbnail_key=made.thumbnail_key or "",
        ),
    )
    await tell_progress(session, video)


def _film_file(output: Output) -> FilmFile:
    return FilmFile.model_validate(output, from_attributes=True)


async def delete_video(session: AsyncSession, caller: Caller, video_id: UUID) -> None:
    """Hidden at once; its files go in a reaction, its attempts stay for their cost.

    Whoever paid for it and never got a film gets the money back.
    """
    video = await repository.lock_video(session, caller.workspace_id, video_id)
    rules.check_may_change(caller, video)
    await _remove(session, video)


async def close_workspace(session: AsyncSession, workspace_id: UUID) -> None:
    """Every video goes as if its owner deleted it, and so do the photos we were offered."""
    for video in await repository.lock_all(session, workspace_id):
        await _remove(session, video)
    await clips_repository.forget_images(session, workspace_id)


async def _remove(session: AsyncSession, video: VideoProject) -> None:
    """What its owner wrote goes with it; what it cost stays."""
    if video.status in rules.OPEN:
        await fail_video(session, video, DELETED)
    video.deleted_at = func.now()
    video.name, video.description = ERASED_NAME, None
    for clip in await clips_repository.list_clips(session, video.workspace_id, video.id):
        clip.room_label = clip.motion_prompt = None
    await rendering.give_up_open(session, video.workspace_id, video.id)
    await emit(session, VideoDeleted(workspace_id=video.workspace_id, video_id=video.id))
    await note_erasure(session, video)
