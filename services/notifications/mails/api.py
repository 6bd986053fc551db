"""Doors: the provider's webhook, and what administrators see of mails."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from chassis.caller import SystemAdminDep
from chassis.database import DatabaseDep
from contracts.private import Language
from services.notifications import previews
from services.notifications.dependencies import PostDep
from services.notifications.errors import SignatureWrong
from services.notifications.mails import repository, use_cases
from services.notifications.mails.schemas import (
    DeliveryList,
    DeliveryView,
    LiftSuppression,
    MailSearch,
)
from services.notifications.rendering import preview_page, render
from services.notifications.wording import TemplateName

router = APIRouter(prefix="/v1/admin/mails", tags=["mails"])
webhook = APIRouter(include_in_schema=False)

# The pages carry styles of their own and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
Color = Annotated[str | None, Query(pattern=r"^#[0-9A-Fa-f]{6}$")]


@webhook.post("/webhooks/resend", status_code=204)
async def hear(request: Request, database: DatabaseDep, post: PostDep) -> None:
    try:
        event = post.resend.read_webhook(await request.body(), request.headers)
    except ValueError as error:
        raise SignatureWrong from error
    await use_cases.hear(database, event)


@router.get("")
async def list_mails(
    _: SystemAdminDep, database: DatabaseDep, wanted: Annotated[MailSearch, Query()]
) -> DeliveryList:
    async with database.across_workspaces() as session:
        rows = await repository.search(session, wanted)
    items = [DeliveryView.model_validate(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    return DeliveryList(items=items, next_cursor=str(items[-1].id) if more else None)


@router.post("/suppressions/lift", status_code=204)
async def lift_suppression(body: LiftSuppression, _: SystemAdminDep, database: DatabaseDep) -> None:
    """Write to this address again: it bounced or complained before."""
    async with database.across_workspaces() as session:
        await repository.lift_suppression(session, body.email.lower())


@router.get("/previews", response_class=HTMLResponse)
async def list_previews(_: SystemAdminDep) -> Response:
    return HTMLResponse(preview_page(), headers={"content-security-policy": POLICY})


@router.get(
    "/previews/{template}",
    response_class=HTMLResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def preview(
    template: TemplateName,
    _: SystemAdminDep,
    post: PostDep,
    language: Language = "en",
    format: Literal["html", "text"] = "html",
    color: Color = None,
) -> Response:
    letter = previews.sample(template, language, color)
    mail = render(letter, public_url=post.settings.public_url, logo=None)
    if format == "text":
        return PlainTextResponse(f"{mail.subject}\n\n{mail.text}")
    return HTMLResponse(mail.html, headers={"content-security-policy": POLICY})
