"""Door: the vendor's webhook, proven by its signature."""

import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from chassis.database import DatabaseDep, SystemScope
from chassis.errors import NotFound
from services.video.dependencies import VerifierDep
from services.video.errors import WebhookTooLarge
from services.video.generation import repository, use_cases
from services.video.providers.fal import read_answer

router = APIRouter(tags=["webhooks"])

MAX_BODY_BYTES = 1024 * 1024


@router.post("/webhooks/fal/video/{attempt_id}", include_in_schema=False)
async def hear_fal(
    attempt_id: UUID, request: Request, database: DatabaseDep, verifier: VerifierDep
) -> Response:
    body = await _read(request)
    await verifier.verify(request.headers, body)
    answer = read_answer(_document(body))
    if answer is None:
        # The sweeper asks about requests that nobody told us about.
        return Response(status_code=204)
    async with database.across_workspaces() as session:
        workspace_id = await repository.find_workspace_of(session, attempt_id, answer.request_id)
    if workspace_id is None:
        raise NotFound
    async with database.transaction(SystemScope(workspace_id)) as session:
        await use_cases.hear_answer(session, workspace_id, attempt_id, answer)
    return Response(status_code=204)


async def _read(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise WebhookTooLarge
    return body


def _document(body: bytes) -> dict[str, Any]:
    """Signed, so honest; what is not an object says nothing."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
