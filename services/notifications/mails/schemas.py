"""What crosses HTTP about mails."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.bodies import Body
from contracts.private import Language
from services.notifications.wording import TemplateName

Status = Literal[
    "queued", "sent", "delivered", "complained", "bounced", "suppressed", "refused", "expired"
]


class DeliveryView(BaseModel):
    """One mail: to whom, which, and what became of it; never what it said."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    workspace_id: UUID
    template: TemplateName
    recipient: str
    language: Language
    status: Status
    reason: str | None
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None


class DeliveryList(BaseModel):
    """One page of mails, newest first."""

    items: list[DeliveryView]
    next_cursor: str | None = None


class MailSearch(BaseModel):
    """What an administrator looks for; everything given must match."""

    recipient: Annotated[str, StringConstraints(max_length=320, pattern=r"^[^\x00]*$")] | None = (
        None
    )
    workspace_id: UUID | None = None
    status: Status | None = None
    limit: int = Field(default=50, ge=1, le=100)
    cursor: UUID | None = None


class LiftSuppression(Body):
    """The address that works again."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=320, pattern=r"^[^\x00]*$")]
