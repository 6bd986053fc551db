"""What crosses HTTP about prices."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from chassis.bodies import NOT_TEXT, Body
from contracts.billing import BillableKind, Currency, PaymentMethod

PriceOre = Annotated[int, Field(ge=1000, le=100_000_000), NOT_TEXT]


class Price(BaseModel):
    """What one billable costs now by one method; invoice prices are net of 25 % VAT."""

    billable_kind: BillableKind
    method: PaymentMethod
    amount_minor_units: int
    currency: Currency
    vat_percent: int
    available: bool


class PricingView(BaseModel):
    """Every price of the workspace."""

    prices: list[Price]


class ChangeWorkspaceBilling(Body):
    """An administrator's agreement; a field left out stays, null returns to the list price."""

    invoice_eligible: StrictBool | None = None
    image_project_price_ore: PriceOre | None = None
    video_project_price_ore: PriceOre | None = None


class WorkspaceBillingView(BaseModel):
    """What an administrator sees of a workspace's agreement."""

    model_config = ConfigDict(from_attributes=True)

    workspace_id: UUID
    invoice_eligible: bool
    image_project_price_ore: int | None
    video_project_price_ore: int | None
    fiken_contact_id: int | None
