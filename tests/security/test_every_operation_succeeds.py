"""Refusing everybody would be safe too: every operation reaches a 2xx somewhere in this suite."""

from uuid import uuid4

import pytest

from local.infrastructure.place import REPOSITORY
from tests.security.matrix import read_policy
from tests.security.studio import Person, Studio
from tests.security.works import ONLY_EXAMPLES

HERE = {
    "POST /v1/auth/email/change",
    "POST /v1/auth/email/confirm",
    "POST /v1/auth/email/verify",
    "POST /v1/auth/password/change",
    "POST /v1/auth/password/reset",
    "POST /v1/auth/sign-in",
    "POST /v1/invitations/accept",
    "POST /v1/invitations/look-up",
    "POST /v1/workspace/closing",
}
ELSEWHERE = {
    "POST /v1/videos/{video_id}/undo": ("tests/video/test_taking_back.py", "/undo"),
    "POST /webhooks/stripe": ("tests/billing/payments/test_api.py", "/webhooks/stripe"),
}
"""The file that makes it, and its call."""


def test_whatever_the_matrix_does_not_see_succeed_is_seen_elsewhere() -> None:
    never = {
        operation
        for operation, codes in read_policy().items()
        if not any(200 <= code < 300 for code in codes.values())
    }
    assert never == HERE | ONLY_EXAMPLES | ELSEWHERE.keys()


@pytest.mark.parametrize("operation", ELSEWHERE)
def test_the_named_file_calls_the_operation(operation: str) -> None:
    name, call = ELSEWHERE[operation]
    assert call in (REPOSITORY / name).read_text()


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
