"""For every operation one call that succeeds: things of its own, and the session that sends it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from local.vendors.stripe.webhooks import sign
from tests.security.belongings import Belongings
from tests.security.cast import impersonate
from tests.security.operations import body_of, call_of
from tests.security.studio import Person, Studio
from tests.security.works import Example, download_film, make_failed, record_payout, start_project

AT_ONCE = 6
INVOICED = frozenset({"line", "draft", "sent"})

Make = Callable[[Studio, Belongings], Awaitable[Example]]


async def sign_in(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    return Example(body={"email": person.email, "password": person.password})


async def change_password(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    body = {"password": person.password, "new_password": f"canary-{uuid4().hex}"}
    return Example(body=body, session=person.session)


async def change_email(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    body = {"password": person.password, "email": f"{uuid4().hex}@ai-studio.example"}
    return Example(body=body, session=person.session)


async def verify_email(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    return Example(body={"token": await studio.mailed(person.email)})


async def confirm_email(studio: Studio, belongings: Belongings) -> Example:
    asked = await change_email(studio, belongings)
    who = {"cookie": f"session={asked.session}"}
    await studio.done("POST", "/v1/auth/email/change", who, asked.body)
    return Example(body={"token": await studio.mailed(asked.body["email"])})


async def reset_password(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    await studio.mailed(person.email)
    await studio.done("POST", "/v1/auth/password/forgot", None, {"email": person.email})
    token = await studio.mailed(person.email, 2)
    return Example(body={"token": token, "password": f"canary-{uuid4().hex}"})


async def stop_impersonation(studio: Studio, _: Belongings) -> Example:
    headers = await impersonate(studio, await studio.sign_up("example"))
    return Example(body={}, session=headers["cookie"].removeprefix("session="))


async def end_session(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    other = await studio.sign_in(person)
    listed = await studio.done("GET", "/v1/sessions", other)
    ended = next(item["id"] for item in listed["items"] if not item["current"])
    return Example({"session": ended}, session=other.session)


async def hand_over(studio: Studio, _: Belongings) -> Example:
    """To the only member there is."""
    person = await studio.sign_up("example")
    return Example({"owner": person.member_id}, session=person.session)


async def look_up(studio: Studio, _: Belongings) -> Example:
    return Example(body={"token": (await _invited(studio))[1]})


async def accept(studio: Studio, _: Belongings) -> Example:
    guest, token = await _invited(studio)
    body = {"token": token, "leave_workspace_id": guest.workspace_id}
    return Example(body=body, session=guest.session)


async def _invited(studio: Studio) -> tuple[Person, str]:
    host, guest = await studio.sign_up("host"), await studio.sign_up("guest")
    await studio.verify_mailbox(guest)
    await studio.done("POST", "/v1/invitations", host, {"email": guest.email})
    return guest, await studio.mailed(guest.email, 2)


async def close(studio: Studio, _: Belongings) -> Example:
    person = await studio.sign_up("example")
    slug = (await studio.done("GET", "/v1/workspace", person))["slug"]
    return Example(body={"confirm": slug}, session=person.session)


async def finish_provider(studio: Studio, _: Belongings) -> Example:
    begun = await studio.done("POST", "/v1/auth/providers/google/begin")
    claims = {"sub": uuid4().hex, "email": f"{uuid4().hex}@ai-studio.example"}
    carried = studio.openid.consent(
        begun["authorization_url"], email_verified=True, name="Kari", **claims
    )
    return Example(body={"attempt": begun["attempt"], **carried})


async def tell_as_stripe(studio: Studio, _: Belongings) -> Example:
    """Of a kind we ignore, but signed."""
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "product.created",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": "prod_1", "object": "product"}},
    }
    body = json.dumps(event)
    secret = studio.environment("billing")["BILLING_STRIPE_WEBHOOK_SECRET"]
    signature = sign(secret, body.encode(), int(time.time()))
    return Example(body=body, headers={"stripe-signature": signature})


SPECIAL: dict[str, Make] = {
    "POST /v1/admin/affiliate/payouts": record_payout,
    "POST /v1/auth/email/change": change_email,
    "POST /v1/auth/email/confirm": confirm_email,
    "POST /v1/auth/email/verify": verify_email,
    "POST /v1/auth/impersonation/stop": stop_impersonation,
    "POST /v1/auth/password/change": change_password,
    "POST /v1/auth/password/reset": reset_password,
    "POST /v1/auth/providers/{name}/finish": finish_provider,
    "POST /v1/auth/sign-in": sign_in,
    "POST /v1/invitations/accept": accept,
    "POST /v1/invitations/look-up": look_up,
    "POST /v1/members/{member_id}/ownership": hand_over,
    "POST /v1/workspace/closing": close,
    "POST /v1/projects/{project_id}/start": start_project,
    "GET /v1/videos/{video_id}/download": download_film,
    "DELETE /v1/sessions/{session_id}": end_session,
    "POST /webhooks/stripe": tell_as_stripe,
}
USED_UP = (
    "DELETE /v1/invitations/{invitation_id}",
    "POST /v1/auth/email/confirm",
    "POST /v1/auth/email/verify",
    "POST /v1/auth/password/reset",
    "POST /v1/auth/sign-up",
    "POST /v1/invitations/accept",
    "POST /v1/invitations/look-up",
    "POST /v1/invitations/{invitation_id}/resend",
    "POST /v1/workspace/closing",
    "POST /webhooks/stripe",
)
"""Whatever else the schemas allow is refused: each later phase needs an example of its own."""


async def make_spares(studio: Studio, ours: Belongings, count: int) -> dict[str, list[Example]]:
    """Examples of the operations that use theirs up."""
    some = asyncio.Semaphore(AT_ONCE)

    async def make(operation: str) -> Example:
        async with some:
            return filled(operation, ours, await _example(studio, ours, operation))

    made = await asyncio.gather(*(make(name) for name in USED_UP for _ in range(count)))
    return {name: list(made[i * count : (i + 1) * count]) for i, name in enumerate(USED_UP)}


async def _example(studio: Studio, ours: Belongings, operation: str) -> Example:
    if operation in SPECIAL:
        return await SPECIAL[operation](studio, ours)
    ids = await ours.fresh(*call_of(operation).uses)
    return Example(ids | {"affiliate": ours.owner.workspace_id})


async def make_examples(
    studio: Studio, ours: Belongings, operations: set[str]
) -> dict[str, Example]:
    some, made = asyncio.Semaphore(AT_ONCE), await make_failed(studio, ours)

    async def make(operation: str) -> Example:
        async with some:
            return await _example(studio, ours, operation)

    names = sorted(operations - made.keys())
    beside = [name for name in names if not INVOICED.intersection(call_of(name).uses)]
    made |= zip(beside, await asyncio.gather(*map(make, beside)), strict=True)
    # An invoice takes every line that waits: one at a time, and the waiting line last.
    for name in sorted(set(names) - set(beside), key=lambda name: "line" in call_of(name).uses):
        made[name] = await make(name)
    return {name: filled(name, ours, example) for name, example in made.items()}


def filled(operation: str, ours: Belongings, example: Example) -> Example:
    """With the ids that it leaves to anything, and the usual body when it has none of its own."""
    ids = ours.ids | example.ids
    body = body_of(operation, ids) if example.body is None else example.body
    return Example(ids, body, example.session, example.headers)
