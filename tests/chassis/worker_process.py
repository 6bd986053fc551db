"""The sample service's worker as a real process: `python -m tests.chassis.worker_process`."""

import asyncio
import sys

from pydantic_settings import SettingsConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import telemetry
from chassis import worker as process
from chassis.database import Database, create_engine
from chassis.settings import ServiceSettings
from chassis.worker import Worker
from tests.chassis.bench import Bench, Noted, effect_of

SECRET = "hunter2-of-the-sample"


class Settings(ServiceSettings):
    """Prefix `SAMPLE_`."""

    model_config = SettingsConfigDict(env_prefix="SAMPLE_", extra="ignore", frozen=True)

    batched: bool = False


async def work(event: Noted, session: AsyncSession) -> None:
    """Tells its parent when it begins; fails on request, with a secret in its hands."""
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    password = SECRET
    if event.text == "fail":
        raise ValueError(f"failed with a password of {len(password)} characters")
    if event.text == "fail in the database":
        await session.execute(text("SELECT :password::text, 1 / 0"), {"password": password})
    await asyncio.sleep(0.4)
    session.add(effect_of(event, "work"))


async def work_on_many(events: list[Noted], session: AsyncSession) -> None:
    for event in events:
        await work(event, session)


def create_worker(settings: Settings) -> Worker:
    database = Database(create_engine(settings.database_url.get_secret_value(), pool_size=3))
    bench = Bench(database, settings)
    if settings.batched:
        bench.consumers.on_batch(bench.noted, size=3)(work_on_many)
    else:
        bench.consumers.on(bench.noted)(work)
    return bench.worker()


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    process.run(create_worker(settings))


if __name__ == "__main__":
    main()
