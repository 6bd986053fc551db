"""Verbs: clips are added to a draft, taken away, and put in order."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from contracts.caller import Caller
from services.video.clips import repository, rules
from services.video.clips.schemas import AddClip, FillTemplate
from services.video.errors import OrderIncomplete, TooManyClips, VideoNotEditable, VideoNotEmpty
from services.video.tables import OfferedImage, VideoClip, VideoProject
from services.video.videos import repository as videos
from services.video.videos.rules import MAX_CLIPS, check_is_draft, check_may_change
from services.video.videos.use_cases import advance, keep_former


async def add_clip(
    session: AsyncSession, caller: Caller, video_id: UUID, body: AddClip
) -> VideoClip:
    """At the end of the tour; raises NotFound for an image we were not offered."""
    video = await _draft(session, caller, video_id)
    image = await get_image(session, caller, body.image_id, body.image_version)
    end = None
    if body.end_image_id is not None:
        end = await get_image(session, caller, body.end_image_id, body.end_image_version)
    listed = await repository.list_clips(session, caller.workspace_id, video_id)
    if len(listed) >= MAX_CLIPS:
        raise TooManyClips
    values = body.model_dump(exclude={"room_type", "image_version", "end_image_version"})
    clip = VideoClip(
        workspace_id=caller.workspace_id,
        video_id=video_id,
        image_version=image.version,
        source_key=image.result_key,
        end_image_version=end.version if end is not None else None,
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


async def get_image(
    session: AsyncSession, caller: Caller, image_id: UUID, version: int | None = None
) -> OfferedImage:
    """Its newest version where none is named."""
    image = await repository.find_offered_image(session, caller.workspace_id, image_id, version)
    if image is None:
        raise NotFound("There is no finished image with this id")
    return image


async def _draft(session: AsyncSession, caller: Caller, video_id: UUID) -> VideoProject:
    video = await videos.lock_video(session, caller.workspace_id, video_id)
    check_may_change(caller, video)
    check_is_draft(video)
    return video


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
        image = images[number]
        if slot.shows_original:
            image = await _original(session, image)
        session.add(
            VideoClip(
                workspace_id=caller.workspace_id,
                video_id=video_id,
                image_id=image.image_id,
                image_version=image.version,
                source_key=image.result_key,
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


async def _original(session: AsyncSession, image: OfferedImage) -> OfferedImage:
    found = await repository.find_offered_image(
        session, image.workspace_id, image.image_id, rules.AS_UPLOADED
    )
    return found or image


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
    if video.status == "completed":
        keep_former(video, clips)
        video.status = "compiling"
    _number(clips)
    await session.flush()
    await advance(session, video)
    return clips


def _number(clips: Sequence[VideoClip]) -> None:
    for number, clip in enumerate(clips, start=1):
        clip.sequence_order = number
