"""Billing on a socket between Stripe's and Fiken's stand-ins, and whoever works off its notes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from chassis import inbox
from chassis.database import Database, SystemScope
from chassis.outbox import OutboxRow
from chassis.testing import emitted
from contracts.caller import Caller
from contracts.event import Event
from contracts.identity import WorkspaceCreated, WorkspaceOnboarded, WorkspacePlanChanged
from contracts.imaging import ProjectCreated
from contracts.video import VideoCreated
from local.vendors.control import StandIn
from local.vendors.faults import Fault
from local.vendors.fiken.app import FikenSettings
from local.vendors.fiken.app import create_app as create_fiken
from local.vendors.stripe.app import StripeSettings
from local.vendors.stripe.app import create_app as create_stripe
from services.billing.app import create_app
from services.billing.invoices import consumers as invoices
from services.billing.notes import NOBODY
from services.billing.payments import consumers as payments
from services.billing.pricing import consumers as pricing
from services.billing.providers.fiken import Fiken
from services.billing.providers.stripe import Stripe
from services.billing.settings import Settings
from services.billing.tables import StripeEvent
from tests.local.serving import free_socket, served
from tests.support.services import ServiceUnderTest, connected, make_caller

E = TypeVar("E", bound=Event)
STRIPE_KEY = "sk_test_bench"
STRIPE_SECRET = "whsec_bench_secret"
FIKEN_TOKEN = "fiken-bench"
ORGANIZATION_NUMBER = "923609016"
SUBSCRIPTIONS = [
    subscription
    for capability in (pricing, payments, invoices)
    for subscription in capability.consumers.subscriptions
]


@dataclass
class Bench:
    """Everything a test of billing holds in its hands."""

    services: ServiceUnderTest
    settings: Settings
    app: FastAPI
    address: str
    database: Database
    stripe: Stripe
    fiken: Fiken
    stripe_stand_in: StandIn
    fiken_stand_in: StandIn
    browser: httpx.AsyncClient
    handled: set[UUID] = field(default_factory=set)

    async def tell(self, event: Event, *, times: int = 1) -> None:
        """Deliver a fact to its reactions, through the inbox as the broker would."""
        for subscription in SUBSCRIPTIONS:
            if subscription.event is type(event):
                for _ in range(times):
                    await self._react(subscription.name, subscription.reaction, event)

    async def _react(
        self, name: str, reaction: Callable[..., Awaitable[None]], event: Event
    ) -> None:
        resources = {"stripe": self.stripe, "fiken": self.fiken, "database": self.database}
        wanted = reaction.__annotations__
        given = {key: value for key, value in resources.items() if key in wanted}
        if "session" not in wanted:
            await reaction(event, **given)
            return
        async with self.database.transaction(event) as session:
            if await inbox.claim(session, name, [event.event_id]):
                await reaction(event, session=session, **given)

    async def work_off(self, workspace_id: UUID) -> int:
        """React to this workspace's open notes until there are none; how many there were."""
        count = 0
        while notes := await self._open_notes(workspace_id):
            for note in notes:
                self.handled.add(note.event_id)
                await self.tell(note)
                count += 1
        return count

    async def _open_notes(self, workspace_id: UUID) -> list[Event]:
        types = {s.event.routing_key: s.event for s in SUBSCRIPTIONS}
        mine = OutboxRow.workspace_id.in_([workspace_id, NOBODY])
        query = select(OutboxRow).where(OutboxRow.is_private, mine).order_by(OutboxRow.position)
        async with self.database.across_workspaces() as session:
            rows = (await session.scalars(query)).all()
        fresh = [row for row in rows if row.event_id not in self.handled]
        return [types[row.routing_key].model_validate(row.body) for row in fresh]

    async def workspace(
        self, *, plan: Any = "pro", status: Any = "active", organization: bool = False
    ) -> Caller:
        """An owner of a workspace that identity has told us about."""
        caller = make_caller(plan=plan, workspace_status=status)
        ids: dict[str, Any] = {"workspace_id": caller.workspace_id}
        created = WorkspaceCreated(
            **ids, name="Nord Bolig", owner_id=caller.member_id, plan="free", status="active"
        )
        await self.tell(created)
        await self.tell(WorkspacePlanChanged(**ids, plan=plan, status=status))
        if organization:
            onboarded = WorkspaceOnboarded(
                **ids,
                name="Nord Bolig AS",
                organization_number=ORGANIZATION_NUMBER,
                contact_email="faktura@nordbolig.example.com",
                contact_person="Kari Nord",
            )
            await self.tell(onboarded)
        return caller

    async def project(self, caller: Caller, *, member_id: UUID | None = None) -> UUID:
        """A photo project that imaging has told us about."""
        created = ProjectCreated(
            workspace_id=caller.workspace_id,
            project_id=uuid4(),
            member_id=member_id or caller.member_id,
            name="Storgata 1",
        )
        await self.tell(created)
        return created.project_id

    async def video(self, caller: Caller) -> UUID:
        ids = {"workspace_id": caller.workspace_id, "member_id": caller.member_id}
        created = VideoCreated(**ids, video_id=uuid4(), name="Storgata 1, tour")
        await self.tell(created)
        return created.video_id

    def client(self, caller: Caller) -> httpx.AsyncClient:
        return self.services.client(self.app, caller)

    async def pay(
        self, caller: Caller, billable_id: UUID, method: str = "stripe", **fields: Any
    ) -> httpx.Response:
        body = {
            "billable_kind": "photo_project",
            "billable_id": str(billable_id),
            "method": method,
            **fields,
        }
        async with self.client(caller) as client:
            return await client.post("/v1/payments", json=body)

    async def show(self, caller: Caller, payment: dict[str, Any]) -> dict[str, Any]:
        async with self.client(caller) as client:
            answer = await client.get(f"/v1/payments/{payment['id']}")
        shown: dict[str, Any] = answer.json()
        return shown

    async def press(self, url: str, action: str = "pay") -> httpx.Response:
        """Press a button of Stripe's pay page."""
        return await self.browser.post(url, data={"action": action})

    async def paid_by_card(self, caller: Caller, billable_id: UUID) -> dict[str, Any]:
        """A payment that went through checkout, webhook and reaction."""
        payment: dict[str, Any] = (await self.pay(caller, billable_id)).json()
        assert (await self.press(payment["checkout_url"])).status_code == 303
        await self.told(caller, "checkout.session.completed")
        await self.work_off(caller.workspace_id)
        return payment

    async def told(self, caller: Caller, event_type: str, *, count: int = 1) -> list[StripeEvent]:
        """Wait, bounded, until Stripe's webhooks of this type are stored."""
        mine = StripeEvent.workspace_id == caller.workspace_id
        query = select(StripeEvent).where(mine, StripeEvent.type == event_type)
        async with asyncio.timeout(15):
            while True:
                async with self.database.across_workspaces() as session:
                    found = list((await session.scalars(query)).all())
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.02)

    async def facts(self, caller: Caller, event_type: type[E]) -> list[E]:
        async with self.database.transaction(SystemScope(caller.workspace_id)) as session:
            return await emitted(session, event_type)

    async def rows(self, caller: Caller, query: Any) -> list[Any]:
        """What a query shows inside the workspace."""
        async with self.database.transaction(SystemScope(caller.workspace_id)) as session:
            return list((await session.execute(query)).all())

    def stripe_fault(self, operation: str, kind: Any, **fields: Any) -> None:
        self.stripe_stand_in.faults.add(Fault(operation=operation, kind=kind, **fields))

    def fiken_fault(self, operation: str, kind: Any, **fields: Any) -> None:
        self.fiken_stand_in.faults.add(Fault(operation=operation, kind=kind, **fields))

    def charges(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """What Stripe really took for a payment."""
        entries = self.stripe_stand_in.journal.entries("charge")
        return [e for e in entries if e["metadata"].get("payment_id") == payment["id"]]

    async def invoice(self, caller: Caller, projects: int = 1) -> dict[str, Any]:
        """A draft over this many projects of the workspace."""
        for _ in range(projects):
            answer = await self.pay(caller, await self.project(caller), "invoice")
            assert answer.status_code == 201, answer.text
        async with self.client(administrator()) as client:
            draft = await client.post(
                "/v1/admin/invoices", json={"workspace_id": str(caller.workspace_id)}
            )
        shown: dict[str, Any] = draft.json()
        return shown

    async def admin(self, method: str, path: str, **body: Any) -> httpx.Response:
        async with self.client(administrator()) as client:
            return await client.request(method, path, json=body or None)

    async def sent(self, caller: Caller, projects: int = 1) -> dict[str, Any]:
        """An invoice that Fiken numbered and sent."""
        draft = await self.invoice(caller, projects)
        answer = await self.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
        assert answer.status_code == 200, answer.text
        await self.work_off(caller.workspace_id)
        shown: dict[str, Any] = (
            await self.admin("GET", f"/v1/admin/invoices/{draft['id']}")
        ).json()
        return shown


def administrator() -> Caller:
    return make_caller(is_system_admin=True)


@asynccontextmanager
async def benched(
    services: ServiceUnderTest, state: Path, *, fiken_per_second: int = 4, **values: Any
) -> AsyncIterator[Bench]:
    """Billing without a worker, unless asked for: the test decides when notes are worked off."""
    hook_socket, hook_address = free_socket()
    stripe_socket, stripe_address = free_socket()
    fiken_socket, fiken_address = free_socket()
    stripe_stand_in = StandIn("stripe", state / "stripe", stripe_address)
    fiken_stand_in = StandIn("fiken", state / "fiken", fiken_address)
    hook = f"{hook_address}/webhooks/stripe"
    values = {"fiken_request_seconds": 1.04 / fiken_per_second, **values}
    settings = settings_for(services, stripe_address, fiken_address, **values)
    app = create_app(settings)
    stripe_app = create_stripe(stripe_stand_in, StripeSettings(STRIPE_KEY, hook, STRIPE_SECRET))
    fiken_app = create_fiken(
        fiken_stand_in, FikenSettings(FIKEN_TOKEN, "studio-as", fiken_per_second)
    )
    stripe = Stripe(settings)
    async with (
        connected(settings.database_url.get_secret_value()) as database,
        httpx.AsyncClient(timeout=10) as browser,
        stripe.running(),
        served(fiken_app, fiken_socket),
        served(stripe_app, stripe_socket),
        served(app, hook_socket),
    ):
        fiken = Fiken(settings, database.engine)
        async with fiken.running():
            yield Bench(
                services,
                settings,
                app,
                hook_address,
                database,
                stripe,
                fiken,
                stripe_stand_in,
                fiken_stand_in,
                browser,
            )


def settings_for(services: ServiceUnderTest, stripe: str, fiken: str, **values: Any) -> Settings:
    defaults: dict[str, Any] = {
        "stripe_api_key": STRIPE_KEY,
        "stripe_api_url": stripe,
        "stripe_webhook_secret": STRIPE_SECRET,
        "stripe_timeout_seconds": 5,
        "fiken_url": f"{fiken}/api/v2",
        "fiken_token": FIKEN_TOKEN,
        "fiken_company": "studio-as",
        "fiken_timeout_seconds": 5,
    }
    return services.settings(Settings, **(defaults | values))
