"""What an owner does with clips: add, change, order, and choose when one failed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.video import ClipFailed
from services.video.clips import repository, rules
from services.video.clips.schemas import AddClip, ChangeClip, FillTemplate
from services.video.errors import (
    NoChoiceToMake,
    OrderIncomplete,
    TooManyClips,
    VideoNotEditable,
    VideoNotEmpty,
)
from services.video.generation import repository as generation
from services.video.rendering.rules import fingerprint
from services.video.tables import OfferedImage, VideoClip, VideoProject
from services.video.videos import repository as videos
from services.video.videos.rules import (
    MAX_CLIPS,
    TRANSITION_SECONDS,
    cents_of,
    check_is_draft,
    check_may_change,
    check_may_spend,
    owed_cents,
)
from services.video.videos.use_cases import advance, note_submission

LEFT_OUT = "left_out"


async def add_clip(
    session: AsyncSession, caller: Caller, video_id: UUID, body: AddClip
) -> VideoClip:
    """At the end of the tour; raises NotFound for an image we were not offered."""
    video = await _draft(session, caller, video_id)
    image = await get_image(session, caller, body.image_id)
    end = await get_image(session, caller, body.end_image_id) if body.end_image_id else None
    listed = await repository.list_clips(session, caller.workspace_id, video_id)
    if len(listed) >= MAX_CLIPS:
        raise TooManyClips
    values = body.model_dump(exclude={"room_type"})
    clip = VideoClip(
        workspace_id=caller.workspace_id,
        video_id=video_id,
        source_key=image.result_key,
        end_key=end.result_key if end is not None else None,
        room_type=body.room_type or _known_room(image.room_type),
        sequence_order=len(listed) + 1,
        **values,
    )
    session.add(clip)
    await session.flush()
    await advance(session, video)
    return clip


def _known_room(room_type: str | None) -> str:
    return room_type if room_type in rules.ROOM_TYPES else "other"


async def get_image(session: AsyncSession, caller: Caller, image_id: UUID) -> OfferedImage:
    image = await repository.find_offered_image(session, caller.workspace_id, image_id)
    if image is None:
        raise NotFound("There is no finished image with this id")
    return image


async def _draft(session: AsyncSession, caller: Caller, video_id: UUID) -> VideoProject:
    video = await videos.lock_video(session, caller.workspace_id, video_id)
    check_may_change(caller, video)
    check_is_draft(video)
    return video


async def change_clip(
    session: AsyncSession, caller: Caller, clip_id: UUID, body: ChangeClip, most_cents: int
) -> VideoClip:
    """In a draft anything; of a finished film what the model is asked, and only that is made anew.

    Raises VideoNotEditable for a video that is being made, and for what a film has for good;
    EditsUsedUp when the vendor would take more than `most_cents` for the video in all.
    """
    clip = await repository.get_clip(session, caller.workspace_id, clip_id)
    video = await videos.lock_video(session, caller.workspace_id, clip.video_id)
    check_may_change(caller, video)
    await session.refresh(clip)
    changes = await _as_columns(session, caller, body)
    changed = {name for name, value in changes.items() if getattr(clip, name) != value}
    rules.check_changeable(video, clip, changed)
    for name in changed:
        setattr(clip, name, changes[name])
    await session.flush()
    if video.status != "draft" and changed & rules.ASKED:
        await _make_again(session, video, clip, changed, most_cents=most_cents)
    await advance(session, video)
    await session.flush()
    return clip


async def _as_columns(session: AsyncSession, caller: Caller, body: ChangeClip) -> dict[str, Any]:
    """The changes with the keys of the photos they name; raises NotFound for foreign ones."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    if "image_id" in changes:
        changes["source_key"] = (await get_image(session, caller, changes["image_id"])).result_key
    if "end_image_id" in changes:
        end_id = changes["end_image_id"]
        end = await get_image(session, caller, end_id) if end_id is not None else None
        changes["end_key"] = end.result_key if end is not None else None
    return changes


async def _make_again(
    session: AsyncSession,
    video: VideoProject,
    clip: VideoClip,
    changed: set[str],
    *,
    most_cents: int,
) -> None:
    """Ask the model for this clip, and for the transitions that show a photo it no longer has."""
    listed = await repository.list_clips(session, video.workspace_id, video.id)
    transitions = rules.transitions_showing(clip, listed, changed)
    cents = cents_of(clip.duration_seconds, video.generate_native_audio)
    cents += len(transitions) * cents_of(TRANSITION_SECONDS, False)
    attempts = await generation.list_attempts(session, video.workspace_id, video.id)
    owed = owed_cents(listed, attempts, with_audio=video.generate_native_audio)
    check_may_spend(video, owed, cents, most_cents)
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


async def fill_template(
    session: AsyncSession, caller: Caller, video_id: UUID, body: FillTemplate
) -> list[VideoClip]:
    """An empty draft gets the template's clips, each with the photo that fits it best."""
    video = await _draft(session, caller, video_id)
    if await repository.list_clips(session, caller.workspace_id, video_id):
        raise VideoNotEmpty
    images = [await get_image(session, caller, image_id) for image_id in body.image_ids]
    template = rules.TEMPLATES[body.template_id]
    rooms = [_known_room(image.room_type) for image in images]
    for order, (number, slot) in enumerate(rules.fill(template, rooms), start=1):
        session.add(
            VideoClip(
                workspace_id=caller.workspace_id,
                video_id=video_id,
                image_id=images[number].image_id,
                source_key=images[number].result_key,
                room_type=rooms[number],
                room_label=slot.label,
                sequence_order=order,
                motion_prompt=slot.motion_prompt,
                duration_seconds=slot.seconds,
                transition_type=slot.transition,
            )
        )
    await session.flush()
    await advance(session, video)
    return await repository.list_clips(session, caller.workspace_id, video_id)


async def remove_clip(session: AsyncSession, caller: Caller, clip_id: UUID) -> None:
    """The clips behind it move up."""
    clip = await repository.get_clip(session, caller.workspace_id, clip_id)
    video = await _draft(session, caller, clip.video_id)
    await session.delete(clip)
    await session.flush()
    _number(await repository.list_clips(session, caller.workspace_id, video.id))
    await session.flush()
    await advance(session, video)


async def order_clips(
    session: AsyncSession, caller: Caller, video_id: UUID, wanted: Sequence[UUID]
) -> list[VideoClip]:
    video, listed = await _orderable(session, caller, video_id)
    if not rules.same_members(wanted, listed):
        raise OrderIncomplete
    by_id = {clip.id: clip for clip in listed}
    return await _reordered(session, video, [by_id[clip_id] for clip_id in wanted])


async def order_by_tour(session: AsyncSession, caller: Caller, video_id: UUID) -> list[VideoClip]:
    """Exterior first, then as one walks through a home, outdoors last."""
    video, listed = await _orderable(session, caller, video_id)
    return await _reordered(session, video, rules.tour_order(listed))


async def _orderable(
    session: AsyncSession, caller: Caller, video_id: UUID
) -> tuple[VideoProject, list[VideoClip]]:
    """A draft, or a finished film: joining it anew costs nothing.

    A generated transition whose clips are neighbours no more gives way to a cross-fade.
    """
    video = await videos.lock_video(session, caller.workspace_id, video_id)
    check_may_change(caller, video)
    listed = await repository.list_clips(session, caller.workspace_id, video_id)
    if video.status not in ("draft", "completed"):
        raise VideoNotEditable
    return video, listed


async def _reordered(
    session: AsyncSession, video: VideoProject, clips: list[VideoClip]
) -> list[VideoClip]:
    _number(clips)
    if video.status == "completed":
        video.status = "compiling"
    await session.flush()
    await advance(session, video)
    return clips


def _number(clips: Sequence[VideoClip]) -> None:
    for number, clip in enumerate(clips, start=1):
        clip.sequence_order = number


async def retry_clip(session: AsyncSession, caller: Caller, clip_id: UUID) -> VideoClip:
    """The model is asked again, with as many retries as at first."""
    video, clip = await _failed(session, caller, clip_id)
    clip.status, clip.failure_reason = "pending", None
    clip.due_at = clip.noted_at = func.now()
    await note_submission(session, clip, "clip")
    return await _chosen(session, video, clip)


async def use_ken_burns(session: AsyncSession, caller: Caller, clip_id: UUID) -> VideoClip:
    """A slow move over the photo itself, made by FFmpeg."""
    video, clip = await _failed(session, caller, clip_id)
    clip.status, clip.failure_reason, clip.is_ken_burns = "completed", None, True
    clip.clip_key, clip.clip_sha256 = clip.source_key, fingerprint(clip.source_key)
    return await _chosen(session, video, clip)


async def leave_out(session: AsyncSession, caller: Caller, clip_id: UUID) -> VideoClip:
    """The film goes without it; its share is refunded, unless an earlier film shows it."""
    video, clip = await _failed(session, caller, clip_id)
    clip.status = LEFT_OUT
    if clip.transition_status in ("pending", "processing"):
        clip.transition_status, clip.transition_failure_reason = "cross_fade", LEFT_OUT
    listed = await repository.list_clips(session, video.workspace_id, video.id)
    fact = ClipFailed(
        workspace_id=video.workspace_id,
        video_id=video.id,
        clip_id=clip.id,
        reason=LEFT_OUT,
        paid_clip_count=len(listed) if video.film_id is None else None,
    )
    await emit(session, fact)
    return await _chosen(session, video, clip)


async def _failed(
    session: AsyncSession, caller: Caller, clip_id: UUID
) -> tuple[VideoProject, VideoClip]:
    clip = await repository.get_clip(session, caller.workspace_id, clip_id)
    video = await videos.lock_video(session, caller.workspace_id, clip.video_id)
    check_may_change(caller, video)
    await session.refresh(clip)
    if clip.status != "failed" or video.status != "generating":
        raise NoChoiceToMake
    return video, clip


async def _chosen(session: AsyncSession, video: VideoProject, clip: VideoClip) -> VideoClip:
    await session.flush()
    await advance(session, video)
    await session.flush()
    return clip
