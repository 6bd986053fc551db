"""What a film will sound like is made while its clips arrive."""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.errors import NotFound
from services.video.clips import repository as clips_repository
from services.video.media.film import (
    make_sound,
)
from services.video.media.score import Region
from services.video.media.units import (
    Studio,
)
from services.video.rendering import repository
from services.video.rendering import rules as film_rules
from services.video.rendering.use_cases.leases import UNIT_FAILED
from services.video.tables import Segment
from services.video.videos import repository as videos
from services.video.videos.use_cases import (
    cuts_of,
    heard_in,
    music_of,
)

log = structlog.get_logger()


async def prepare_sound(database: Database, studio: Studio, done: Segment) -> None:
    """Make what the film will sound like around a shot that is there now, before it is asked for.

    Nothing waits for it and nothing depends on it: joining the film makes what is missing.
    """
    async with database.transaction(SystemScope(done.workspace_id)) as session:
        wanted = await _sound_around(session, done)
    if not wanted:
        return
    try:
        async with studio.folder() as folder:
            await make_sound(studio, wanted, folder)
    except UNIT_FAILED as error:
        log.warning("render.sound_not_prepared", error=type(error).__name__)


async def _sound_around(session: AsyncSession, done: Segment) -> list[tuple[Region, str]]:
    try:
        video = await videos.get_video(session, done.workspace_id, done.video_id)
    except NotFound:
        return []
    if video.status != "generating" or done.aspect_ratio != video.aspect_ratios[0]:
        return []
    clips = await clips_repository.list_clips(session, video.workspace_id, video.id)
    listed = await repository.list_segments(session, video.workspace_id, video.id)
    ready = {segment.fingerprint: segment for segment in listed}
    tune, wanted = await music_of(session, video), {}
    for cut in await cuts_of(session, video, film_rules.shots_of(clips, expected=True)):
        for region in film_rules.heard_around(done, cut.shots, heard_in(video), ready, tune):
            wanted[film_rules.key_of(region, video.workspace_id, video.id)] = region
    return [(region, key) for key, region in wanted.items()]
