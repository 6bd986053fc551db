"""The service as it runs: reactions on a real broker, notes through the outbox, sweeps on time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from uuid_utils.compat import uuid7

from chassis import migrations
from chassis.database import SystemScope
from chassis.outbox import emit
from contracts.billing import ProjectPaid
from local.infrastructure.databases import ServiceDatabase
from services.imaging.app import create_app
from tests.imaging import pictures
from tests.imaging.bench import Bench, Member, storage_settings, until
from tests.local.serving import free_socket, served
from tests.support.services import connected


async def test_paid_photos_are_enhanced_by_the_running_service(
    imaging: Bench,
    service_databases: Callable[..., dict[str, ServiceDatabase]],
    vhost: str,
) -> None:
    made = service_databases("imaging", suffix="worker")["imaging"]
    with ThreadPoolExecutor(1) as thread:
        await asyncio.wrap_future(thread.submit(migrations.upgrade, "imaging", made.owner_url))
    bound, address = free_socket()
    values = imaging.settings.model_dump() | {
        "database_url": made.url,
        "rabbitmq_url": vhost,
        "webhook_base_url": address,
        "worker_in_app": True,
    }
    settings = type(imaging.settings)(**values)
    app = create_app(settings, storage_settings(imaging.vendors))
    async with connected(made.url) as database, served(app, bound):
        running = Bench(
            settings, database, imaging.outside, address, imaging.vendors, imaging.key_pair
        )
        member = running.member()
        await until(lambda: _ready(member))
        project = await member.project()
        for seed in range(2):
            assert (await member.upload(project["id"], pictures.jpeg(seed=seed))).is_success
        paid = _paid(member, project["id"])
        # Its own outbox stands in for billing's: the fact travels the broker all the same.
        async with database.transaction(SystemScope(member.workspace_id)) as session:
            await emit(session, paid)

        async def completed() -> bool:
            return bool((await member.project_now(project))["status"] == "completed")

        await until(completed)
        await running.close()


def _paid(member: Member, project_id: str) -> ProjectPaid:
    return ProjectPaid(
        workspace_id=member.workspace_id,
        payment_id=uuid7(),
        billable_kind="photo_project",
        billable_id=project_id,
        method="free",
        amount_minor_units=0,
        currency="usd",
    )


async def _ready(member: Member) -> bool:
    return (await member.http.get("/health/ready")).status_code == 200
