"""Remember workspaces and billables, agree prices, quote them."""

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.billing import BillableKind, PaymentMethod
from contracts.identity import (
    WorkspaceCreated,
    WorkspaceOnboarded,
    WorkspacePlanChanged,
    WorkspaceReinstated,
    WorkspaceSuspended,
)
from services.billing.pricing import repository, rules
from services.billing.pricing.schemas import ChangeWorkspaceBilling, Price, PricingView
from services.billing.tables import Workspace, WorkspacePricing

StatusFact = WorkspaceCreated | WorkspacePlanChanged | WorkspaceSuspended | WorkspaceReinstated


async def remember_profile(
    session: AsyncSession, event: WorkspaceCreated | WorkspaceOnboarded
) -> None:
    """Facts come in any order: older news never replaces newer."""
    row = await repository.lock_workspace(session, event.workspace_id)
    if not _is_news(row.profile_as_of, event.occurred_at):
        return
    row.name, row.profile_as_of = event.name, event.occurred_at
    if isinstance(event, WorkspaceOnboarded):
        row.organization_number = event.organization_number
        row.contact_email = event.contact_email
        row.contact_person = event.contact_person


async def remember_plan(
    session: AsyncSession, event: WorkspaceCreated | WorkspacePlanChanged
) -> None:
    row = await repository.lock_workspace(session, event.workspace_id)
    if _is_news(row.plan_as_of, event.occurred_at):
        row.plan, row.plan_as_of = event.plan, event.occurred_at


async def remember_status(session: AsyncSession, event: StatusFact) -> None:
    row = await repository.lock_workspace(session, event.workspace_id)
    if _is_news(row.status_as_of, event.occurred_at):
        row.status = "suspended" if isinstance(event, WorkspaceSuspended) else event.status
        row.status_as_of = event.occurred_at


def _is_news(known: datetime | None, told: datetime) -> bool:
    return known is None or told >= known


async def agree(
    session: AsyncSession, workspace_id: UUID, administrator_id: UUID, body: ChangeWorkspaceBilling
) -> WorkspacePricing:
    """Approve invoices and set the workspace's own prices; payments quoted before stay."""
    row = await repository.lock_pricing(session, workspace_id)
    wanted = body.model_dump(exclude_unset=True)
    eligible = wanted.pop("invoice_eligible", None)
    for name, value in wanted.items():
        setattr(row, name, value)
    if eligible is not None and eligible != row.invoice_eligible:
        row.invoice_eligible = eligible
        row.invoice_eligible_at = datetime.now(UTC) if eligible else None
        row.invoice_eligible_by = administrator_id if eligible else None
    return row


async def price_for(
    session: AsyncSession, workspace_id: UUID, kind: BillableKind, method: PaymentMethod
) -> rules.Quote:
    pricing = await repository.find_pricing(session, workspace_id)
    return rules.price_of(method, _agreed(pricing, kind))


async def may_invoice(session: AsyncSession, workspace_id: UUID) -> bool:
    workspace = await repository.find_workspace(session, workspace_id)
    return _may_invoice(workspace, await repository.find_pricing(session, workspace_id))


async def show_prices(session: AsyncSession, workspace_id: UUID) -> PricingView:
    pricing = await repository.find_pricing(session, workspace_id)
    workspace = await repository.find_workspace(session, workspace_id)
    methods: dict[PaymentMethod, bool] = {
        "stripe": True,
        "invoice": _may_invoice(workspace, pricing),
    }
    prices = []
    for kind in get_args(BillableKind):
        for method, available in methods.items():
            quote = rules.price_of(method, _agreed(pricing, kind))
            vat = rules.VAT_PERCENT if method == "invoice" else 0
            price = Price(
                billable_kind=kind,
                method=method,
                amount_minor_units=quote.amount_minor_units,
                currency=quote.currency,
                vat_percent=vat,
                available=available,
            )
            prices.append(price)
    return PricingView(prices=prices)


def _agreed(pricing: WorkspacePricing | None, kind: BillableKind) -> int | None:
    if pricing is None:
        return None
    return rules.agreed_price(
        kind, pricing.image_project_price_ore, pricing.video_project_price_ore
    )


def _may_invoice(workspace: Workspace | None, pricing: WorkspacePricing | None) -> bool:
    return workspace is not None and rules.may_invoice(
        workspace.plan,
        approved=pricing is not None and pricing.invoice_eligible,
        organization_number=workspace.organization_number,
    )
