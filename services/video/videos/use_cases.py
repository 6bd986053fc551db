"""What becomes of a video: drafted, started, rendered as clips arrive, joined, deleted."""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.caller import Caller
from contracts.video import (
    ClipsCompiled,
    FilmFile,
    VideoCreated,
    VideoDeleted,
    VideoFailed,
    VideoStarted,
)
from services.video.clips import repository as clips_repository
from services.video.clips.rules import is_hopeless, waits_for_choice
from services.video.errors import UnknownMusicTrack, VideoNotEditable
from services.video.generation import repository as attempts
from services.video.media.score import Music
from services.video.music import repository as music
from services.video.notes import CompilationDue, ErasureDue, Part, SegmentDue, SubmissionDue
from services.video.rendering import repository as rendering
from services.video.rendering import rules as film
from services.video.tables import Compilation, Output, Segment, VideoClip, VideoProject
from services.video.videos import repository, rules
from services.video.videos.schemas import ChangeVideo, CreateVideo

log = structlog.get_logger()

ALWAYS_CHANGEABLE = {"name", "description"}
FREE_AFTER_START = ALWAYS_CHANGEABLE | {"music_track_id", "music_volume"}
"""What costs nothing: a finished film is only joined again."""


async def create_video(
    session: AsyncSession, caller: Caller, body: CreateVideo, render_height: int
) -> VideoProject:
    rules.check_may_create(caller)
    await _check_music(session, body.music_track_id)
    video = VideoProject(
        workspace_id=caller.workspace_id,
        member_id=caller.member_id,
        render_height=render_height,
        **body.model_dump(),
    )
    session.add(video)
    await session.flush()
    await emit(
        session,
        VideoCreated(
            workspace_id=caller.workspace_id,
            video_id=video.id,
            member_id=caller.member_id,
            name=video.name,
        ),
    )
    return video


async def change_video(
    session: AsyncSession, caller: Caller, video_id: UUID, body: ChangeVideo
) -> VideoProject:
    video = await repository.lock_video(session, caller.workspace_id, video_id)
    rules.check_may_change(caller, video)
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    allowed = set(changes) if video.status == "draft" else FREE_AFTER_START
    if not set(changes) <= allowed or (video.status == "failed" and changes):
        raise VideoNotEditable
    await _check_music(session, changes.get("music_track_id"))
    for name, value in changes.items():
        setattr(video, name, value)
    if video.status == "completed" and not set(changes) <= ALWAYS_CHANGEABLE:
        video.status = "compiling"
    await session.flush()
    await advance(session, video)
    await session.flush()
    await session.refresh(video)
    return video


async def _check_music(session: AsyncSession, track_id: str | None) -> None:
    if track_id is not None:
        track = await music.find_track(session, track_id)
        if track is None or not track.is_active:
            raise UnknownMusicTrack


async def delete_video(session: AsyncSession, caller: Caller, video_id: UUID) -> None:
    """Hidden at once; its files go in a reaction, its attempts stay for their cost."""
    video = await repository.lock_video(session, caller.workspace_id, video_id)
    rules.check_may_change(caller, video)
    video.deleted_at = func.now()
    await emit(session, VideoDeleted(workspace_id=caller.workspace_id, video_id=video.id))
    await emit(session, ErasureDue(workspace_id=caller.workspace_id, video_id=video.id))


async def start_video(
    session: AsyncSession, workspace_id: UUID, video_id: UUID, payment_id: UUID
) -> None:
    """Paid: every clip and seamless transition is submitted. Being paid twice starts nothing."""
    video = await repository.find_for_update(session, workspace_id, video_id)
    if video is None or video.deleted_at is not None or video.status != "draft":
        log.warning("video.not_startable", video_id=str(video_id))
        return
    clips = await clips_repository.list_clips(session, workspace_id, video_id)
    video.payment_id = payment_id
    if not rules.MIN_CLIPS <= len(clips) <= rules.MAX_CLIPS:
        await fail_video(session, video, "too_few_clips")
        return
    await recount(session, video, clips)
    video.status, video.started_at = "generating", func.now()
    await emit(
        session,
        VideoStarted(workspace_id=workspace_id, video_id=video_id, clip_count=len(clips)),
    )
    for number, clip in enumerate(clips):
        clip.due_at = clip.noted_at = func.now()
        await note_submission(session, clip, "clip")
        if rules.has_transition(clip, clips):
            clip.transition_status, clip.transition_to_id = "pending", clips[number + 1].id
            await note_submission(session, clip, "transition")


async def note_submission(session: AsyncSession, clip: VideoClip, part: Part) -> None:
    await emit(
        session,
        SubmissionDue(
            workspace_id=clip.workspace_id, video_id=clip.video_id, clip_id=clip.id, part=part
        ),
    )


async def advance(session: AsyncSession, video: VideoProject) -> None:
    """After any change: order what can be rendered, join when all is there, count anew.

    The video's row must be locked by this transaction.
    """
    clips = await clips_repository.list_clips(session, video.workspace_id, video.id)
    if video.status in ("generating", "compiling"):
        await _decide(session, video, clips)
    await recount(session, video, clips)


async def _decide(session: AsyncSession, video: VideoProject, clips: list[VideoClip]) -> None:
    if is_hopeless(clips):
        await fail_video(session, video, "no_clip_could_be_made")
        return
    if not waits_for_choice(clips):
        video.waiting_since = None
    elif video.waiting_since is None:
        video.waiting_since = func.now()
    ready = await _order_segments(session, video, clips)
    if film.nothing_is_open(clips):
        await _order_film(session, video, clips, ready)


async def _order_segments(
    session: AsyncSession, video: VideoProject, clips: list[VideoClip]
) -> dict[str, Segment]:
    """Every piece that can be rendered now has a row and a note; answers all rows."""
    listed = await rendering.list_segments(session, video.workspace_id, video.id)
    ready = {segment.fingerprint: segment for segment in listed}
    shots = film.shots_of(clips)
    for aspect_ratio in video.aspect_ratios:
        pieces = [film.piece_of(shot, aspect_ratio, video.render_height) for shot in shots]
        pieces += film.seams_of(shots, aspect_ratio, video.render_height, ready)
        for piece in pieces:
            known = ready.get(piece.fingerprint)
            if known is None:
                known = await rendering.add_segment(session, video.workspace_id, video.id, piece)
            elif known.status == "failed":
                # Its owner asked again and the model sent the same bytes.
                known.status, known.tries = "pending", 0
            else:
                continue
            if known is not None:
                ready[piece.fingerprint] = known
                await note_segment(session, known)
    return ready


async def note_segment(session: AsyncSession, segment: Segment) -> None:
    await emit(
        session,
        SegmentDue(
            workspace_id=segment.workspace_id,
            video_id=segment.video_id,
            segment_id=segment.id,
        ),
    )


async def note_compilation(session: AsyncSession, unit: Compilation) -> None:
    await emit(
        session,
        CompilationDue(
            workspace_id=unit.workspace_id, video_id=unit.video_id, compilation_id=unit.id
        ),
    )


async def _order_film(
    session: AsyncSession,
    video: VideoProject,
    clips: list[VideoClip],
    ready: dict[str, Segment],
) -> None:
    shots = film.shots_of(clips)
    plans = {
        aspect_ratio: film.film_plan(shots, aspect_ratio, video.render_height, ready)
        for aspect_ratio in video.aspect_ratios
    }
    if not shots or any(plan is None for plan in plans.values()):
        return
    sound = film.listen(shots, heard_in(video), ready, await music_of(session, video))
    whole = {
        "outputs": plans,
        "height": video.render_height,
        "music_track_id": video.music_track_id,
        "sound": sound.as_plan(),
    }
    print_ = film.fingerprint(film.canonical(whole))
    video.status = "compiling"
    added = await rendering.add_compilation(
        session, video.workspace_id, video.id, fingerprint=print_, plan=whole
    )
    wanted = added or await rendering.get_compilation_like(
        session, video.workspace_id, video.id, print_
    )
    video.compilation_id = wanted.id
    if added is not None:
        await note_compilation(session, wanted)
    elif wanted.status == "completed":
        await publish_film(session, video, wanted)


def heard_in(video: VideoProject) -> film.Size:
    """Every output sounds the same: the first one's segments are listened to."""
    return video.aspect_ratios[0], video.render_height


async def music_of(session: AsyncSession, video: VideoProject) -> Music | None:
    if video.music_track_id is None:
        return None
    track = await music.find_track(session, video.music_track_id)
    if track is None:
        return None
    return Music(track.audio_key, track.loudness_curve, video.music_volume)


async def recount(session: AsyncSession, video: VideoProject, clips: list[VideoClip]) -> None:
    """Counts and costs are derived from the rows, never added up."""
    segments = await rendering.list_segments(session, video.workspace_id, video.id)
    spent = await attempts.list_attempts(session, video.workspace_id, video.id)
    with_audio = video.generate_native_audio
    planned = rules.planned_cents(clips, with_audio) if video.started_at is None else 0
    planned = max(planned, video.estimated_cost if video.started_at is not None else 0)
    costs = rules.costs_of(clips, spent, with_audio=with_audio, planned=planned)
    video.estimated_cost, video.actual_cost = costs.estimated, costs.actual
    video.clip_count = sum(clip.status != "left_out" for clip in clips)
    video.completed_clip_count = sum(clip.status == "completed" for clip in clips)
    if video.status == "generating":
        percent = rules.progress_of(clips, segments, len(video.aspect_ratios))
        video.progress_percent = max(video.progress_percent, percent)


async def fail_video(session: AsyncSession, video: VideoProject, reason: str) -> None:
    """There will be no film; billing gives the money back."""
    if not rules.can_become(video.status, "failed"):
        return
    video.status, video.failure_reason, video.waiting_since = "failed", reason, None
    await emit(
        session, VideoFailed(workspace_id=video.workspace_id, video_id=video.id, reason=reason)
    )


async def publish_film(session: AsyncSession, video: VideoProject, made: Compilation) -> None:
    outputs = await rendering.list_outputs(session, video.workspace_id, made.id)
    video.status, video.progress_percent = "completed", 100
    video.completed_at, video.duration_seconds = func.now(), outputs[0].duration_seconds
    await emit(
        session,
        ClipsCompiled(
            workspace_id=video.workspace_id,
            video_id=video.id,
            outputs=tuple(_film_file(output) for output in outputs),
            poster_key=made.poster_key or "",
            thumbnail_key=made.thumbnail_key or "",
        ),
    )


def _film_file(output: Output) -> FilmFile:
    return FilmFile.model_validate(output, from_attributes=True)
