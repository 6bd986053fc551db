"""Affiliate's second process: its reactions and its relay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis import telemetry
from chassis import worker as process
from chassis.consumers import Consumers
from chassis.database import Database, open_database
from chassis.worker import Worker
from services.affiliate.earnings.consumers import consumers as earnings
from services.affiliate.relationships.consumers import consumers as relationships
from services.affiliate.settings import Settings


def create_worker(settings: Settings, database: Database) -> Worker:
    consumers = Consumers("affiliate")
    consumers.include(relationships)
    consumers.include(earnings)
    return Worker(settings, database, consumers)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Worker]:
    database = open_database(settings)
    try:
        async with create_worker(settings, database).running() as worker:
            yield worker
    finally:
        await database.close()


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    process.run(settings, running(settings))


if __name__ == "__main__":
    main()
