"""Imaging's second process: reactions, outbox relay and sweeps."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self

from chassis import telemetry
from chassis import worker as process
from chassis.consumers import Consumers
from chassis.database import Database, open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.worker import Worker
from services.imaging import sweeps
from services.imaging.attempts.consumers import consumers as attempts
from services.imaging.projects.consumers import consumers as projects
from services.imaging.providers.fal import FalGenerator
from services.imaging.providers.media import MediaFetcher
from services.imaging.providers.pictures import Pictures
from services.imaging.settings import Settings


@dataclass(frozen=True)
class Outside:
    """Everything outside the database that imaging talks to."""

    storage: Storage
    generator: FalGenerator
    media: MediaFetcher
    pictures: Pictures

    @classmethod
    def of(cls, settings: Settings, storage_settings: StorageSettings) -> Self:
        return cls(
            Storage(storage_settings),
            FalGenerator(settings),
            MediaFetcher(settings.fal_media_hosts, max_bytes=settings.result_max_bytes),
            Pictures(max_pixels=settings.image_max_pixels, at_once=settings.pictures_at_once),
        )

    def resources(self) -> Sequence[AbstractAsyncContextManager[Any]]:
        """What must be open while anybody uses it."""
        return [self.storage, self.generator, self.media]


def create_worker(settings: Settings, database: Database, outside: Outside) -> Worker:
    consumers = Consumers("imaging")
    consumers.include(projects, attempts)
    worker = Worker(
        settings,
        database,
        consumers,
        storage=outside.storage,
        generator=outside.generator,
        media=outside.media,
        pictures=outside.pictures,
    )
    sweeps.register(worker, settings, outside.storage, outside.generator)
    return worker


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    outside = Outside.of(settings, StorageSettings())
    worker = create_worker(settings, open_database(settings), outside)
    process.run(worker, *outside.resources())


if __name__ == "__main__":
    main()
