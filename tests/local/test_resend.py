"""The mail stand-in against Resend's own client, its webhooks, and its mailbox in a browser."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import resend
from resend.exceptions import (
    InvalidApiKeyError,
    MissingRequiredFieldsError,
    RateLimitError,
    ResendError,
    ValidationError,
)
from resend.http_client_httpx import HTTPXClient
from starlette.applications import Starlette
from starlette.routing import Route

from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from tests.local.mail_listener import SECRET, Listener
from tests.local.serving import free_socket, served

MAIL: Any = {
    "from": "AI Studio <no-reply@studio.no>",
    "to": ["kari@example.no"],
    "subject": "Your photos are ready",
    "html": "<b>Hei</b>",
    "tags": [{"name": "template", "value": "project-completed"}],
}


@pytest.fixture(scope="module")
async def listener() -> AsyncIterator[tuple[Listener, str]]:
    made = Listener()
    bound, address = free_socket()
    async with served(Starlette(routes=[Route("/hook", made.hear, methods=["POST"])]), bound):
        yield made, f"{address}/hook"


@pytest.fixture(scope="module")
async def vendors(
    tmp_path_factory: pytest.TempPathFactory, listener: tuple[Listener, str]
) -> AsyncIterator[RunningVendors]:
    settings = VendorsSettings(
        names=["resend"],
        state=tmp_path_factory.mktemp("vendors"),
        resend_api_key="re_test",
        resend_webhook_url=listener[1],
        resend_webhook_secret=SECRET,
    )
    running = await start_vendors(settings)
    yield running
    await running.stop()


@pytest.fixture(autouse=True)
def real_client(vendors: RunningVendors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", vendors.addresses["resend"])
    monkeypatch.setattr(resend, "api_key", "re_test")
    monkeypatch.setattr(resend, "default_async_http_client", HTTPXClient(timeout=5))


@pytest.fixture
async def web(vendors: RunningVendors) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=vendors.addresses["resend"], timeout=10) as made:
        yield made


async def send(key: str | None = None, **changes: Any) -> str:
    options: Any = {"idempotency_key": key} if key is not None else None
    mail: Any = {**MAIL, **changes}
    answer = await resend.Emails.send_async(mail, options)
    return str(answer["id"])


async def test_mail_arrives_and_tells_its_fate(listener: tuple[Listener, str]) -> None:
    mail_id = await send()
    mail = await resend.Emails.get_async(mail_id)
    assert (mail["subject"], mail["to"], mail["last_event"]) == (
        "Your photos are ready",
        ["kari@example.no"],
        "delivered",
    )
    events = await listener[0].of(mail_id, 2)
    assert [event["type"] for event in events] == ["email.sent", "email.delivered"]
    assert events[0]["data"]["tags"] == {"template": "project-completed"}


@pytest.mark.parametrize(
    ("address", "fate"),
    [
        ("delivered@resend.dev", ["email.delivered"]),
        ("bounced@resend.dev", ["email.bounced"]),
        ("Kari <bounced+welcome@resend.dev>", ["email.bounced"]),
        ("complained@resend.dev", ["email.delivered", "email.complained"]),
    ],
)
async def test_test_addresses_meet_their_fate(
    listener: tuple[Listener, str], address: str, fate: list[str]
) -> None:
    mail_id = await send(to=address)
    events = await listener[0].of(mail_id, 1 + len(fate))
    assert [event["type"] for event in events] == ["email.sent", *fate]
    bounces = [event["data"]["bounce"]["type"] for event in events if "bounce" in event["data"]]
    assert bounces == ["Permanent"] * fate.count("email.bounced")
    mail = await resend.Emails.get_async(mail_id)
    assert mail["last_event"] == fate[-1].removeprefix("email.")


async def test_same_key_and_mail_is_sent_once(vendors: RunningVendors) -> None:
    ids = await asyncio.gather(*(send("key-1") for _ in range(5)))
    assert len(set(ids)) == 1
    sent = vendors.stand_ins["resend"].journal.entries("send")
    assert [entry["id"] for entry in sent if entry["idempotency_key"] == "key-1"] == [ids[0]]


async def test_same_key_and_another_mail_is_409() -> None:
    await send("key-2")
    with pytest.raises(ResendError) as caught:
        await send("key-2", subject="Another")
    assert (caught.value.code, caught.value.error_type) == (409, "invalid_idempotent_request")
    with pytest.raises(ResendError) as caught:
        await send("k" * 257)
    assert (caught.value.code, caught.value.error_type) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    ("changes", "expected", "says"),
    [
        ({"to": []}, MissingRequiredFieldsError, "Missing `to` field."),
        ({"from": ""}, MissingRequiredFieldsError, "Missing `from` field."),
        ({"subject": ""}, MissingRequiredFieldsError, "Missing `subject` field."),
        ({"html": ""}, MissingRequiredFieldsError, "Missing `html` or `text` field."),
        ({"to": "nobody"}, ValidationError, "Invalid `to` field."),
        ({"from": "x"}, ValidationError, "Invalid `from` field."),
        ({"to": ["a@b.no"] * 51}, ValidationError, "at most 50"),
        ({"subject": "a\r\nBcc: x@y.no"}, ValidationError, "subject"),
        ({"headers": {"X-A": "a\nb"}}, ValidationError, "header"),
        ({"tags": [{"name": "å", "value": "x"}]}, ValidationError, "ASCII"),
        ({"attachments": [{"filename": "a.pdf"}]}, ValidationError, "Attachment"),
    ],
)
async def test_bad_mail_is_refused_in_resends_words(
    web: httpx.AsyncClient, changes: dict[str, Any], expected: type[ResendError], says: str
) -> None:
    before = len((await web.get("/_mailbox")).json())
    with pytest.raises(expected) as caught:
        await send(**changes)
    assert says in caught.value.message
    assert caught.value.code == 422
    assert len((await web.get("/_mailbox")).json()) == before


async def test_key_is_needed(web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await web.post("/emails", json=MAIL)
    assert answer.status_code == 401
    assert answer.json()["name"] == "missing_api_key"
    monkeypatch.setattr(resend, "api_key", "re_other")
    with pytest.raises(InvalidApiKeyError):
        await send()


async def test_batch_is_all_or_nothing_unless_permissive(web: httpx.AsyncClient) -> None:
    good: Any = {**MAIL, "to": "batch@example.no"}
    bad: Any = {**MAIL, "to": "nobody"}
    with pytest.raises(ValidationError):
        await resend.Batch.send_async([good, bad])
    assert (await web.get("/_mailbox", params={"to": "batch@example.no"})).json() == []
    once: Any = {"idempotency_key": "batch-1"}
    first = await resend.Batch.send_async([good, good], once)
    again = await resend.Batch.send_async([good, good], once)
    assert first["data"] == again["data"]
    assert len(first["data"]) == 2
    permissive = await resend.Batch.send_async([bad, good], {"batch_validation": "permissive"})
    assert [error["index"] for error in permissive["errors"]] == [0]
    assert len((await web.get("/_mailbox", params={"to": "batch@example.no"})).json()) == 3


async def test_mailbox_shows_a_hostile_mail_harmlessly(web: httpx.AsyncClient) -> None:
    attack = "<script>alert(1)</script>"
    mail_id = await send(subject=attack, html=f"{attack}<a href='https://x.no'>x</a>", text=attack)
    for path in ("/", f"/_mail/{mail_id}"):
        page = await web.get(path)
        assert attack not in page.text
        assert "&lt;script&gt;" in page.text
        assert "script-src" not in page.headers["content-security-policy"]
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    html = await web.get(f"/_mail/{mail_id}/html")
    policy = html.headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert attack in html.text
    found = (await web.get("/_mailbox", params={"to": "KARI@example.no"})).json()
    assert found[-1]["subject"] == attack
    assert (await web.get("/_mail/none")).status_code == 404


async def test_unanswered_webhook_is_repeated_with_the_same_id(
    listener: tuple[Listener, str],
) -> None:
    listener[0].refuse_next = 1
    mail_id = await send()
    events = await listener[0].of(mail_id, 2)
    assert {event["type"] for event in events} == {"email.sent", "email.delivered"}


async def test_webhook_faults_duplicate_and_forge(
    web: httpx.AsyncClient, listener: tuple[Listener, str]
) -> None:
    await web.put("/_faults", json=[{"operation": "webhook", "kind": "duplicate"}])
    mail_id = await send()
    events = await listener[0].of(mail_id, 3)
    assert [e["type"] for e in events].count("email.sent") == 2
    await web.put("/_faults", json=[{"operation": "webhook", "kind": "corrupt"}])
    mail_id = await send()
    await listener[0].of(mail_id, 2)
    assert listener[0].refused == 1


async def test_faults_come_in_resends_words(
    web: httpx.AsyncClient, vendors: RunningVendors
) -> None:
    await web.put("/_faults", json=[{"operation": "send", "kind": "rate_limited"}])
    with pytest.raises(RateLimitError) as caught:
        await send()
    assert caught.value.headers["retry-after"] == "1"
    await web.put("/_faults", json=[{"operation": "send", "kind": "timeout_after", "seconds": 0}])
    with pytest.raises(ResendError) as broken:
        await send("cut")
    assert broken.value.error_type == "HttpClientError"
    sent = vendors.stand_ins["resend"].journal.entries("send")
    done = [entry["id"] for entry in sent if entry["idempotency_key"] == "cut"]
    assert [await send("cut")] == done
    await web.put("/_faults", json=[{"operation": "deliver", "kind": "error"}])
    bounced = await resend.Emails.get_async(await send())
    assert bounced["last_event"] == "bounced"


async def test_mails_keys_and_events_survive_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: tuple[Listener, str]
) -> None:
    settings = VendorsSettings(names=["resend"], state=tmp_path, resend_api_key="re_test")
    settings.resend_webhook_url = "http://127.0.0.1:9/hook"
    settings.resend_webhook_secret = SECRET
    running = await start_vendors(settings)
    monkeypatch.setattr(resend, "api_url", running.addresses["resend"])
    mail_id = await send("durable")
    await running.stop()
    settings.resend_webhook_url = listener[1]
    running = await start_vendors(settings)
    monkeypatch.setattr(resend, "api_url", running.addresses["resend"])
    try:
        assert await send("durable") == mail_id
        assert len(await listener[0].of(mail_id, 2)) == 2
    finally:
        await running.stop()
