"""Segments: rendered outside any transaction, recorded once."""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.outbox import emit
from contracts.video import ClipFailed
from services.video.clips import repository as clips_repository
from services.video.media.units import (
    RenderedSegment,
    SegmentOrder,
    Studio,
    render_segment,
)
from services.video.notes import SegmentDue
from services.video.rendering.use_cases.leases import (
    MAX_TRIES,
    UNIT_FAILED,
    claim,
    kept_leased,
    reason_of,
    still_ours,
)
from services.video.rendering.use_cases.sound import SoundAround
from services.video.settings import Settings
from services.video.tables import Segment, VideoProject
from services.video.videos import repository as videos
from services.video.videos.use_cases import (
    advance,
    fail_video,
    note_segment,
)

log = structlog.get_logger()


async def render_due_segment(
    event: SegmentDue, database: Database, studio: Studio, settings: Settings
) -> None:
    """Claim, render outside any transaction, record. Whoever is late or second changes nothing."""
    async with studio.turn:
        async with database.transaction(event) as session:
            unit = await claim(session, Segment, event, event.segment_id, settings)
        if unit is None:
            return
        sound = SoundAround(database, studio, unit)
        try:
            async with kept_leased(database, unit, settings) as percent:
                order = _segment_order(unit)
                rendered = await render_segment(studio, order, percent, sound.prepare)
        except UNIT_FAILED as error:
            reason = reason_of(error)
            async with database.transaction(event) as session:
                last = unit.tries >= MAX_TRIES
                await record_unrenderable(session, unit, reason, last_try=last)
            return
        async with database.transaction(event) as session:
            await record_segment(session, unit, rendered)
        await sound.prepare(rendered.sound_key)


def _segment_order(unit: Segment) -> SegmentOrder:
    folder = f"workspaces/{unit.workspace_id}/videos/{unit.video_id}/segments"
    return SegmentOrder(
        part="photo" if unit.part == "card" else unit.part,
        source_key=unit.source_key,
        next_source_key=unit.next_source_key,
        aspect_ratio=unit.aspect_ratio,
        height=unit.height,
        frames=unit.frames,
        target_key=f"{folder}/{unit.fingerprint}.mp4",
        sound_key=f"{folder}/{unit.fingerprint}.pcm",
    )


async def record_segment(
    session: AsyncSession, claimed: Segment, rendered: RenderedSegment
) -> None:
    """The pictures are stored; a renderer that lost its lease changes nothing."""
    video = await videos.find_for_update(session, claimed.workspace_id, claimed.video_id)
    segment = await still_ours(session, claimed)
    if video is None or segment is None:
        return
    segment.status, segment.progress_percent, segment.leased_until = "completed", 100, None
    segment.key, segment.sound_key = rendered.key, rendered.sound_key
    segment.size_bytes, segment.sha256 = rendered.size_bytes, rendered.sha256
    await session.flush()
    await advance(session, video)


async def record_unrenderable(
    session: AsyncSession, claimed: Segment, reason: str, *, last_try: bool
) -> None:
    """Try elsewhere; at the end the clip waits for its owner, a transition becomes a fade."""
    video = await videos.find_for_update(session, claimed.workspace_id, claimed.video_id)
    segment = await still_ours(session, claimed)
    if video is None or segment is None:
        return
    segment.failure_reason, segment.leased_until = reason, None
    if not last_try:
        segment.status = "pending"
        await note_segment(session, segment)
        return
    segment.status = "failed"
    await _give_up_source(session, video, segment)
    await session.flush()
    await advance(session, video)


async def _give_up_source(session: AsyncSession, video: VideoProject, segment: Segment) -> None:
    if segment.part in ("seam", "card"):
        await fail_video(session, video, "render_failed")
        return
    clip = await clips_repository.get_clip(session, segment.workspace_id, segment.clip_id)
    if segment.source_key not in (clip.clip_key, clip.transition_key):
        return
    if segment.part == "transition":
        clip.transition_status, clip.transition_failure_reason = "cross_fade", "not_renderable"
        return
    if clip.status != "completed":
        return
    clip.status, clip.failure_reason, clip.is_ken_burns = "failed", "not_renderable", False
    await emit(
        session,
        ClipFailed(
            workspace_id=video.workspace_id,
            video_id=video.id,
            clip_id=clip.id,
            reason="not_renderable",
        ),
    )
