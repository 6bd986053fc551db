"""Forged, late, foreign and duplicated webhooks change nothing."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from local.vendors.faults import Fault
from services.imaging.app import create_app
from services.imaging.errors import WebhookKeysMissing, WebhookRefused
from services.imaging.providers.webhooks import WebhookKeys
from tests.imaging.bench import Bench, Member, storage_settings
from tests.local.serving import free_socket, served


def fal_key(imaging: Bench) -> Ed25519PrivateKey:
    """The stand-in's own signing key."""
    path: Path = imaging.fal.state / "webhook.key"
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def signed(
    key: Ed25519PrivateKey,
    body: bytes,
    request_id: str,
    *,
    user_id: str = "studio",
    at: float | None = None,
) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    message = "\n".join((request_id, user_id, timestamp, hashlib.sha256(body).hexdigest()))
    return {
        "x-fal-webhook-request-id": request_id,
        "x-fal-webhook-user-id": user_id,
        "x-fal-webhook-timestamp": timestamp,
        "x-fal-webhook-signature": key.sign(message.encode()).hex(),
    }


def message(request_id: str, url: str = "https://evil.example/a.jpg") -> bytes:
    body = {"request_id": request_id, "status": "OK", "payload": {"images": [{"url": url}]}}
    return json.dumps(body).encode()


async def waiting(imaging: Bench) -> tuple[Member, Any]:
    """An attempt fal has accepted and will not tell us about."""
    member = imaging.member()
    imaging.fal.faults.add(Fault(operation="webhook", kind="error", times=None))
    await member.paid_project()
    await imaging.work(member.workspace_id)
    [attempt] = await imaging.attempts(member.workspace_id)
    assert attempt.state == "submitted"
    return member, attempt


async def post(imaging: Bench, attempt_id: Any, body: bytes, headers: Any) -> httpx.Response:
    path = f"/webhooks/fal/imaging/{attempt_id}"
    return await imaging.client().post(path, content=body, headers=headers)


async def test_forged_webhooks_are_refused_and_change_nothing(imaging: Bench) -> None:
    member, attempt = await waiting(imaging)
    key, other = fal_key(imaging), Ed25519PrivateKey.generate()
    body, request_id = message(attempt.request_id), attempt.request_id
    good = signed(key, body, request_id)
    forged = {
        "unsigned": (body, {}),
        "another key": (body, signed(other, body, request_id)),
        "bad signature": (body, good | {"x-fal-webhook-signature": "zz"}),
        "empty signature": (body, good | {"x-fal-webhook-signature": ""}),
        "body swapped": (body + b" ", good),
        "too old": (body, signed(key, body, request_id, at=time.time() - 302)),
        # Nearer the limit it would grow valid on a machine that takes seconds to get there.
        "too new": (body, signed(key, body, request_id, at=time.time() + 360)),
        "another fal customer": (body, signed(key, body, request_id, user_id="stranger")),
        "another request inside": (body, signed(key, body, "another")),
        "not json": (b"x", signed(key, b"x", request_id)),
        "huge": (b"x" * 1_100_000, signed(key, b"x" * 1_100_000, request_id)),
        "another attempt's request": (
            message(str(uuid4())),
            signed(key, message("r"), "r"),
        ),
    }
    for name, (content, headers) in forged.items():
        answer = await post(imaging, attempt.id, content, headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "webhook_refused"), name
    [after] = await imaging.attempts(member.workspace_id)
    assert (after.state, after.outcome) == ("submitted", None)


async def test_a_signed_webhook_of_another_request_is_refused(imaging: Bench) -> None:
    member, attempt = await waiting(imaging)
    body = message("somebody-elses")
    answer = await post(imaging, attempt.id, body, signed(fal_key(imaging), body, "somebody-elses"))
    assert answer.status_code == 403
    assert (await imaging.attempts(member.workspace_id))[0].state == "submitted"


async def test_an_unknown_attempt_is_not_found(imaging: Bench) -> None:
    body = message("r")
    answer = await post(imaging, uuid4(), body, signed(fal_key(imaging), body, "r"))
    assert answer.status_code == 404


async def test_a_signed_result_on_a_foreign_host_is_not_fetched(imaging: Bench) -> None:
    member, attempt = await waiting(imaging)
    body = message(attempt.request_id, "http://169.254.169.254/latest/meta-data")
    headers = signed(fal_key(imaging), body, attempt.request_id)
    assert (await post(imaging, attempt.id, body, headers)).status_code == 200
    await imaging.work(member.workspace_id)
    [version] = await imaging.versions(member.workspace_id)
    assert (version.status, version.reason) == ("failed", "result_host_refused")


async def test_the_same_webhook_twice_is_answered_twice_and_counts_once(imaging: Bench) -> None:
    member, attempt = await waiting(imaging)
    body = message(attempt.request_id)
    headers = signed(fal_key(imaging), body, attempt.request_id)
    answers = [await post(imaging, attempt.id, body, headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    [after] = await imaging.attempts(member.workspace_id)
    assert (after.state, after.cost_micro_usd) == ("answered", 150_000)


async def test_a_webhook_of_another_attempts_request_cannot_be_adopted(imaging: Bench) -> None:
    _, attempt = await waiting(imaging)
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_before", seconds=0.05))
    member = imaging.member()
    await member.paid_project()
    await imaging.work(member.workspace_id)
    [unknown] = await imaging.attempts(member.workspace_id)
    assert unknown.state == "unknown"

    body = message(attempt.request_id)
    headers = signed(fal_key(imaging), body, attempt.request_id)
    answer = await post(imaging, unknown.id, body, headers)

    assert answer.status_code == 403
    assert (await imaging.attempts(member.workspace_id))[0].state == "unknown"


async def test_without_keys_the_webhook_is_asked_to_come_again(imaging: Bench) -> None:
    bound, nobody = free_socket()
    bound.close()
    body = message("r")
    async with WebhookKeys(f"{nobody}/jwks.json") as keys:
        with pytest.raises(WebhookKeysMissing):
            await keys.verify(signed(fal_key(imaging), body, "r"), body)


async def test_known_keys_outlive_a_vendor_that_is_away(imaging: Bench) -> None:
    body = message("r")
    headers = signed(fal_key(imaging), body, "r")
    async with WebhookKeys(imaging.settings.fal_jwks_url) as keys:
        assert await keys.verify(headers, body) == "r"
        keys._url = "http://127.0.0.1:9/jwks.json"
        assert await keys.verify(headers, body) == "r"
        for _ in range(3):
            with pytest.raises(WebhookRefused):
                await keys.verify(signed(Ed25519PrivateKey.generate(), body, "r"), body)


async def test_a_webhook_that_cannot_be_checked_is_answered_503(imaging: Bench) -> None:
    bound, nobody = free_socket()
    bound.close()
    values = imaging.settings.model_dump() | {"fal_jwks_url": f"{nobody}/jwks.json"}
    app = create_app(type(imaging.settings)(**values), storage_settings(imaging.vendors))
    listening, address = free_socket()
    body = message("r")
    async with served(app, listening), httpx.AsyncClient(base_url=address) as fal:
        answer = await fal.post(
            f"/webhooks/fal/imaging/{uuid4()}",
            content=body,
            headers=signed(fal_key(imaging), body, "r"),
        )
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_keys_missing")
