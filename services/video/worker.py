"""The worker process: reactions, outbox relay and sweeps; rendering has a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aio_pika
import structlog

from chassis import telemetry, topology
from chassis import worker as process
from chassis.consumers import Consumers
from chassis.database import Database, open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.worker import Worker
from services.video import sweeps
from services.video.branding.consumers import consumers as branding
from services.video.clips.consumers import consumers as clips
from services.video.generation.consumers import consumers as generation
from services.video.media.program import Program, find_program
from services.video.media.units import Studio
from services.video.music.use_cases import prepare_catalogue
from services.video.providers.fal import FalGenerator
from services.video.providers.fetch import ClipFetcher
from services.video.rendering.consumers import consumers as rendering
from services.video.settings import Settings
from services.video.videos.consumers import consumers as videos

log = structlog.get_logger()

PREPARE_AGAIN_SECONDS = 2.0


def create_worker(
    settings: Settings, database: Database, storage: Storage, *, renders: bool = False
) -> Worker:
    """Every reaction of the service; with `renders` this process renders too."""
    consumers = Consumers("video")
    consumers.include(clips, videos, generation, branding)
    if renders:
        consumers.include(rendering)
    program = program_of(settings)
    generator = FalGenerator(settings)
    worker = Worker(
        settings,
        database,
        consumers,
        config=settings,
        storage=storage,
        generator=generator,
        fetcher=ClipFetcher(settings),
        program=program,
        studio=studio_of(settings, storage),
    )
    sweeps.register(worker.sweeper, database, generator, settings)
    return worker


def program_of(settings: Settings) -> Program:
    return find_program(settings.ffmpeg, settings.render_deadline_seconds)


def studio_of(settings: Settings, storage: Storage) -> Studio:
    return Studio(
        program_of(settings),
        storage,
        scratch_dir=settings.scratch_dir,
        threads=settings.render_threads,
    )


@asynccontextmanager
async def prepared(settings: Settings, database: Database, storage: Storage) -> AsyncIterator[None]:
    """While the block runs, prepare what must be there once, however late the others come."""

    async def tracks() -> None:
        await prepare_catalogue(database, storage, program_of(settings))

    async def queues() -> None:
        await declare_render_queues(settings.rabbitmq_url.get_secret_value())

    tasks = [asyncio.create_task(_until_done(work)) for work in (queues, tracks)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_done(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except Exception as error:
            log.warning("video.not_prepared", what=work.__name__, error=type(error).__name__)
            await asyncio.sleep(PREPARE_AGAIN_SECONDS)


async def declare_render_queues(rabbitmq_url: str) -> None:
    """Units must find their queue before the first renderer runs: renderers scale from zero."""
    async with await aio_pika.connect(rabbitmq_url, timeout=5) as connection:
        channel = await connection.channel()
        for one in rendering.subscriptions:
            await topology.declare_reaction(channel, one.name, one.event)


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    database, storage = open_database(settings), Storage(StorageSettings())
    worker = create_worker(settings, database, storage)
    process.run(worker, storage, prepared(settings, database, storage))


if __name__ == "__main__":
    main()
