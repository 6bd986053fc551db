"""What crosses HTTP about payments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chassis.bodies import Body
from contracts.billing import BillableKind, Currency, PaymentMethod
from services.billing.payments.rules import PaymentStatus

Page = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s]+$")]
"""Where a payer returns to; Stripe fills in `{CHECKOUT_SESSION_ID}`."""


class CreatePayment(Body):
    """Pay for one project or video."""

    billable_kind: BillableKind
    billable_id: UUID
    method: PaymentMethod
    success_url: Page | None = None
    cancel_url: Page | None = None


class GrantFree(Body):
    """An administrator gives a project away, and says why."""

    workspace_id: UUID
    billable_kind: BillableKind
    billable_id: UUID
    reason: str = Field(min_length=3, max_length=500, pattern=r"\S")


class PaymentView(BaseModel):
    """A payment; amounts in minor units, by invoice net of VAT."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    billable_kind: BillableKind
    billable_id: UUID
    method: PaymentMethod
    status: PaymentStatus
    amount_minor_units: int
    refunded_minor_units: int
    currency: Currency
    reason: str | None
    paid_at: datetime | None
    created_at: datetime
    checkout_url: str | None = None


class PaymentPage(BaseModel):
    """Newest first; `next_cursor` is null on the last page."""

    items: list[PaymentView]
    next_cursor: str | None
