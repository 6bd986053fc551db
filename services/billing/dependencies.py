"""How both doors get settings and vendors, and how an administrator enters a workspace."""

from collections.abc import Sequence
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis.database import SystemScope
from contracts.caller import Caller
from services.billing.providers.fiken import Fiken
from services.billing.providers.stripe import Stripe
from services.billing.settings import Settings


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_stripe(request: Request) -> Stripe:
    stripe: Stripe = request.app.state.stripe
    return stripe


async def get_fiken(request: Request) -> Fiken:
    fiken: Fiken = request.app.state.fiken
    return fiken


SettingsDep = Annotated[Settings, Depends(get_settings)]
StripeDep = Annotated[Stripe, Depends(get_stripe)]
FikenDep = Annotated[Fiken, Depends(get_fiken)]


Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=40, pattern="^[0-9a-f]{32}$")]


class Row(Protocol):
    """Anything listed by its own id, newest first."""

    @property
    def id(self) -> UUID: ...


def read_cursor(cursor: str | None) -> UUID | None:
    return None if cursor is None else UUID(hex=cursor)


def next_cursor(rows: Sequence[Row], limit: int) -> str | None:
    """Where the next page begins; a page that is not full is the last."""
    return rows[-1].id.hex if len(rows) == limit else None


def scope_of(administrator: Caller, workspace_id: UUID) -> SystemScope:
    """Another workspace, acted on by the administrator who is signed in."""
    return SystemScope(workspace_id, administrator.actor)
