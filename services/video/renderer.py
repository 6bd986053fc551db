"""A renderer process: takes segments and films one at a time; run as many as there is work for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis import telemetry
from chassis import worker as process
from chassis.database import open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.worker import Worker
from services.video.media.units import Studio
from services.video.rendering.consumers import consumers
from services.video.settings import Settings
from services.video.worker import studio_of


@asynccontextmanager
async def _tidy(studio: Studio) -> AsyncIterator[None]:
    """What killed renderers left behind is gone before the first unit, and ours after the last."""
    studio.clean()
    try:
        yield
    finally:
        studio.close()


def main() -> None:
    settings = Settings()
    # A port of its own, so that several renderers fit on one machine.
    settings = settings.model_copy(update={"port": settings.renderer_port})
    telemetry.start(settings)
    storage = Storage(StorageSettings())
    studio = studio_of(settings, storage)
    worker = Worker(settings, open_database(settings), consumers, config=settings, studio=studio)
    process.run(worker, storage, _tidy(studio))


if __name__ == "__main__":
    main()
