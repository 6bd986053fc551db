"""The whole of billing with its worker on a real broker: by card, and by invoice through Fiken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest

from chassis.messages import message_of
from chassis.testing import KeyPair
from contracts.billing import InvoicePaid, InvoiceSent, PaymentRefunded, ProjectPaid
from contracts.caller import Caller
from contracts.event import Event
from contracts.identity import WorkspaceCreated, WorkspaceOnboarded
from contracts.imaging import ProjectCreated, ProjectFailed
from tests.billing.bench import ORGANIZATION_NUMBER, Bench, benched
from tests.support.servers import MakeDatabases
from tests.support.services import ServiceUnderTest, make_caller


@pytest.fixture
async def bench(
    service_databases: MakeDatabases,
    vhost: str,
    key_pair: KeyPair,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Bench]:
    """A billing of its own, so that no other test's open notes reach its worker."""

    def make(*services: str) -> Any:
        return service_databases(*services, suffix="story")

    services = ServiceUnderTest(make, vhost, key_pair)
    state = tmp_path_factory.mktemp("story")
    values = {"worker_in_app": True, "fiken_sync_seconds": 1, "graceful_stop_seconds": 5}
    async with benched(services, state, **values) as bench:
        await until(lambda: consuming(bench))
        yield bench
    await services.close()


async def consuming(bench: Bench) -> bool:
    return (await bench.browser.get(f"{bench.address}/health/ready")).status_code == 200


async def until(true: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await true()):
            await asyncio.sleep(0.05)
    return found


async def publish(bench: Bench, *events: Event) -> None:
    """As the services that own these facts would."""
    url = bench.settings.rabbitmq_url.get_secret_value()
    async with await aio_pika.connect(url, timeout=5) as connection:
        exchange = await (await connection.channel()).get_exchange("events")
        for event in events:
            body = event.model_dump(mode="json")
            key = event.routing_key
            message = message_of(source="test", routing_key=key, body=body, trace={})
            await exchange.publish(message, key, timeout=5)


async def company(bench: Bench) -> Caller:
    caller = make_caller(plan="enterprise")
    ids: dict[str, Any] = {"workspace_id": caller.workspace_id, "name": "Nord Bolig AS"}
    await publish(
        bench,
        WorkspaceCreated(**ids, owner_id=caller.member_id, plan="enterprise", status="active"),
        WorkspaceOnboarded(
            **ids,
            organization_number=ORGANIZATION_NUMBER,
            contact_email="faktura@nordbolig.example.com",
            contact_person="Kari Nord",
        ),
    )
    return caller


async def project(bench: Bench, caller: Caller) -> UUID:
    ids = {"workspace_id": caller.workspace_id, "project_id": uuid4()}
    created = ProjectCreated(**ids, member_id=caller.member_id, name="Storgata 1")
    await publish(bench, created, created)
    return created.project_id


async def test_card_refund_and_invoice_go_all_the_way(bench: Bench) -> None:
    caller = await company(bench)
    by_card, by_invoice = await project(bench, caller), await project(bench, caller)
    card = (await bench.pay(caller, by_card)).json()
    await bench.press(card["checkout_url"])
    await until(lambda: bench.facts(caller, ProjectPaid))

    accepted = await until(lambda: accepted_by_invoice(bench, caller, by_invoice))
    assert accepted["status"] == "pending"
    draft = (
        await bench.admin("POST", "/v1/admin/invoices", workspace_id=str(caller.workspace_id))
    ).json()
    await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    await until(lambda: bench.facts(caller, InvoiceSent))
    sent = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    await bench.browser.post(f"{bench.fiken_stand_in.address}/_pay/{sent['fiken_invoice_id']}")
    [paid] = await until(lambda: bench.facts(caller, InvoicePaid))
    assert paid.net_minor_units == 100_000

    ids = {"workspace_id": caller.workspace_id, "project_id": by_card}
    lost = ProjectFailed(**ids, completed_count=0, failed_count=2)
    await publish(bench, lost, lost)
    [refund] = await until(lambda: bench.facts(caller, PaymentRefunded))
    assert refund.refunded_minor_units == 9900
    assert len(await bench.facts(caller, ProjectPaid)) == 2
    journal = bench.fiken_stand_in.journal
    assert journal.entries("concurrent_request") == journal.entries("slowed") == []


async def accepted_by_invoice(
    bench: Bench, caller: Caller, billable_id: UUID
) -> dict[str, Any] | None:
    """The company's facts may still be on their way."""
    answer = await bench.pay(caller, billable_id, "invoice")
    shown: dict[str, Any] = answer.json()
    return shown if answer.status_code == 201 else None
