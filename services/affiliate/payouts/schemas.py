"""What crosses HTTP about payouts. Amounts are minor units: øre, cents."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from chassis.bodies import Body
from contracts.billing import Currency


class RecordPayout(Body):
    """Everything pending in this currency was transferred under this reference."""

    affiliate_workspace_id: UUID
    # Never the beginning of a formula: the reference ends up in people's spreadsheets.
    reference: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]*$", max_length=100)
    ]
    currency: Currency


class PayoutView(BaseModel):
    """One transfer to the affiliate."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    affiliate_workspace_id: UUID
    reference: str
    amount_minor_units: int
    currency: str
    earning_count: int
    created_at: datetime


class PayoutList(BaseModel):
    """One page, newest first."""

    items: list[PayoutView]
    next_cursor: str | None = None
