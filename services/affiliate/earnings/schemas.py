"""What crosses HTTP about earnings. Amounts are minor units: øre, cents."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class EarningView(BaseModel):
    """A commission; with a reversal reference, what a refund took back of one."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    affiliate_relationship_id: UUID
    source_type: str
    source_id: UUID
    reversal_reference: str | None
    base_amount_minor_units: int
    commission_percent: int
    earning_amount_minor_units: int
    currency: str
    status: str
    paid_out_at: datetime | None
    paid_out_reference: str | None
    created_at: datetime


class EarningTotal(BaseModel):
    """Everything earned in one currency, reversals subtracted."""

    currency: str
    pending_minor_units: int
    paid_out_minor_units: int


class EarningList(BaseModel):
    """One page, newest first, and the totals of all pages."""

    items: list[EarningView]
    totals: list[EarningTotal]
    next_cursor: str | None = None
