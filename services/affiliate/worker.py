"""Affiliate's second process: its reactions and its relay."""

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
    consumers.include(relationships, earnings)
    return Worker(settings, database, consumers)


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    process.run(create_worker(settings, open_database(settings)))


if __name__ == "__main__":
    main()
