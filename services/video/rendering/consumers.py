"""Door: units of rendering; a renderer takes one at a time."""

from chassis.consumers import Consumers
from chassis.database import Database
from services.video.media.units import Studio
from services.video.notes import CompilationDue, SegmentDue
from services.video.rendering import use_cases
from services.video.settings import Settings

consumers = Consumers("video")


@consumers.on(SegmentDue, prefetch=1)
async def render_segment(
    event: SegmentDue, database: Database, studio: Studio, config: Settings
) -> None:
    await use_cases.render_due_segment(event, database, studio, config)


@consumers.on(CompilationDue, prefetch=1)
async def compile_film(
    event: CompilationDue, database: Database, studio: Studio, config: Settings
) -> None:
    await use_cases.compile_due_film(event, database, studio, config)
