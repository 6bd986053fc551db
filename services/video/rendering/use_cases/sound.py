"""What a film will sound like is made while its clips arrive and are rendered."""

import structlog
from sqlalchemy.exc import SQLAlchemyError
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

NOT_PREPARED = (*UNIT_FAILED, SQLAlchemyError, OSError)


class SoundAround:
    """What a film will sound like around one shot, made before it is asked for.

    Nothing waits for it and nothing depends on it: joining the film makes what is missing.
    """

    def __init__(self, database: Database, studio: Studio, shot: Segment) -> None:
        self._database, self._studio, self._shot = database, studio, shot
        self._made: set[str] = set()

    async def prepare(self, sound_key: str | None) -> None:
        """Once the shot's own sound is known, and again when it is recorded: its neighbours may
        have come meanwhile."""
        try:
            async with self._database.transaction(SystemScope(self._shot.workspace_id)) as session:
                around = await _sound_around(session, self._shot, sound_key)
            wanted = [(region, key) for region, key in around if key not in self._made]
            async with self._studio.folder() as folder:
                self._made |= (await make_sound(self._studio, wanted, folder)).keys()
        except NOT_PREPARED as error:
            log.warning("render.sound_not_prepared", error=type(error).__name__)


async def _sound_around(
    session: AsyncSession, shot: Segment, sound_key: str | None
) -> list[tuple[Region, str]]:
    try:
        video = await videos.get_video(session, shot.workspace_id, shot.video_id)
    except NotFound:
        return []
    if video.status != "generating" or shot.aspect_ratio != video.aspect_ratios[0]:
        return []
    clips = await clips_repository.list_clips(session, video.workspace_id, video.id)
    listed = await repository.list_segments(session, video.workspace_id, video.id)
    ready = {segment.fingerprint: segment for segment in listed}
    ready[shot.fingerprint] = film_rules.heard_as(shot.fingerprint, sound_key)
    tune, wanted = await music_of(session, video), {}
    for cut in await cuts_of(session, video, film_rules.shots_of(clips, expected=True)):
        for region in film_rules.heard_around(shot, cut.shots, heard_in(video), ready, tune):
            wanted[film_rules.key_of(region, video.workspace_id, video.id)] = region
    return [(region, key) for key, region in wanted.items()]
