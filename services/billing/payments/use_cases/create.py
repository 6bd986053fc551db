"""Give a billable its one charge basis."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden, NotFound
from chassis.outbox import emit
from contracts.billing import BillableKind, PaymentMethod, ProjectPaid
from contracts.caller import Caller
from services.billing import errors
from services.billing.invoices import use_cases as invoices
from services.billing.payments import repository, rules
from services.billing.pricing import repository as pricing_repository
from services.billing.pricing import use_cases as pricing
from services.billing.tables import Billable, ProjectPayment

TRIAL = "trial_allowance"


async def get_billable(
    session: AsyncSession, workspace_id: UUID, kind: BillableKind, billable_id: UUID
) -> Billable:
    found = await pricing_repository.find_billable(session, workspace_id, kind, billable_id)
    if found is None:
        raise NotFound("There is no such project or video in this workspace")
    return found


async def create_payment(
    session: AsyncSession,
    caller: Caller,
    billable: Billable,
    method: PaymentMethod,
    trial_allowance: int,
) -> ProjectPayment:
    """Quote and start the payment, or find the one there is; raises AlreadyCharged."""
    if not rules.may_pay(caller, billable.member_id):
        raise Forbidden
    await _refuse_suspended(session, caller)
    existing = await _find(session, billable)
    if existing is not None:
        return _same_method(existing, method)
    reason = None
    if method == "invoice" and not await pricing.may_invoice(session, caller.workspace_id):
        raise errors.InvoiceNotAllowed
    if method == "free":
        reason = await _take_from_trial(session, caller.workspace_id, trial_allowance)
    return await _start(session, billable, method, member_id=caller.member_id, reason=reason)


async def grant_free(
    session: AsyncSession, billable: Billable, administrator_id: UUID, reason: str
) -> ProjectPayment:
    """An administrator gives it away; raises AlreadyCharged when it has another basis."""
    existing = await _find(session, billable)
    if existing is not None:
        return _same_method(existing, "free")
    return await _start(session, billable, "free", member_id=administrator_id, reason=reason)


async def _refuse_suspended(session: AsyncSession, caller: Caller) -> None:
    workspace = await pricing_repository.find_workspace(session, caller.workspace_id)
    told = workspace is not None and workspace.status == "suspended"
    if told or caller.workspace_status == "suspended":
        raise errors.WorkspaceSuspended


async def _find(session: AsyncSession, billable: Billable) -> ProjectPayment | None:
    kind: Any = billable.kind
    return await repository.find_live_payment(session, billable.workspace_id, kind, billable.id)


def _same_method(existing: ProjectPayment, method: PaymentMethod) -> ProjectPayment:
    if existing.method != method:
        raise errors.AlreadyCharged(payment_id=existing.id, method=existing.method)
    return existing


async def _take_from_trial(session: AsyncSession, workspace_id: UUID, allowance: int) -> str:
    # The lock makes two free projects at once count one after the other.
    workspace = await pricing_repository.lock_workspace(session, workspace_id)
    used = await repository.count_free(session, workspace_id, TRIAL)
    if not rules.has_free_project(workspace.status, used=used, allowance=allowance):
        raise errors.FreeNotAllowed
    return TRIAL


async def _start(
    session: AsyncSession,
    billable: Billable,
    method: PaymentMethod,
    *,
    member_id: UUID,
    reason: str | None,
) -> ProjectPayment:
    kind: Any = billable.kind
    quote = await pricing.price_for(session, billable.workspace_id, kind, method)
    values = {
        "billable_kind": kind,
        "billable_id": billable.id,
        "member_id": member_id,
        "method": method,
        "status": "completed" if method == "free" else "pending",
        "amount_minor_units": quote.amount_minor_units,
        "currency": quote.currency,
        "reason": reason,
        "paid_at": datetime.now(UTC) if method == "free" else None,
    }
    is_new = await repository.add_payment(session, billable.workspace_id, values)
    payment = await _find(session, billable)
    if payment is None:
        raise errors.AlreadyCharged
    if not is_new:
        return _same_method(payment, method)
    if method == "invoice":
        await invoices.add_line(session, payment, billable.name)
    if method != "stripe":
        await emit(session, paid(payment))
    return payment


def paid(payment: ProjectPayment) -> ProjectPaid:
    """The fact that lets the work begin."""
    values: dict[str, Any] = {
        "workspace_id": payment.workspace_id,
        "payment_id": payment.id,
        "billable_kind": payment.billable_kind,
        "billable_id": payment.billable_id,
        "method": payment.method,
        "amount_minor_units": payment.amount_minor_units,
        "currency": payment.currency,
    }
    return ProjectPaid(**values)
