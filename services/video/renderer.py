"""A renderer process: takes segments and films one at a time; run as many as there is work for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis import telemetry
from chassis.database import Database, open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.worker import Worker, run
from services.video.media.units import Studio
from services.video.rendering.consumers import consumers
from services.video.settings import Settings
from services.video.worker import studio_of


def create_renderer(settings: Settings, database: Database, studio: Studio) -> Worker:
    studio.clean()
    return Worker(settings, database, consumers, config=settings, studio=studio)


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Worker]:
    database = open_database(settings)
    try:
        async with Storage(StorageSettings()) as storage:
            studio = studio_of(settings, storage)
            try:
                async with create_renderer(settings, database, studio).running() as worker:
                    yield worker
            finally:
                studio.close()
    finally:
        await database.close()


def main() -> None:
    settings = Settings()
    # A port of its own, so that several renderers fit on one machine.
    settings = settings.model_copy(update={"port": settings.renderer_port})
    telemetry.start(settings)
    run(settings, _running(settings))


if __name__ == "__main__":
    main()
