"""What fal's stand-in tells a webhook: signed, patient, and as unruly as a test asks."""

import base64
import hashlib
import time

import fal_client
import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from local.vendors.control import StandIn
from local.vendors.faults import Fault
from tests.support.fal import PHOTO, Outside, room, until


@pytest.fixture(autouse=True)
def nothing_heard(world: Outside) -> None:
    world.heard.clear()
    world.answers.clear()


async def submit(client: fal_client.AsyncClient, world: Outside, prompt: str = "x") -> str:
    arguments = {"prompt": prompt, "image_urls": [world.put("room.png", room(240, 160))]}
    handle = await client.submit(PHOTO, arguments, webhook_url=f"{world.address}/hook?attempt=a")
    return handle.request_id


async def public_key(stand_in: StandIn) -> Ed25519PublicKey:
    async with httpx.AsyncClient(trust_env=False) as http:
        [key] = (await http.get(f"{stand_in.address}/.well-known/jwks.json")).json()["keys"]
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))


def verify(key: Ed25519PublicKey, headers: dict[str, str], body: bytes) -> None:
    names = ("request-id", "user-id", "timestamp")
    parts = [headers[f"x-fal-webhook-{name}"] for name in names]
    message = "\n".join([*parts, hashlib.sha256(body).hexdigest()])
    key.verify(bytes.fromhex(headers["x-fal-webhook-signature"]), message.encode())


def tries(stand_in: StandIn, request_id: str) -> list[dict[str, object]]:
    return [e for e in stand_in.journal.entries("webhook") if e["request_id"] == request_id]


async def test_the_outcome_is_told_once_and_signed(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    request_id = await submit(client, world)
    await until(lambda: tries(stand_in, request_id))
    [(headers, body)] = world.heard
    verify(await public_key(stand_in), headers, body)
    assert headers["x-fal-webhook-user-id"] == "user-1"
    assert abs(int(headers["x-fal-webhook-timestamp"]) - time.time()) < 10
    [told] = world.told()
    assert (told["request_id"], told["status"], told["error"]) == (request_id, "OK", None)
    assert told["payload"] == await client.result(PHOTO, request_id)
    assert tries(stand_in, request_id)[0]["attempt_url"] == "/hook?attempt=a"


async def test_a_failure_is_told_as_an_error(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="error"))
    await submit(client, world)
    await until(lambda: world.heard)
    [told] = world.told()
    assert told["status"] == "ERROR"
    assert told["error"] == "Unexpected status code: 422"
    assert told["payload"]["detail"][0]["type"] == "content_policy_violation"


async def test_a_webhook_is_repeated_until_it_is_accepted(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    world.answers.extend([500, 503, 404])
    request_id = await submit(client, world)
    await until(lambda: len(tries(stand_in, request_id)) == 4)
    assert [e["outcome"] for e in tries(stand_in, request_id)] == [500, 503, 404, 200]


async def test_a_lost_acceptance_repeats_the_webhook(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="webhook", kind="timeout_after"))
    await submit(client, world)
    await until(lambda: len(world.heard) == 2)
    assert world.heard[0][1] == world.heard[1][1]


async def test_a_webhook_comes_twice_when_asked(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="webhook", kind="duplicate"))
    request_id = await submit(client, world)
    await until(lambda: len(tries(stand_in, request_id)) == 2)
    assert len(world.heard) == 2


async def test_a_webhook_that_never_left_is_repeated(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="webhook", kind="error"))
    request_id = await submit(client, world)
    await until(lambda: tries(stand_in, request_id))
    assert tries(stand_in, request_id)[0]["attempt"] == 2
    assert len(world.heard) == 1


async def test_a_webhook_can_be_overtaken(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="webhook", kind="reorder", seconds=15))
    held = await submit(client, world)
    await until(lambda: len(stand_in.journal.entries("completion")) and held_back(stand_in))
    later = await submit(client, world)
    await until(lambda: len(world.heard) == 2)
    assert [told["request_id"] for told in world.told()] == [later, held]


def held_back(stand_in: StandIn) -> bool:
    return any(e.get("kind") == "reorder" for e in stand_in.journal.entries("fault"))


async def test_a_forged_webhook_does_not_verify_and_the_honest_one_follows(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="webhook", kind="corrupt"))
    world.answers.append(401)
    await submit(client, world)
    await until(lambda: len(world.heard) == 2)
    key = await public_key(stand_in)
    with pytest.raises(InvalidSignature):
        verify(key, *world.heard[0])
    verify(key, *world.heard[1])


async def test_a_cancelled_request_tells_nobody(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="delay", seconds=30))
    cancelled = await submit(client, world)
    await client.cancel(PHOTO, cancelled)
    await submit(client, world)
    await until(lambda: world.heard)
    assert cancelled not in {told["request_id"] for told in world.told()}


async def test_a_webhook_can_come_before_the_answer_to_the_submit(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="submit", kind="reorder", seconds=10))
    request_id = await submit(client, world)
    assert [told["request_id"] for told in world.told()] == [request_id]
