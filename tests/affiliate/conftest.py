"""Fixtures: the affiliate application, workspaces it has heard of, and facts delivered to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from chassis import inbox
from chassis.consumers import Consumers
from chassis.database import Database, SystemScope
from chassis.testing import emitted
from contracts.affiliate import CommissionEarned, CommissionReversed
from contracts.billing import InvoiceCredited, InvoicePaid, PaymentRefunded, ProjectPaid
from contracts.event import Event
from contracts.identity import WorkspaceCreated, WorkspaceOnboarded, WorkspacePlanChanged
from services.affiliate.app import create_app
from services.affiliate.earnings.consumers import consumers as earnings
from services.affiliate.relationships.consumers import consumers as relationships
from services.affiliate.settings import Settings
from tests.support.services import ServiceUnderTest, make_caller


@dataclass
class Affiliate:
    """The service under test: facts go in at one door, requests at the other."""

    services: ServiceUnderTest
    app: FastAPI
    database: Database
    consumers: Consumers
    admin: httpx.AsyncClient

    async def hear(self, event: Event) -> None:
        """Deliver the fact as the worker does: inbox and effect in one transaction."""
        [subscription] = [s for s in self.consumers.subscriptions if s.event is type(event)]
        async with self.database.transaction(event) as session:
            if await inbox.claim(session, subscription.name, [event.event_id]):
                await subscription.reaction(event, session=session)

    async def workspace(
        self, *, plan: str = "free", number: str | None = None, code: str | None = None
    ) -> UUID:
        """A workspace we were told of."""
        workspace_id = uuid4()
        await self.hear(
            WorkspaceCreated(
                workspace_id=workspace_id,
                name="A workspace",
                owner_id=uuid4(),
                plan="free",
                status="active",
                referral_code=code,
            )
        )
        if plan != "free":
            await self.hear(
                WorkspacePlanChanged.model_validate(
                    {"workspace_id": workspace_id, "plan": plan, "status": "active"}
                )
            )
        if number is not None:
            await self.onboard(workspace_id, number)
        return workspace_id

    async def onboard(self, workspace_id: UUID, number: str) -> None:
        await self.hear(
            WorkspaceOnboarded(
                workspace_id=workspace_id,
                name="A company",
                organization_number=number,
                contact_email="post@example.com",
                contact_person="Kari",
            )
        )

    async def start(self, affiliate: UUID, referred: UUID, **more: Any) -> httpx.Response:
        body = {
            "affiliate_workspace_id": str(affiliate),
            "referred_workspace_id": str(referred),
            **more,
        }
        return await self.admin.post("/v1/admin/affiliate/relationships", json=body)

    async def pair(self, percent: int = 20) -> tuple[UUID, UUID]:
        """An enterprise affiliate and the workspace it brought."""
        affiliate = await self.workspace(plan="enterprise")
        referred = await self.workspace()
        answer = await self.start(affiliate, referred, commission_percent=percent)
        assert answer.status_code == 201, answer.text
        return affiliate, referred

    def client_of(self, workspace_id: UUID, **claims: Any) -> httpx.AsyncClient:
        caller = make_caller(workspace_id=workspace_id, plan="enterprise", **claims)
        return self.services.client(self.app, caller)

    async def earnings_of(self, workspace_id: UUID) -> dict[str, Any]:
        answer = await self.client_of(workspace_id).get("/v1/affiliate/earnings")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def amounts_of(self, workspace_id: UUID) -> list[int]:
        items = (await self.earnings_of(workspace_id))["items"]
        return [item["earning_amount_minor_units"] for item in items]

    async def facts_of(
        self, workspace_id: UUID
    ) -> tuple[list[CommissionEarned], list[CommissionReversed]]:
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            return (
                await emitted(session, CommissionEarned),
                await emitted(session, CommissionReversed),
            )


def invoice_paid(workspace_id: UUID, net: int, invoice_id: UUID | None = None) -> InvoicePaid:
    return InvoicePaid(
        workspace_id=workspace_id,
        invoice_id=invoice_id or uuid4(),
        invoice_number="10001",
        net_minor_units=net,
        currency="nok",
    )


def invoice_credited(paid: InvoicePaid, net: int) -> InvoiceCredited:
    return InvoiceCredited(
        workspace_id=paid.workspace_id,
        invoice_id=paid.invoice_id,
        credit_note_id=uuid4().hex,
        net_minor_units=net,
        currency=paid.currency,
    )


def card_paid(workspace_id: UUID, amount: int, **changes: Any) -> ProjectPaid:
    fact = {
        "workspace_id": workspace_id,
        "payment_id": uuid4(),
        "billable_kind": "photo_project",
        "billable_id": uuid4(),
        "method": "stripe",
        "amount_minor_units": amount,
        "currency": "usd",
        **changes,
    }
    return ProjectPaid.model_validate(fact)


def refunded(paid: ProjectPaid, amount: int) -> PaymentRefunded:
    return PaymentRefunded(
        workspace_id=paid.workspace_id,
        payment_id=paid.payment_id,
        billable_kind=paid.billable_kind,
        billable_id=paid.billable_id,
        refund_id=f"re_{uuid4().hex}",
        refunded_minor_units=amount,
        currency=paid.currency,
    )


@pytest.fixture(scope="package")
async def affiliate(services: ServiceUnderTest) -> AsyncIterator[Affiliate]:
    app = create_app(services.settings(Settings, fact_wait_seconds=0.3))
    consumers = Consumers("affiliate")
    consumers.include(relationships)
    consumers.include(earnings)
    admin = services.client(app, make_caller(is_system_admin=True))
    yield Affiliate(services, app, services.database("affiliate"), consumers, admin)
    await app.state.database.close()
    await services.close()
