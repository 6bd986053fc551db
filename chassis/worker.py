"""A service's second process: its consumers, its outbox relay and its sweeper."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aio_pika
import structlog
import uvicorn
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.opentelemetry import RabbitTelemetryMiddleware

from chassis import housekeeping, topology
from chassis.batches import BatchConsumer
from chassis.consumers import Consumers
from chassis.database import Database
from chassis.health import create_health_app
from chassis.relay import Relay
from chassis.retries import Retries
from chassis.settings import ServiceSettings
from chassis.sweeper import Sweeper

log = structlog.get_logger()

RECONNECT_SECONDS = 1.0
CANCEL_SECONDS = 2.0


def _broker_of(settings: ServiceSettings) -> RabbitBroker:
    return RabbitBroker(
        settings.rabbitmq_url.get_secret_value(),
        # A publish nobody receives must fail, not vanish.
        default_channel=Channel(prefetch_count=settings.prefetch, on_return_raises=True),
        graceful_timeout=settings.graceful_stop_seconds,
        reconnect_interval=RECONNECT_SECONDS,
        middlewares=(RabbitTelemetryMiddleware(),),
        app_id=settings.service,
        logger=None,
    )


class Worker:
    """Start it with `async with worker.running()`; it survives a broker that is away."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        consumers: Consumers,
        **resources: Any,
    ) -> None:
        self._settings = settings
        self.database = database
        self._url = settings.rabbitmq_url.get_secret_value()
        self.broker = _broker_of(settings)
        consumers.attach(
            self.broker,
            database,
            prefetch=settings.prefetch,
            retry_delays_seconds=settings.retry_delays_seconds,
            settings=settings,
            **resources,
        )
        self.batches = [
            BatchConsumer(
                subscription,
                database,
                self._url,
                Retries(subscription.name, self.broker, settings.retry_delays_seconds),
            )
            for subscription in consumers.batches
        ]
        self.relay = Relay(settings.service, database, self._url)
        self._declared = asyncio.Event()
        self.sweeper = Sweeper(database)
        housekeeping.register(self.sweeper, database)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Worker"]:
        """Consume, relay and sweep until the block ends, then finish what is in hand."""
        parts = (self._consume(), self._relay(), self.sweeper.run())
        tasks = [asyncio.create_task(part) for part in parts]
        for task in tasks:
            task.add_done_callback(_end_process)
        try:
            yield self
        finally:
            await self._finish()
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def consuming(self) -> bool:
        """True while each of our own consumers is registered on an open channel."""
        return all(_is_consuming(subscriber) for subscriber in self.broker.subscribers) and all(
            batch.consuming() for batch in self.batches
        )

    async def _consume(self) -> None:
        while True:
            try:
                await self._declare()
                await self.broker.start()
                self._declared.set()
                break
            except aio_pika.exceptions.ChannelPreconditionFailed:
                raise  # The broker's layout is another one than ours: waiting does not help.
            except Exception as error:
                log.warning("broker.unreachable", error=type(error).__name__)
                # What had started would otherwise start twice.
                await self._stop_broker()
                await asyncio.sleep(RECONNECT_SECONDS)
        await asyncio.gather(*(batch.run() for batch in self.batches))

    async def _relay(self) -> None:
        # Before its own queues exist, a service's notes to itself cannot be routed.
        await self._declared.wait()
        await self.relay.run()

    async def _finish(self) -> None:
        """Let running reactions end; nothing more is delivered to us meanwhile."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                for subscriber in filter(_is_consuming, self.broker.subscribers):
                    await subscriber._queue_obj.cancel(subscriber._consumer_tag)  # type: ignore[attr-defined]
        seconds = self._settings.graceful_stop_seconds
        await asyncio.gather(*(batch.stop(seconds) for batch in self.batches))
        await self._stop_broker()

    async def _stop_broker(self) -> None:
        try:
            await self.broker.stop()
        except Exception as error:
            log.warning("broker.not_closed", error=type(error).__name__)

    async def _declare(self) -> None:
        async with await aio_pika.connect(self._url, timeout=5) as connection:
            await topology.declare(await connection.channel(), self._settings.retry_delays_seconds)


def _end_process(task: asyncio.Task[None]) -> None:
    """A worker whose part has failed for good must not look alive: let a supervisor see it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("worker.failed", error=str(error), exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _is_consuming(subscriber: Any) -> bool:
    queue = subscriber._queue_obj
    tag = subscriber._consumer_tag
    if queue is None or tag is None or queue.channel.is_closed:
        return False
    return tag in queue._consumers


async def _serve(settings: ServiceSettings, context: AbstractAsyncContextManager[Worker]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(context)
        probes = uvicorn.Server(
            uvicorn.Config(
                create_health_app(worker.database, worker),
                host=settings.host,
                port=settings.port,
                log_config=None,
                lifespan="off",
            )
        )
        serving = asyncio.create_task(probes._serve())
        await stop.wait()
        probes.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving


def run(settings: ServiceSettings, context: AbstractAsyncContextManager[Worker]) -> None:
    """The worker process: consume until SIGTERM, answering probes on the service's port."""
    asyncio.run(_serve(settings, context))
