"""Probes: alive whatever is away, ready only when we can do our work."""

import asyncio

import httpx
from fastapi import FastAPI

from chassis.database import Database, create_engine
from chassis.health import create_health_app
from tests.chassis.bench import Bench, leave_effect, ready
from tests.chassis.sample_app import create_app


async def probe(app: FastAPI, what: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
        return await client.get(f"/health/{what}")


async def test_worker_is_ready_only_while_its_consumers_are_registered(bench: Bench) -> None:
    async def tally(events: object, session: object) -> None:
        raise AssertionError("never called")

    bench.consumers.on(bench.noted)(leave_effect)
    bench.consumers.on_batch(bench.noted)(tally)
    worker = bench.worker()
    app = create_health_app(bench.database, worker)
    before = await probe(app, "ready")
    assert (before.status_code, before.json()) == (503, {"database": True, "consumers": False})
    async with worker.running():
        await ready(worker)
        assert (await probe(app, "ready")).status_code == 200
    assert (await probe(app, "ready")).status_code == 503
    assert (await probe(app, "live")).status_code == 200


async def test_without_a_database_a_service_is_alive_and_not_ready(bench: Bench) -> None:
    nowhere = Database(create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"))
    app = create_app(Bench(nowhere, bench.settings))
    async with asyncio.timeout(5):
        unready = await probe(app, "ready")
        assert (unready.status_code, unready.json()) == (503, {"database": False})
        assert (await probe(app, "live")).status_code == 200
    await nowhere.close()


async def test_database_that_does_not_answer_is_not_waited_for(bench: Bench) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = Database(create_engine(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing"))
    async with asyncio.timeout(5):
        assert (
            await probe(create_app(Bench(database, bench.settings)), "ready")
        ).status_code == 503
    server.close()
    await database.close()


async def test_probes_are_not_part_of_the_described_api(bench: Bench) -> None:
    assert "/health/ready" not in create_app(bench).openapi()["paths"]
