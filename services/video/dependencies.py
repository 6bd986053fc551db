"""How both doors get what they need, and the opaque cursors of lists."""

import base64
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis.errors import Refusal
from chassis.storage import Storage
from services.video.providers.signature import WebhookVerifier
from services.video.settings import Settings

Limit = Annotated[int, Query(ge=1, le=100)]


class CursorUnreadable(Refusal):
    """The cursor is not one of ours."""

    status, code, title = 422, "cursor_unreadable", "The cursor cannot be read"


async def get_storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_verifier(request: Request) -> WebhookVerifier:
    verifier: WebhookVerifier = request.app.state.verifier
    return verifier


StorageDep = Annotated[Storage, Depends(get_storage)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
VerifierDep = Annotated[WebhookVerifier, Depends(get_verifier)]


async def get_cursor(cursor: Annotated[str | None, Query(max_length=64)] = None) -> UUID | None:
    """The id the page before ended with; raises CursorUnreadable."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise CursorUnreadable from error


CursorDep = Annotated[UUID | None, Depends(get_cursor)]


def cursor_after(last_id: UUID) -> str:
    return base64.urlsafe_b64encode(last_id.bytes).rstrip(b"=").decode()
