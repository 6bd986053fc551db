"""Refusing everybody would be safe too: journeys through what one example cannot show to work.

test_fuzz.py sees every documented operation answer with a 2xx.
"""

from uuid import uuid4

from tests.security.studio import Person, Studio


async def test_a_mailbox_and_a_password_change_hands(studio: Studio) -> None:
    person = await studio.sign_up("mover")
    await studio.verify_mailbox(person)
    body = {"email": f"{uuid4().hex}@ai-studio.example", "password": person.password}
    await studio.done("POST", "/v1/auth/email/change", person, body)
    token = await studio.mailed(body["email"])
    await studio.done("POST", "/v1/auth/email/confirm", None, {"token": token})
    person = await studio.sign_in(Person(body["email"], person.password))
    change = {"password": person.password, "new_password": "canary-changed-password"}
    await studio.done("POST", "/v1/auth/password/change", person, change)
    await studio.done("POST", "/v1/auth/password/forgot", None, {"email": person.email})
    token = await studio.mailed(person.email, 2)
    reset = {"token": token, "password": "canary-reset-password"}
    await studio.done("POST", "/v1/auth/password/reset", None, reset)
    studio.secrets |= {change["new_password"], reset["password"]}
    await studio.until_out(person)
    await studio.sign_in(Person(person.email, reset["password"]))


async def test_a_person_moves_by_invitation_and_a_workspace_closes(studio: Studio) -> None:
    owner, guest = await studio.sign_up("host"), await studio.sign_up("guest")
    await studio.verify_mailbox(guest)
    await studio.done("POST", "/v1/invitations", owner, {"email": guest.email})
    token = await studio.mailed(guest.email, 2)
    offer = await studio.done("POST", "/v1/invitations/look-up", None, {"token": token})
    assert offer["email"] == guest.email
    body = {"token": token, "leave_workspace_id": guest.workspace_id}
    moved = await studio.call("POST", "/v1/invitations/accept", guest, body)
    assert moved.status_code == 200, moved.text
    assert moved.json()["workspace"]["id"] == owner.workspace_id
    slug = (await studio.done("GET", "/v1/workspace", owner))["slug"]
    await studio.done("POST", "/v1/workspace/closing", owner, {"confirm": slug})
    await studio.until_out(owner)
