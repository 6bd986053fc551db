"""What crosses HTTP about invoices; amounts in øre."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chassis.bodies import Body
from contracts.billing import BillableKind
from services.billing.invoices.rules import InvoiceStatus, LineStatus


class CreateInvoice(Body):
    """Group a workspace's pending lines, all of them unless some are named."""

    workspace_id: UUID
    line_ids: Annotated[list[UUID], Field(min_length=1, max_length=500)] | None = None
    notes: Annotated[str, Field(max_length=500)] | None = None


class LineView(BaseModel):
    """One billable of an invoice; `amount_ore` is net a piece."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    workspace_id: UUID
    billable_kind: BillableKind
    billable_id: UUID
    payment_id: UUID
    description: str
    amount_ore: int
    quantity: int
    status: LineStatus
    invoice_id: UUID | None
    created_at: datetime


class LinePage(BaseModel):
    """Newest first; `next_cursor` is null on the last page."""

    items: list[LineView]
    next_cursor: str | None


class InvoiceView(BaseModel):
    """An invoice; `total_amount_ore` is net, `gross_amount_ore` what is to be paid."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    id: UUID
    workspace_id: UUID
    status: InvoiceStatus
    total_amount_ore: int = Field(validation_alias="net_ore")
    vat_amount_ore: int = Field(validation_alias="vat_ore")
    gross_amount_ore: int = Field(validation_alias="gross_ore")
    credited_amount_ore: int = Field(validation_alias="credited_net_ore")
    currency: Literal["nok"]
    fiken_invoice_id: int | None
    fiken_invoice_number: str | None
    issue_date: date | None
    due_date: date | None
    sent_at: datetime | None
    paid_at: datetime | None
    notes: str | None
    delivery_problem: str | None
    created_at: datetime
    lines: list[LineView] = Field(default=[], validation_alias="-")


class InvoicePage(BaseModel):
    """Newest first, without lines; `next_cursor` is null on the last page."""

    items: list[InvoiceView]
    next_cursor: str | None
