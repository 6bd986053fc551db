"""Films: joined outside any transaction, recorded and published once."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from services.video.errors import FilmNotReady
from services.video.media.film import (
    FilmOrder,
    RenderedFilm,
    SoundOrder,
    compile_film,
)
from services.video.media.score import Region
from services.video.media.units import (
    Studio,
)
from services.video.music import repository as music
from services.video.notes import CompilationDue
from services.video.rendering import repository
from services.video.rendering import rules as film_rules
from services.video.rendering.use_cases.leases import (
    MAX_TRIES,
    UNIT_FAILED,
    claim,
    kept_leased,
    reason_of,
    still_ours,
)
from services.video.settings import Settings
from services.video.tables import Compilation, Output, VideoProject
from services.video.videos import repository as videos
from services.video.videos.use_cases import (
    fail_video,
    note_compilation,
    publish_film,
)

log = structlog.get_logger()


async def compile_due_film(
    event: CompilationDue, database: Database, studio: Studio, settings: Settings
) -> None:
    """Claim, join outside any transaction, record."""
    async with studio.turn:
        async with database.transaction(event) as session:
            unit = await claim(session, Compilation, event, event.compilation_id, settings)
        if unit is None:
            return
        try:
            async with kept_leased(database, unit, settings):
                made = await compile_film(studio, _film_order(unit))
        except UNIT_FAILED as error:
            reason = reason_of(error)
            async with database.transaction(event) as session:
                last = unit.tries >= MAX_TRIES
                await record_film_failed(session, unit, reason, last_try=last)
            return
        async with database.transaction(event) as session:
            await record_film(session, unit, made)


def _film_order(unit: Compilation) -> FilmOrder:
    regions = [Region.from_plan(region) for region in unit.plan["sound"]]
    keys = [film_rules.key_of(region, unit.workspace_id, unit.video_id) for region in regions]
    folder = f"workspaces/{unit.workspace_id}/videos/{unit.video_id}/films/{unit.fingerprint}"
    return FilmOrder(
        outputs=unit.plan["outputs"],
        height=unit.plan["height"],
        sound=SoundOrder(regions, keys),
        folder_key=folder,
    )


async def record_film(session: AsyncSession, claimed: Compilation, film: RenderedFilm) -> None:
    """The film is checked and stored: publish it, once."""
    video = await videos.find_for_update(session, claimed.workspace_id, claimed.video_id)
    compilation = await still_ours(session, claimed)
    if video is None or compilation is None:
        return
    compilation.status, compilation.leased_until = "completed", None
    compilation.poster_key, compilation.thumbnail_key = film.poster_key, film.thumbnail_key
    for one in film.files:
        session.add(
            Output(
                workspace_id=video.workspace_id, compilation_id=compilation.id, **one.model_dump()
            )
        )
    await session.flush()
    # The owner may have changed the music meanwhile: then another film is on its way.
    wanted = video.compilation_id == compilation.id and video.status == "compiling"
    if wanted and video.deleted_at is None:
        await publish_film(session, video, compilation)


async def record_film_failed(
    session: AsyncSession, claimed: Compilation, reason: str, *, last_try: bool
) -> None:
    video = await videos.find_for_update(session, claimed.workspace_id, claimed.video_id)
    compilation = await still_ours(session, claimed)
    if video is None or compilation is None:
        return
    compilation.failure_reason, compilation.leased_until = reason, None
    compilation.status = "failed" if last_try else "pending"
    if last_try:
        await fail_video(session, video, "compilation_failed")
    else:
        await note_compilation(session, compilation)


@dataclass(frozen=True)
class Film:
    """A finished film with its files and whom to thank."""

    video: VideoProject
    compilation: Compilation
    outputs: list[Output]
    attribution: str | None


async def get_film(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> Film:
    """Raises NotFound, or FilmNotReady before it is joined."""
    video = await videos.get_video(session, workspace_id, video_id)
    if video.status != "completed" or video.compilation_id is None:
        raise FilmNotReady
    made = await repository.find_unit(session, Compilation, workspace_id, video.compilation_id)
    if made is None:
        raise FilmNotReady
    outputs = await repository.list_outputs(session, workspace_id, made.id)
    track_id = made.plan["music_track_id"]
    track = await music.find_track(session, track_id) if track_id is not None else None
    return Film(video, made, outputs, track.attribution if track is not None else None)
