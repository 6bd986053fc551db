"""What crosses HTTP about relationships."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from chassis.bodies import NOT_TEXT, Body
from services.affiliate.relationships.rules import DEFAULT_COMMISSION_PERCENT


def _boolean(value: object) -> object:
    # To Python, and so to Literal, 0 equals False.
    if not isinstance(value, bool):
        raise ValueError("Input should be a valid boolean")
    return value


class StartRelationship(Body):
    """An administrator's decision that one workspace earns on another."""

    affiliate_workspace_id: UUID
    referred_workspace_id: UUID
    commission_percent: Annotated[int, Field(ge=1, le=100), NOT_TEXT] = DEFAULT_COMMISSION_PERCENT
    # PostgreSQL cannot store a NUL.
    notes: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None = None


class EndRelationship(Body):
    """Ending is the only change: a new percent is a new relationship."""

    is_active: Annotated[Literal[False], BeforeValidator(_boolean)]


class RelationshipView(BaseModel):
    """A relationship as its affiliate sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    affiliate_workspace_id: UUID
    referred_workspace_id: UUID
    commission_percent: int
    is_active: bool
    started_by: str
    started_at: datetime
    ended_at: datetime | None


class AdminRelationshipView(RelationshipView):
    """The same with the administrators' notes."""

    notes: str | None


class RelationshipList(BaseModel):
    """One page, newest first."""

    items: list[RelationshipView]
    next_cursor: str | None = None


class AdminRelationshipList(BaseModel):
    """One page, newest first."""

    items: list[AdminRelationshipView]
    next_cursor: str | None = None


class RelationshipSearch(BaseModel):
    """What to look for; everything given must match."""

    affiliate_workspace_id: UUID | None = None
    referred_workspace_id: UUID | None = None
    is_active: bool | None = None
    limit: int = Field(default=50, ge=1, le=100)
    cursor: UUID | None = None


class ReferralCode(BaseModel):
    """What a new customer gives at sign-up."""

    referral_code: str
