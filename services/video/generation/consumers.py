"""Door: the service's own notes about submissions and answers."""

from chassis.consumers import Consumers
from chassis.database import Database
from chassis.storage import Storage
from services.video.generation import use_cases
from services.video.media.program import Program
from services.video.notes import GenerationAnswered, SubmissionDue
from services.video.providers.base import ClipGenerator
from services.video.providers.fetch import ClipFetcher
from services.video.settings import Settings

consumers = Consumers("video")


@consumers.on(SubmissionDue)
async def submit_generation(
    event: SubmissionDue,
    database: Database,
    generator: ClipGenerator,
    storage: Storage,
    config: Settings,
) -> None:
    await use_cases.submit_shot(event, database, generator, storage, config)


@consumers.on(GenerationAnswered, prefetch=4)
async def keep_generated_clip(
    event: GenerationAnswered,
    database: Database,
    storage: Storage,
    fetcher: ClipFetcher,
    program: Program,
) -> None:
    await use_cases.keep_clip(event, database, storage, fetcher, program)
