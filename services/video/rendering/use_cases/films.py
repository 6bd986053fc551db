"""Films: joined outside any transaction, recorded and published once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
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
from services.video.rendering.use_cases.previews import prepare_preview
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
    """Claim, join outside any transaction, record; then, with the owner served, its preview."""
    async with studio.turn:
        async with database.transaction(event) as session:
            unit = await claim(session, Compilation, event, event.compilation_id, settings)
        if unit is not None:
            await _compile(unit, event, database, studio, settings)
        await prepare_preview(event, database, studio)


async def _compile(
    unit: Compilation,
    event: CompilationDue,
    database: Database,
    studio: Studio,
    settings: Settings,
) -> None:
    try:
        async with kept_leased(database, unit, settings):
            made = [
                JoinedCut(is_branded, await compile_film(studio, order))
                for is_branded, order in _film_orders(unit)
            ]
    except UNIT_FAILED as error:
        reason = reason_of(error)
        async with database.transaction(event) as session:
            last = unit.tries >= MAX_TRIES
            await record_film_failed(session, unit, reason, last_try=last)
        return
    async with database.transaction(event) as session:
        await record_film(session, unit, made)


@dataclass(frozen=True)
class JoinedCut:
    """The files of one version of a film."""

    is_branded: bool
    film: RenderedFilm


def _film_orders(unit: Compilation) -> list[tuple[bool, FilmOrder]]:
    """One for each cut, in folders of their own."""
    folder = f"workspaces/{unit.workspace_id}/videos/{unit.video_id}/films/{unit.fingerprint}"
    cuts = [unit.plan, *unit.plan.get("also", ())]
    return [
        (cut.get("is_branded", False), _film_order(unit, cut, f"{folder}/{number}"))
        for number, cut in enumerate(cuts)
    ]


def _film_order(unit: Compilation, cut: dict[str, Any], folder: str) -> FilmOrder:
    regions = [Region.from_plan(region) for region in cut["sound"]]
    keys = [film_rules.key_of(region, unit.workspace_id, unit.video_id) for region in regions]
    return FilmOrder(
        outputs=cut["outputs"],
        height=unit.plan["height"],
        sound=SoundOrder(regions, keys),
        folder_key=folder,
    )


async def record_film(
    session: AsyncSession, claimed: Compilation, cuts: Sequence[JoinedCut]
) -> None:
    """The film is checked and stored: publish it, once."""
    video = await videos.find_for_update(session, claimed.workspace_id, claimed.video_id)
    compilation = await still_ours(session, claimed)
    if video is None or compilation is None:
        return
    compilation.status, compilation.leased_until = "completed", None
    first = cuts[0].film
    compilation.poster_key, compilation.thumbnail_key = first.poster_key, first.thumbnail_key
    of_film = {"workspace_id": video.workspace_id, "compilation_id": compilation.id}
    for cut in cuts:
        for one in cut.film.files:
            told = one.model_dump() | {"is_branded": cut.is_branded}
            session.add(Output(**of_film, **told))
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
    if not last_try:
        await note_compilation(session, compilation)
    elif video.compilation_id == compilation.id:
        await fail_video(session, video, "compilation_failed")


@dataclass(frozen=True)
class Film:
    """A finished film with its files and whom to thank; not current while another is made."""

    video: VideoProject
    compilation: Compilation
    outputs: list[Output]
    attribution: str | None


async def get_film(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> Film:
    """The last one that was finished; raises NotFound, or FilmNotReady before there is any."""
    video = await videos.get_video(session, workspace_id, video_id)
    if video.film_id is None:
        raise FilmNotReady
    made = await repository.find_unit(session, Compilation, workspace_id, video.film_id)
    if made is None:
        raise FilmNotReady
    outputs = await repository.list_outputs(session, workspace_id, made.id)
    track_id = made.plan["music_track_id"]
    track = await music.find_track(session, track_id) if track_id is not None else None
    return Film(video, made, outputs, track.attribution if track is not None else None)
