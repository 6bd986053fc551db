"""A finished film's preview: nobody waits for it, and a redelivered note makes a missing one."""

import structlog

from chassis.database import Database
from services.video.media.preview import preview_graph
from services.video.media.units import Studio
from services.video.notes import CompilationDue
from services.video.rendering import repository
from services.video.rendering.use_cases.leases import UNIT_FAILED
from services.video.tables import Compilation
from services.video.videos import repository as videos

log = structlog.get_logger()

NAME = "preview.mp4"


async def prepare_preview(event: CompilationDue, database: Database, studio: Studio) -> None:
    """From the first output of a film that is published and has no preview yet."""
    async with database.transaction(event) as session:
        video = await videos.find_for_update(session, event.workspace_id, event.video_id)
        if video is None or video.deleted_at is not None:
            return
        made = await repository.find_unit(
            session, Compilation, event.workspace_id, event.compilation_id
        )
        if made is None or made.status != "completed" or made.preview_key is not None:
            return
        outputs = await repository.list_outputs(session, event.workspace_id, made.id)
    source = min(outputs, key=lambda output: output.size_bytes).key
    key = f"{source.rpartition('/')[0]}/{NAME}"
    try:
        await _make(studio, source, key)
    except UNIT_FAILED as error:
        log.warning("render.preview_not_made", error=type(error).__name__)
        return
    async with database.transaction(event) as session:
        await repository.keep_preview(session, made, key)


async def _make(studio: Studio, source: str, key: str) -> None:
    async with studio.folder() as folder:
        film, preview = folder / "film.mp4", folder / NAME
        await studio.storage.download(source, film)
        await studio.program.run(preview_graph(film, preview), folder)
        await studio.storage.upload(preview, key, content_type="video/mp4")
