"""Notifications' second process: it sends the mails."""

from datetime import UTC, datetime, timedelta

from chassis import telemetry
from chassis import worker as process
from chassis.consumers import Consumers
from chassis.database import Database, open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.worker import Worker
from services.notifications.mails.consumers import consumers as mails
from services.notifications.mails.repository import forget_before
from services.notifications.mails.use_cases import Post
from services.notifications.providers.resend import Resend
from services.notifications.settings import Settings


def create_worker(settings: Settings, database: Database, post: Post) -> Worker:
    consumers = Consumers("notifications")
    consumers.include(mails)

    async def forget_old_mails() -> None:
        async with database.across_workspaces() as session:
            await forget_before(session, datetime.now(UTC) - timedelta(days=settings.kept_days))

    worker = Worker(settings, database, consumers, post=post)
    worker.sweeper.every(86400, forget_old_mails, name="notifications.forget_old_mails")
    return worker


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    storage = Storage(StorageSettings())
    post = Post(Resend(settings), storage, settings)
    process.run(create_worker(settings, open_database(settings), post), storage)


if __name__ == "__main__":
    main()
