"""The broker is killed and stays down while people go on writing: nobody notices, nothing is lost.

Reliability R1. The broker is a private one of this module, in a folder of its own.
"""

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.testing import KeyPair
from contracts.event import Event
from local.infrastructure import place, ports, processes, rabbitmq
from local.infrastructure.databases import ServiceDatabase
from tests.chassis.bench import Bench, effect_of, leave_effect, until
from tests.chassis.sample_app import create_app
from tests.support.services import SignedAs, connected, make_caller

DOWN_SECONDS = 60
DRAIN_SECONDS = 30


class PrivateBroker:
    """A RabbitMQ that a test may kill."""

    def __init__(self, claims: ports.Claims) -> None:
        self._home = place.instances_directory() / "rabbitmq"
        self._claims = claims

    async def start(self) -> str:
        return (await asyncio.to_thread(rabbitmq.start_on, self._claims)).url

    def kill(self) -> None:
        processes.send(processes.of_instance(self._home), signal.SIGKILL)

    async def wait_until_registered(self, queue: str) -> None:
        # RabbitMQ 3.10 writes down a new quorum queue within a second after it answered; killed
        # before that, the queue comes back without a leader.
        names = self._home / "data" / rabbitmq.NODE / "quorum" / rabbitmq.NODE / "names.dets"

        async def registered() -> bool:
            return queue.encode() in names.read_bytes()

        await until(registered)


@pytest.fixture
async def broker(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PrivateBroker]:
    if not rabbitmq.installed():
        pytest.skip("RabbitMQ's programs are not installed here, so no private broker to kill")
    monkeypatch.setenv("AISTUDIO_RUN_DIR", str(tmp_path_factory.mktemp("run")))
    with ports.Claims() as claims:
        broker = PrivateBroker(claims)
        yield broker
        broker.kill()
        await asyncio.to_thread(rabbitmq.stop)
    shutil.rmtree(place.instances_directory())


@dataclass
class Writers:
    """People who write all the time, and what they were answered."""

    client: httpx.AsyncClient
    statuses: Counter[int] = field(default_factory=Counter)
    written: list[UUID] = field(default_factory=list)

    async def write(self) -> None:
        answer = await self.client.post("/notes", json={"text": "from the dark"}, timeout=10)
        self.statuses[answer.status_code] += 1
        if answer.is_success:
            self.written.append(UUID(answer.json()["event_id"]))

    async def write_for(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await asyncio.gather(*(self.write() for _ in range(3)), asyncio.sleep(0.3))

    async def probe(self, what: str) -> int:
        return (await self.client.get(f"/health/{what}")).status_code

    async def is_ready(self) -> bool:
        return await self.probe("ready") == 200

    async def is_unready(self) -> bool:
        return await self.probe("ready") == 503


async def tally(events: Sequence[Event], session: AsyncSession) -> None:
    session.add_all(effect_of(event, "tally") for event in events)


@asynccontextmanager
async def writing(bench: Bench, key_pair: KeyPair) -> AsyncIterator[Writers]:
    """The sample service as one process: its door and its consumers."""
    bench.consumers.on(bench.noted)(leave_effect)
    bench.consumers.on_batch(bench.noted)(tally)
    app = create_app(bench, worker=bench.worker())
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://sample",
        auth=SignedAs(make_caller(workspace_id=bench.workspace_id), key_pair, bench.name),
    )
    async with app.router.lifespan_context(app), client:
        yield Writers(client)


@pytest.mark.timeout(300)
async def test_a_minute_without_a_broker_loses_nothing_and_repeats_nothing(
    broker: PrivateBroker, bench: Bench, sample_urls: ServiceDatabase, key_pair: KeyPair
) -> None:
    settings = bench.settings.model_copy(update={"rabbitmq_url": SecretStr(await broker.start())})
    async with (
        connected(sample_urls.url) as own,
        writing(bench := Bench(own, settings), key_pair) as writers,
    ):
        await until(writers.is_ready)
        for queue in ("leave_effect", "tally"):
            await broker.wait_until_registered(f"{bench.name}.{queue}")
        await writers.write_for(1)

        broker.kill()
        await until(writers.is_unready, 10)
        assert await writers.probe("live") == 200
        await writers.write_for(DOWN_SECONDS)
        assert set(writers.statuses) == {201}
        assert await bench.unpublished() > 0

        await broker.start()
        back_at = asyncio.get_running_loop().time()

        async def drained() -> bool:
            effects = [*await bench.effects("leave_effect"), *await bench.effects("tally")]
            return len(effects) >= 2 * len(writers.written)

        await until(drained, DRAIN_SECONDS)
        assert asyncio.get_running_loop().time() - back_at <= DRAIN_SECONDS
        await until(writers.is_ready)
        await writers.write()
        await until(drained)
        everything = Counter(writers.written)
        assert Counter(await bench.effects("leave_effect")) == everything
        assert Counter(await bench.effects("tally")) == everything
        assert await bench.dead_letters() == []
        assert await bench.unpublished() == 0
