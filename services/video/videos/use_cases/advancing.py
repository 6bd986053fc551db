"""After any change of a video: what can be rendered is ordered, what is complete is joined."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.video.branding import repository as branding
from services.video.clips import repository as clips_repository
from services.video.clips.rules import is_hopeless, waits_for_choice
from services.video.media.score import Music
from services.video.music import repository as music
from services.video.rendering import repository as rendering
from services.video.rendering import rules as film
from services.video.tables import Segment, VideoClip, VideoProject
from services.video.videos.rules import OPEN
from services.video.videos.use_cases.counting import recount, tell_progress
from services.video.videos.use_cases.ending import fail_video, publish_film
from services.video.videos.use_cases.notes import note_compilation, note_segment


async def advance(session: AsyncSession, video: VideoProject) -> None:
    """After any change: order what can be rendered, join when all is there, count anew.

    The video's row must be locked by this transaction.
    """
    clips = await clips_repository.list_clips(session, video.workspace_id, video.id)
    if video.status in OPEN and video.deleted_at is None:
        await _decide(session, video, clips)
    await recount(session, video, clips)
    await tell_progress(session, video)


async def _decide(session: AsyncSession, video: VideoProject, clips: list[VideoClip]) -> None:
    if is_hopeless(clips):
        await fail_video(session, video, "no_clip_could_be_made")
        return
    if not waits_for_choice(clips):
        video.waiting_since = None
    elif video.waiting_since is None:
        # Also when all was there already, and one cannot be rendered in a size asked for later.
        video.waiting_since, video.status = datetime.now(UTC), "generating"
    ready = await _order_segments(session, video, clips)
    if film.nothing_is_open(clips):
        await _order_film(session, video, clips, ready)


async def _order_segments(
    session: AsyncSession, video: VideoProject, clips: list[VideoClip]
) -> dict[str, Segment]:
    """Every piece that can be rendered now has a row and a note; answers all rows."""
    listed = await rendering.list_segments(session, video.workspace_id, video.id)
    ready = {segment.fingerprint: segment for segment in listed}
    shots = film.every_shot(await cuts_of(session, video, film.shots_of(clips)))
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


async def cuts_of(
    session: AsyncSession, video: VideoProject, shots: list[film.Shot]
) -> list[film.Cut]:
    """With the end card, without it, or both: as the video's owner wants."""
    card = None
    if film.BRANDED in video.brandings:
        card = await branding.find_card(session, video.workspace_id)
    return film.cuts_of(shots, video.brandings, card)


async def _order_film(
    session: AsyncSession,
    video: VideoProject,
    clips: list[VideoClip],
    ready: dict[str, Segment],
) -> None:
    whole = await _plan(session, video, clips, ready)
    if whole is None:
        # What is being joined is not what is wanted any more.
        video.compilation_id = None
        return
    print_ = film.fingerprint(film.canonical(whole))
    video.status = "compiling"
    added = await rendering.add_compilation(
        session, video.workspace_id, video.id, fingerprint=print_, plan=whole
    )
    wanted = added or await rendering.get_compilation_like(
        session, video.workspace_id, video.id, print_
    )
    video.compilation_id = wanted.id
    if wanted.status == "completed":
        await publish_film(session, video, wanted)
    elif added is not None or wanted.status == "failed":
        # One that failed is wanted again.
        wanted.status, wanted.tries = "pending", 0
        await note_compilation(session, wanted)


async def _plan(
    session: AsyncSession,
    video: VideoProject,
    clips: list[VideoClip],
    ready: dict[str, Segment],
) -> dict[str, Any] | None:
    """Every cut in every size, and what each sounds like; None while a segment is missing."""
    music_there = await music_of(session, video)
    planned = []
    for cut in await cuts_of(session, video, film.shots_of(clips)):
        outputs = {
            aspect_ratio: film.film_plan(cut.shots, aspect_ratio, video.render_height, ready)
            for aspect_ratio in video.aspect_ratios
        }
        if any(stretches is None for stretches in outputs.values()):
            return None
        sound = film.listen(cut.shots, heard_in(video), ready, music_there)
        planned.append(film.CutPlan(cut.is_branded, outputs, sound.as_plan()))
    told = {"height": video.render_height, "music_track_id": video.music_track_id}
    return film.whole_plan(planned) | told if planned else None


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
