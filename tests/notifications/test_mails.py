"""Mails through Resend's own client: once, in words that fit, followed until they arrive."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import resend
from PIL import Image
from sqlalchemy import select

from chassis.storage import Storage
from contracts.identity import WorkspaceDeleted
from contracts.private import (
    Brand,
    EmailVerificationRequested,
    InvitationSent,
    Letter,
    PasswordResetRequested,
    SignedInElsewhere,
)
from local.vendors.faults import Fault
from services.notifications.mails.consumers import forget_recipients
from services.notifications.mails.use_cases import send_letter
from services.notifications.providers.resend import MailTransient
from services.notifications.tables import DeliveryRow
from tests.notifications.conftest import PUBLIC_URL, Mailing
from tests.support.services import ServiceUnderTest, make_caller

TOKEN = "s3cret-token-of-a-link"
BRAND = Brand(workspace_name="Nordmann & Sønn")


def verification(**changes: Any) -> EmailVerificationRequested:
    return EmailVerificationRequested(
        **{
            "workspace_id": uuid4(),
            "to": f"{uuid4().hex}@example.no",
            "name": "Kari",
            "language": "en",
            "brand": BRAND,
            "token": TOKEN,
            "expires_at": datetime.now(UTC) + timedelta(hours=1),
            **changes,
        }
    )


async def delivery_of(mailing: Mailing, letter: Letter) -> DeliveryRow:
    async with mailing.database.transaction(letter) as session:
        query = select(DeliveryRow).where(DeliveryRow.event_id == letter.event_id)
        return (await session.scalars(query)).one()


async def status_of(mailing: Mailing, letter: Letter, wanted: str) -> DeliveryRow:
    async with asyncio.timeout(20):
        while True:
            row = await delivery_of(mailing, letter)
            if row.status == wanted:
                return row
            await asyncio.sleep(0.05)


async def send(mailing: Mailing, letter: Letter) -> None:
    await send_letter(letter, mailing.database, mailing.post)


async def test_a_mail_arrives_with_its_link_and_is_followed(mailing: Mailing) -> None:
    letter = verification()
    await send(mailing, letter)
    [mail] = await mailing.mails_to(letter.to)
    link = f"{PUBLIC_URL}/verify-email#token={TOKEN}"
    assert link in mail["html"]
    assert link in mail["text"]
    assert mail["subject"] == "Confirm your e-mail address"
    row = await status_of(mailing, letter, "delivered")
    assert row.sent_at is not None


async def test_a_fact_delivered_many_times_at_once_is_one_mail(mailing: Mailing) -> None:
    letter = verification()
    await asyncio.gather(*(send(mailing, letter) for _ in range(5)))
    await send(mailing, letter)
    assert len(await mailing.mails_to(letter.to)) == 1


async def test_a_mail_sent_before_the_answer_was_lost_is_not_sent_again(mailing: Mailing) -> None:
    letter = verification()
    mailing.resend.faults.add(Fault(operation="send", kind="timeout_after", seconds=0.1))
    with pytest.raises(MailTransient):
        await send(mailing, letter)
    assert (await delivery_of(mailing, letter)).status in ("queued", "sent", "delivered")
    await send(mailing, letter)
    assert len(await mailing.mails_to(letter.to)) == 1
    await status_of(mailing, letter, "delivered")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_provider_that_is_busy_is_asked_again(mailing: Mailing, status: int) -> None:
    letter = verification()
    mailing.resend.faults.add(Fault(operation="send", kind="error", status=status))
    with pytest.raises(MailTransient):
        await send(mailing, letter)
    await send(mailing, letter)
    assert len(await mailing.mails_to(letter.to)) == 1


async def test_a_wrong_key_keeps_the_mail_owed(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = verification()
    with monkeypatch.context() as patched:
        patched.setattr(resend, "api_key", "re_wrong")
        with pytest.raises(MailTransient):
            await send(mailing, letter)
    await send(mailing, letter)
    await mailing.mails_to(letter.to)


async def test_an_address_nobody_can_write_to_is_refused_and_not_tried_again(
    mailing: Mailing,
) -> None:
    letter = verification(to="nobody")
    await send(mailing, letter)
    await send(mailing, letter)
    row = await delivery_of(mailing, letter)
    assert (row.status, row.reason) == ("refused", "validation_error")


async def test_a_link_that_ended_is_not_mailed(mailing: Mailing) -> None:
    letter = verification(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await send(mailing, letter)
    assert (await delivery_of(mailing, letter)).status == "expired"
    assert await mailing.mails_to(letter.to, count=0) == []


async def test_no_secret_and_no_words_stay_behind(mailing: Mailing) -> None:
    letter = verification()
    await send(mailing, letter)
    row = await status_of(mailing, letter, "delivered")
    kept = str({name: value for name, value in vars(row).items() if name[0] != "_"})
    assert TOKEN not in kept
    assert "Kari" not in kept


async def test_an_address_that_bounces_gets_no_second_mail(
    mailing: Mailing, admin: httpx.AsyncClient
) -> None:
    to = f"bounced+{uuid4().hex}@resend.dev"
    first, second, third = (verification(to=to) for _ in range(3))
    await send(mailing, first)
    assert (await status_of(mailing, first, "bounced")).reason == "Permanent"
    await send(mailing, second)
    assert (await delivery_of(mailing, second)).status == "suppressed"
    assert len(await mailing.mails_to(to)) == 1
    lifted = await admin.post("/v1/admin/mails/suppressions/lift", json={"email": to.upper()})
    assert lifted.status_code == 204
    await send(mailing, third)
    assert len(await mailing.mails_to(to, 2)) == 2


async def test_news_of_a_mail_in_any_order_never_goes_back(mailing: Mailing) -> None:
    letter = verification(to=f"complained+{uuid4().hex}@resend.dev")
    mailing.resend.faults.add(Fault(operation="webhook", kind="reorder"))
    mailing.resend.faults.add(Fault(operation="webhook", kind="duplicate"))
    await send(mailing, letter)
    await status_of(mailing, letter, "complained")


async def test_only_the_provider_says_what_became_of_a_mail(mailing: Mailing) -> None:
    letter = verification()
    await send(mailing, letter)
    row = await status_of(mailing, letter, "delivered")
    event = {"type": "email.bounced", "data": {"tags": {"delivery_id": str(row.id)}}}
    async with httpx.AsyncClient(base_url=mailing.address) as web:
        for headers in ({}, {"svix-id": "1", "svix-timestamp": "1", "svix-signature": "v1,AAAA"}):
            answer = await web.post("/webhooks/resend", json=event, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "signature_wrong")
    assert (await delivery_of(mailing, letter)).status == "delivered"


async def test_a_mail_wears_the_workspaces_logo_and_colour(mailing: Mailing) -> None:
    workspace_id = uuid4()
    key = f"workspaces/{workspace_id}/branding/logo-1.png"
    picture = io.BytesIO()
    Image.new("RGBA", (40, 20), "#FF6B6B").save(picture, "PNG")
    async with Storage(mailing.storage) as storage:
        await storage.write(key, picture.getvalue(), content_type="image/png")
    brand = Brand(workspace_name="Nordmann", logo_key=key, primary_color="#FFE066")
    letter = verification(workspace_id=workspace_id, brand=brand)
    await send(mailing, letter)
    [mail] = await mailing.mails_to(letter.to)
    assert mail["attachments"][0]["content_id"] == "logo"
    assert 'src="cid:logo"' in mail["html"]
    assert "background:#FFE066;color:#000000" in mail["html"]
    missing = verification(brand=brand.model_copy(update={"logo_key": "workspaces/x/none.png"}))
    await send(mailing, missing)
    [plain] = await mailing.mails_to(missing.to)
    assert "cid:logo" not in plain["html"]


async def test_what_people_wrote_stays_text(mailing: Mailing) -> None:
    attack = "<img src=x onerror=alert(1)>{{ 7*7 }}"
    letter = InvitationSent(
        **verification(name=attack, brand=Brand(workspace_name=attack)).model_dump(),
        role="member",
    )
    await send(mailing, letter)
    [mail] = await mailing.mails_to(letter.to)
    assert "<img src=x" not in mail["html"]
    assert "&lt;img src=x" in mail["html"]
    assert "49" not in mail["subject"]


async def test_a_header_cannot_be_smuggled_into_the_subject(mailing: Mailing) -> None:
    letter = InvitationSent(
        **verification(name="Kari\r\nBcc: all@example.no").model_dump(), role="admin"
    )
    await send(mailing, letter)
    [mail] = await mailing.mails_to(letter.to)
    assert mail["subject"].startswith("Kari Bcc: all@example.no invites")
    assert mail["bcc"] == []


async def test_norwegians_read_norwegian(mailing: Mailing) -> None:
    expires_at = datetime(2199, 5, 17, 10, 0, tzinfo=UTC)
    letter = PasswordResetRequested(
        **verification(language="nb", expires_at=expires_at).model_dump()
    )
    await send(mailing, letter)
    [mail] = await mailing.mails_to(letter.to)
    assert mail["subject"] == "Velg et nytt passord"
    assert "17. mai 2199 kl. 12:00" in mail["text"]
    assert '<html lang="nb">' in mail["html"]


async def test_an_unknown_browser_is_said_to_be_unknown(mailing: Mailing) -> None:
    common = verification().model_dump(exclude={"token", "expires_at"})
    letter = SignedInElsewhere(**common, ip_address=None, user_agent=None)
    await send(mailing, letter)
    [mail] = await mailing.mails_to(letter.to)
    assert "Address: unknown" in mail["text"]


async def test_administrators_see_every_mail_as_a_page(
    mailing: Mailing, admin: httpx.AsyncClient, member: httpx.AsyncClient
) -> None:
    page = await admin.get("/v1/admin/mails/previews")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    links = [part.split('"')[0] for part in page.text.split('href="')[1:]]
    assert len(links) == 40
    for link in links:
        answer = await admin.get(link.replace("&amp;", "&"))
        assert answer.status_code == 200, link
        assert "{{" not in answer.text
    assert (await member.get("/v1/admin/mails/previews")).status_code == 403
    assert (await member.get("/v1/admin/mails")).status_code == 403


async def test_administrators_find_what_became_of_a_mail(
    mailing: Mailing, admin: httpx.AsyncClient
) -> None:
    letter = verification()
    await send(mailing, letter)
    await status_of(mailing, letter, "delivered")
    found = await admin.get("/v1/admin/mails", params={"recipient": letter.to.upper()})
    [view] = found.json()["items"]
    assert (view["template"], view["status"]) == ("verify_email", "delivered")
    assert TOKEN not in json.dumps(view)


async def test_a_closed_workspaces_recipients_are_forgotten(mailing: Mailing) -> None:
    letter = verification()
    await send(mailing, letter)
    fact = WorkspaceDeleted(workspace_id=letter.workspace_id)
    async with mailing.database.transaction(fact) as session:
        await forget_recipients(fact, session)
        assert (await session.scalars(select(DeliveryRow))).all() == []


async def test_every_operation_is_an_administrators(
    mailing: Mailing, services: ServiceUnderTest
) -> None:
    impersonating = make_caller(is_system_admin=True, impersonator_id=uuid4())
    operations = [
        (method, path.replace("{template}", "welcome"))
        for path, item in mailing.app.openapi()["paths"].items()
        for method in item
        if not path.startswith("/health")
    ]
    assert len(operations) == 4
    for method, path in operations:
        for caller, status in ((None, 401), (make_caller(), 403), (impersonating, 403)):
            async with services.client(mailing.app, caller) as client:
                answer = await client.request(method, path, json={"email": "a@example.com"})
            assert answer.status_code == status, (method, path)
