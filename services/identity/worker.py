"""Identity's second process: it reacts to its own facts, relays and sweeps."""

from datetime import UTC, datetime

from chassis import telemetry
from chassis import worker as process
from chassis.consumers import Consumers
from chassis.database import Database, open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.worker import Worker
from services.identity.accounts.consumers import consumers as accounts
from services.identity.accounts.repository import delete_old_tokens
from services.identity.administration.use_cases.people import end_bans
from services.identity.administration.use_cases.standing import end_trials
from services.identity.sessions.repository import delete_expired
from services.identity.settings import Settings
from services.identity.workspaces.consumers import consumers as workspaces


def create_worker(settings: Settings, database: Database, storage: Storage) -> Worker:
    consumers = Consumers("identity")
    consumers.include(accounts, workspaces)

    async def end_due_trials() -> None:
        await end_trials(database, datetime.now(UTC))

    async def end_due_bans() -> None:
        await end_bans(database, datetime.now(UTC))

    async def forget_expired_sessions() -> None:
        async with database.across_workspaces() as session:
            await delete_expired(session, datetime.now(UTC))
            await delete_old_tokens(session, datetime.now(UTC))

    worker = Worker(settings, database, consumers, storage=storage)
    worker.sweeper.every(60, end_due_trials, name="identity.end_trials")
    worker.sweeper.every(60, end_due_bans, name="identity.end_bans")
    worker.sweeper.every(3600, forget_expired_sessions, name="identity.forget_expired_sessions")
    return worker


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    storage = Storage(StorageSettings())
    process.run(create_worker(settings, open_database(settings), storage), storage)


if __name__ == "__main__":
    main()
