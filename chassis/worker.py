"""A service's second process: its consumers, its outbox relay and its sweeper."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import structlog
import uvicorn
import uvloop

from chassis import housekeeping
from chassis.consumers import Consumers
from chassis.database import Database
from chassis.health import create_health_app
from chassis.intake import Intake
from chassis.relay import Relay
from chassis.settings import ServiceSettings
from chassis.sweeper import Sweeper

log = structlog.get_logger()


class Worker:
    """Start it with `async with worker.running()`; it survives a broker that is away."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        consumers: Consumers,
        **resources: Any,
    ) -> None:
        self.settings = settings
        self.database = database
        given = {"settings": settings, **resources}
        self.intake = Intake(settings, database, consumers.subscriptions, given)
        url = settings.rabbitmq_url.get_secret_value()
        self.relay = Relay(settings.service, database, url)
        self.sweeper = Sweeper(database)
        housekeeping.register(self.sweeper, database)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Worker"]:
        """Consume, relay and sweep until the block ends, then finish what is in hand."""
        parts = (self.intake.run(), self._relay(), self.sweeper.run())
        tasks = [asyncio.create_task(part) for part in parts]
        for task in tasks:
            task.add_done_callback(_end_process)
        try:
            yield self
        finally:
            await self.intake.finish(self.settings.graceful_stop_seconds)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def consuming(self) -> bool:
        """True while each of our own consumers is registered on an open channel."""
        return self.intake.consuming

    async def _relay(self) -> None:
        # Before its own queues exist, a service's notes to itself cannot be routed.
        await self.intake.declared.wait()
        await self.relay.run()


def _end_process(task: asyncio.Task[None]) -> None:
    """A worker whose part has failed for good must not look alive: let a supervisor see it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("worker.failed", error=str(error), exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def run(worker: Worker, *resources: AbstractAsyncContextManager[Any]) -> None:
    """The worker process, with what it needs open: until SIGTERM, answering probes on its port."""
    uvloop.run(_serve(worker, resources))


async def _serve(worker: Worker, resources: Sequence[AbstractAsyncContextManager[Any]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(worker.database.close)
        for resource in (*resources, worker.running()):
            await stack.enter_async_context(resource)
        probes = uvicorn.Server(
            uvicorn.Config(
                create_health_app(worker.database, worker),
                host=worker.settings.host,
                port=worker.settings.port,
                log_config=None,
                lifespan="off",
            )
        )
        serving = asyncio.create_task(probes._serve())
        await stop.wait()
        probes.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
