"""Verbs: a draft's clip is changed; a clip of a film is made anew."""

from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.caller import Caller
from services.video.clips import repository, rules
from services.video.clips.schemas import ChangeClip
from services.video.clips.use_cases.arranging import get_image
from services.video.generation import repository as generation
from services.video.tables import VideoClip, VideoProject
from services.video.videos import repository as videos
from services.video.videos.rules import (
    TRANSITION_SECONDS,
    cents_of,
    check_may_change,
    check_may_spend,
    owed_cents,
)
from services.video.videos.use_cases import advance, keep_former, note_submission


async def change_clip(
    session: AsyncSession, caller: Caller, clip_id: UUID, body: ChangeClip
) -> VideoClip:
    """In a draft anything; later its label. Raises VideoNotEditable."""
    video, clip, changes = await _changed(session, caller, clip_id, body)
    rules.check_changeable(video, set(changes))
    return await _with(session, video, clip, changes)


async def remake_clip(
    session: AsyncSession, caller: Caller, clip_id: UUID, body: ChangeClip, most_cents: int
) -> VideoClip:
    """Of a finished film, or one that failed: the model is asked again, for this clip alone.

    Raises VideoNotEditable for a clip that is being made, and for what a film has for good;
    EditsUsedUp when the vendor would take more than `most_cents` for the video in all.
    """
    video, clip, changes = await _changed(session, caller, clip_id, body)
    rules.check_remakeable(video, clip, set(changes))
    if not changes.keys() & rules.ASKED and clip.status != "failed":
        return await _with(session, video, clip, changes)
    listed = await repository.list_clips(session, video.workspace_id, video.id)
    keep_former(video, listed)
    transitions = rules.transitions_showing(clip, listed, set(changes))
    seconds = changes.get("duration_seconds", clip.duration_seconds)
    cents = cents_of(seconds, video.generate_native_audio)
    cents += len(transitions) * cents_of(TRANSITION_SECONDS, False)
    await _check_may_spend(session, video, listed, cents, most_cents)
    await _make_again(session, video, clip, transitions)
    return await _with(session, video, clip, changes)


async def _changed(
    session: AsyncSession, caller: Caller, clip_id: UUID, body: ChangeClip
) -> tuple[VideoProject, VideoClip, dict[str, Any]]:
    """The locked video, its clip, and what of the body is not so already."""
    clip = await repository.get_clip(session, caller.workspace_id, clip_id)
    video = await videos.lock_video(session, caller.workspace_id, clip.video_id)
    check_may_change(caller, video)
    await session.refresh(clip)
    changes = await _as_columns(session, caller, clip, body)
    return video, clip, {n: value for n, value in changes.items() if getattr(clip, n) != value}


async def _with(
    session: AsyncSession, video: VideoProject, clip: VideoClip, changes: dict[str, Any]
) -> VideoClip:
    for name, value in changes.items():
        setattr(clip, name, value)
    await session.flush()
    await advance(session, video)
    await session.flush()
    return clip


async def _as_columns(
    session: AsyncSession, caller: Caller, clip: VideoClip, body: ChangeClip
) -> dict[str, Any]:
    """The changes with the keys of the photos they name; raises NotFound for foreign ones."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    if changes.keys() & {"image_id", "image_version"}:
        image_id = changes.get("image_id", clip.image_id)
        image = await get_image(session, caller, image_id, changes.get("image_version"))
        changes |= {"image_version": image.version, "source_key": image.result_key}
    if changes.keys() & {"end_image_id", "end_image_version"}:
        end_id = changes.get("end_image_id", clip.end_image_id)
        changes |= {"end_image_version": None, "end_key": None}
        if end_id is not None:
            end = await get_image(session, caller, end_id, body.end_image_version)
            changes |= {"end_image_version": end.version, "end_key": end.result_key}
    return changes


async def _check_may_spend(
    session: AsyncSession,
    video: VideoProject,
    clips: list[VideoClip],
    cents: int,
    most_cents: int,
) -> None:
    attempts = await generation.list_attempts(session, video.workspace_id, video.id)
    owed = owed_cents(clips, attempts, with_audio=video.generate_native_audio)
    check_may_spend(video, owed, cents, most_cents)


async def _make_again(
    session: AsyncSession, video: VideoProject, clip: VideoClip, transitions: list[VideoClip]
) -> None:
    """Ask the model for this clip, and for the transitions that show a photo it no longer has."""
    if video.status == "completed":
        video.progress_percent = 0
    video.status = "generating"
    clip.status, clip.failure_reason, clip.is_ken_burns = "pending", None, False
    clip.clip_key = clip.clip_sha256 = None
    clip.due_at = clip.noted_at = func.now()
    await note_submission(session, clip, "clip")
    for other in transitions:
        other.transition_status, other.transition_key = "pending", None
        other.due_at = other.noted_at = func.now()
        await note_submission(session, other, "transition")
