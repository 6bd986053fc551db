"""Door: fal tells us what became of an attempt."""

from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from chassis.database import DatabaseDep, SystemScope
from services.imaging.attempts import repository, use_cases
from services.imaging.dependencies import SettingsDep, WebhookKeysDep
from services.imaging.errors import WebhookRefused
from services.imaging.providers.base import Outcome
from services.imaging.providers.fal import outcome_of, reason_of

log = structlog.get_logger()

MAX_BODY_BYTES = 1024 * 1024

router = APIRouter(prefix="/webhooks/fal/imaging", tags=["webhooks"])


class FalMessage(BaseModel):
    """fal's webhook body."""

    model_config = ConfigDict(extra="ignore")

    request_id: str
    status: str
    payload: Any = None
    error: str | None = None


@router.post("/{attempt_id}", include_in_schema=False)
async def take_webhook(
    attempt_id: UUID,
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    keys: WebhookKeysDep,
) -> dict[str, bool]:
    body = await _read(request)
    request_id = await keys.verify(request.headers, body)
    outcome = _outcome(_message(body, request_id))
    async with database.across_workspaces() as session:
        attempt = await repository.find_anywhere(session, attempt_id)
    async with database.transaction(SystemScope(attempt.workspace_id)) as session:
        await use_cases.record_outcome(
            session, attempt, request_id, outcome, settings.fal_cost_micro_usd
        )
    return {"received": True}


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise WebhookRefused
    return bytes(body)


def _message(body: bytes, signed_id: str) -> FalMessage:
    try:
        message = FalMessage.model_validate_json(body)
    except ValidationError as error:
        raise WebhookRefused from error
    if message.request_id != signed_id:
        raise WebhookRefused
    return message


def _outcome(message: FalMessage) -> Outcome:
    if message.status == "OK":
        return outcome_of(message.payload)
    detail = message.payload.get("detail") if isinstance(message.payload, dict) else None
    refused = isinstance(detail, list) or "422" in (message.error or "")
    return Outcome(reason=reason_of(detail) if refused else "provider_failed")
