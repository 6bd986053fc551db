"""How the Fiken stand-in refuses, fails and remembers."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.local.fiken_bench import Bench, benched


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as bench:
        yield bench


async def test_token_and_company_are_checked(bench: Bench) -> None:
    wrong = await bench.client.get("/contacts", headers={"Authorization": "Bearer no"})
    assert wrong.status_code == 401
    root = f"{bench.stand_in.address}/api/v2/companies"
    assert (await bench.client.get(f"{root}/other-as/contacts")).status_code == 403
    assert (await bench.client.get("/contacts/1")).status_code == 404
    assert (await bench.client.patch("/contacts")).status_code == 405
    form = await bench.client.post("/contacts", data={"name": "x"})
    assert (form.status_code, set(form.json())) == (415, {"error", "error_description"})


async def test_request_id_is_echoed(bench: Bench) -> None:
    answer = await bench.client.get("/contacts", headers={"X-Request-ID": "r-1"})
    assert answer.headers["x-request-id"] == "r-1"


async def test_second_request_in_flight_is_refused_and_journaled(bench: Bench) -> None:
    bench.fault("contacts.list", "delay", seconds=0.4)
    answers = await asyncio.gather(*(bench.client.get("/contacts") for _ in range(3)))
    assert sorted(a.status_code for a in answers) == [200, 429, 429]
    assert len(bench.journal("concurrent_request")) == 2
    assert (await bench.client.get("/contacts")).status_code == 200


async def test_client_that_hung_up_is_not_in_flight(bench: Bench) -> None:
    bench.fault("contacts.list", "delay", seconds=0.8)
    with pytest.raises(httpx.ReadTimeout):
        await bench.client.get("/contacts", timeout=0.2)
    assert (await bench.client.get("/contacts")).status_code == 200
    assert bench.journal("concurrent_request") == []


async def test_more_than_four_a_second_are_slowed_down(bench: Bench) -> None:
    started = time.monotonic()
    for _ in range(6):
        assert (await bench.client.get("/contacts")).status_code == 200
    assert time.monotonic() - started >= 0.9
    assert bench.journal("slowed")


@pytest.mark.parametrize(("kind", "done"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_dropped_connection_leaves_the_outcome_unknown(
    bench: Bench, kind: str, done: int
) -> None:
    customer = int((await bench.contact()).rsplit("/", 1)[1])
    bench.fault("invoices.create", kind, seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.invoice(customerId=customer, orderReference="inv-1")
    assert len(await bench.get("/invoices?orderReference=inv-1")) == done
    assert len(bench.journal("invoices.create")) == done


async def test_location_can_be_missing(bench: Bench) -> None:
    bench.fault("contacts.create", "corrupt")
    answer = await bench.client.post("/contacts", json={"name": "Megler AS"})
    assert answer.status_code == 201
    assert "location" not in answer.headers
    assert len(bench.journal("contacts.create")) == 1
    assert bench.problems() != []
    bench.exchanges.clear()


@pytest.mark.parametrize(("kind", "status"), [("error", 500), ("rate_limited", 429)])
async def test_refusal_does_no_work(bench: Bench, kind: str, status: int) -> None:
    bench.fault("contacts.create", kind)
    answer = await bench.client.post("/contacts", json={"name": "Megler AS"})
    assert answer.status_code == status
    assert await bench.get("/contacts") == []


async def test_books_survive_a_restart(tmp_path: Path) -> None:
    async with benched(tmp_path) as before:
        invoice = await before.created(orderReference="inv-1")
    async with benched(tmp_path) as after:
        [found] = await after.get("/invoices?orderReference=inv-1")
        assert found["invoiceNumber"] == invoice["invoiceNumber"]
        assert (await after.created())["invoiceNumber"] == invoice["invoiceNumber"] + 1
