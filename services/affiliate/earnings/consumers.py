"""Reactions to money that arrived or went back."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from contracts.billing import InvoiceCredited, InvoicePaid, PaymentRefunded, ProjectPaid
from services.affiliate.earnings import rules, use_cases
from services.affiliate.tables import SettlementReversalRow, SettlementRow

consumers = Consumers("affiliate")


@consumers.on(InvoicePaid)
async def earn_on_invoice(event: InvoicePaid, session: AsyncSession) -> None:
    settlement = SettlementRow(
        workspace_id=event.workspace_id,
        source_type="invoice",
        source_id=event.invoice_id,
        base_amount_minor_units=event.net_minor_units,
        currency=event.currency,
        settled_at=event.occurred_at,
    )
    await use_cases.settle(session, settlement)


@consumers.on(ProjectPaid)
async def earn_on_card_payment(event: ProjectPaid, session: AsyncSession) -> None:
    if not rules.is_card_payment(event.method):
        return
    settlement = SettlementRow(
        workspace_id=event.workspace_id,
        source_type="card_payment",
        source_id=event.payment_id,
        base_amount_minor_units=event.amount_minor_units,
        currency=event.currency,
        settled_at=event.occurred_at,
    )
    await use_cases.settle(session, settlement)


@consumers.on(PaymentRefunded)
async def reverse_on_refund(event: PaymentRefunded, session: AsyncSession) -> None:
    reversal = SettlementReversalRow(
        workspace_id=event.workspace_id,
        source_type="card_payment",
        source_id=event.payment_id,
        reference=event.refund_id,
        amount_minor_units=event.refunded_minor_units,
        currency=event.currency,
    )
    await use_cases.reverse(session, reversal)


@consumers.on(InvoiceCredited)
async def reverse_on_credit_note(event: InvoiceCredited, session: AsyncSession) -> None:
    reversal = SettlementReversalRow(
        workspace_id=event.workspace_id,
        source_type="invoice",
        source_id=event.invoice_id,
        reference=event.credit_note_id,
        amount_minor_units=event.net_minor_units,
        currency=event.currency,
    )
    await use_cases.reverse(session, reversal)
