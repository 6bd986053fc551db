"""A unit of rendering is worked on by one renderer, for as long as it says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.storage import ObjectMissing
from services.video.media.checks import FilmBroken
from services.video.media.mp4 import NotAnMp4
from services.video.media.program import RenderFailed, RenderTimeout
from services.video.media.splice import NotJoinable
from services.video.media.units import (
    Percent,
)
from services.video.notes import CompilationDue, SegmentDue
from services.video.rendering import repository
from services.video.settings import Settings
from services.video.tables import Compilation, Segment
from services.video.videos import repository as videos

log = structlog.get_logger()

MAX_TRIES = 3
UNIT_FAILED = (RenderFailed, RenderTimeout, NotAnMp4, NotJoinable, FilmBroken, ObjectMissing)
"""What another try may or may not mend; anything else is a bug or an outage, and is redelivered."""


async def still_ours(session: AsyncSession, claimed: repository.Unit) -> repository.Unit | None:
    unit = await repository.find_unit(session, type(claimed), claimed.workspace_id, claimed.id)
    if unit is None or unit.status != "rendering" or unit.lease_id != claimed.lease_id:
        return None
    return unit


async def claim(
    session: AsyncSession,
    kind: type[repository.Unit],
    event: SegmentDue | CompilationDue,
    unit_id: UUID,
    settings: Settings,
) -> repository.Unit | None:
    """The video's row is locked first: everywhere in the same order, or two would wait for ever."""
    video = await videos.find_for_update(session, event.workspace_id, event.video_id)
    if video is None or video.deleted_at is not None or video.status == "failed":
        return None
    seconds = settings.render_lease_seconds
    return await repository.lease(session, kind, event.workspace_id, unit_id, seconds)


@asynccontextmanager
async def kept_leased(
    database: Database, unit: Segment | Compilation, settings: Settings
) -> AsyncIterator[Percent]:
    """Renew the lease while the block works; hand it FFmpeg's progress to pass on.

    Raises RenderTimeout where a unit's hard stop is; whoever is told to end hands its unit back.
    """
    done = 0

    def percent(value: int) -> None:
        nonlocal done
        done = value

    async def renew() -> None:
        while True:
            await asyncio.sleep(settings.render_lease_seconds / 4)
            with suppress(SQLAlchemyError, OSError):
                async with database.transaction(SystemScope(unit.workspace_id)) as session:
                    await repository.renew(session, unit, settings.render_lease_seconds, done)

    task = asyncio.create_task(renew())
    hard_stop = asyncio.timeout(settings.render_unit_seconds)
    try:
        async with hard_stop:
            yield percent
    except TimeoutError as error:
        if not hard_stop.expired():
            raise
        raise RenderTimeout(f"the unit took {settings.render_unit_seconds:g} s") from error
    except asyncio.CancelledError:
        async with database.transaction(SystemScope(unit.workspace_id)) as session:
            await repository.hand_back(session, unit)
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reason_of(error: BaseException) -> str:
    log.warning("render.failed", error=type(error).__name__, detail=str(error)[-300:])
    return type(error).__name__
