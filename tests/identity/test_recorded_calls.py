"""The gateway's word about what administrators write elsewhere becomes a line of the log."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from chassis.caller import sign_gateway
from chassis.testing import KeyPair, make_key_pair
from contracts.caller import Caller
from services.identity.administration.rules import subject_of
from tests.identity.conftest import Identity, Person

REQUEST_ID = "0af7651916cd43dd8448eb211c80319c"
PROJECT_ID = uuid4()
PATH = f"/v1/projects/{PROJECT_ID}"


def call_of(caller: Caller, **changes: Any) -> dict[str, Any]:
    who = caller.model_dump(mode="json", include={"workspace_id", "member_id", "impersonator_id"})
    call = {"method": "PATCH", "path": PATH, "request_id": REQUEST_ID}
    return {**who, **call, **changes}


async def tell(identity: Identity, token: str, call: dict[str, Any]) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return await identity.anonymous.post("/internal/calls", json=call, headers=headers)


async def log_of(person: Person) -> list[dict[str, Any]]:
    answer = await person.client.get("/v1/workspace/audit-log")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.fixture
async def impersonator(identity: Identity, kari: Person) -> Caller:
    """A system administrator who acts as Kari."""
    admin = await identity.administrator()
    path = f"/v1/admin/users/{kari.caller.member_id}/impersonation"
    started = await admin.client.post(path, json={"reason": "Ticket 4711"})
    caller, _ = await identity.recognise(started.cookies["session"])
    return caller


async def test_an_impersonators_call_names_both_in_the_impersonated_workspaces_log(
    identity: Identity, key_pair: KeyPair, kari: Person, impersonator: Caller
) -> None:
    stranger = await identity.person()
    answer = await tell(identity, sign_gateway(key_pair.private_key), call_of(impersonator))
    assert answer.status_code == 204, answer.text
    line, started = await log_of(kari)
    assert (line["action"], line["subject_id"]) == ("impersonation.call", str(PROJECT_ID))
    assert line["actor"] == {
        "kind": "administrator",
        "id": str(impersonator.impersonator_id),
        "on_behalf_of": str(kari.caller.member_id),
    }
    assert line["details"] == {"method": "PATCH", "path": PATH, "request_id": REQUEST_ID}
    assert started["action"] == "impersonation.started"
    proof = await kari.client.get("/v1/workspace/audit-log/proof")
    assert proof.json() == {"intact": True, "entries": 2, "broken_at": None}
    assert await log_of(stranger) == []


async def test_an_administrators_call_is_in_the_log_of_their_own_workspace(
    identity: Identity, key_pair: KeyPair, kari: Person
) -> None:
    admin = await identity.administrator()
    path = "/v1/admin/billing/grants"
    call = call_of(admin.caller, method="POST", path=path)
    assert (await tell(identity, sign_gateway(key_pair.private_key), call)).status_code == 204
    answer = await admin.client.get(f"/v1/admin/workspaces/{admin.workspace_id}/audit-log")
    [line] = answer.json()["items"]
    assert (line["action"], line["details"]["path"]) == ("administration.call", path)
    assert line["subject_id"] == str(admin.workspace_id)
    assert line["actor"] == {
        "kind": "administrator",
        "id": str(admin.caller.member_id),
        "on_behalf_of": None,
    }
    assert await log_of(kari) == []


async def test_what_an_administrator_asked_of_others_is_not_for_the_rest_of_their_workspace(
    identity: Identity, key_pair: KeyPair
) -> None:
    admin = await identity.administrator()
    await admin.client.patch("/v1/workspace", json={"name": "Ours"})
    call = call_of(admin.caller, path=f"/v1/admin/invoices/{PROJECT_ID}/send")
    assert (await tell(identity, sign_gateway(key_pair.private_key), call)).status_code == 204
    assert [line["action"] for line in await log_of(admin)] == ["workspace.edited"]
    exported = await admin.client.get("/v1/workspace/audit-log.csv")
    assert len(exported.text.splitlines()) == 2
    assert str(PROJECT_ID) not in exported.text
    proof = await admin.client.get("/v1/workspace/audit-log/proof")
    assert proof.json() == {"intact": True, "entries": 2, "broken_at": None}


async def test_only_the_gateway_has_calls_recorded(
    identity: Identity, kari: Person, impersonator: Caller
) -> None:
    call = call_of(impersonator)
    for token in (sign_gateway(make_key_pair().private_key), "x"):
        assert (await tell(identity, token, call)).status_code == 401
    for client in (identity.anonymous, identity.client_of(impersonator), kari.client):
        assert (await client.post("/internal/calls", json=call)).status_code == 401
    assert [line["action"] for line in await log_of(kari)] == ["impersonation.started"]
    assert "/internal/calls" not in identity.app.openapi()["paths"]


@pytest.mark.parametrize(
    "wrong", [{"path": f"{PATH}?token=secret"}, {"body": "secret"}, {"request_id": "x"}]
)
async def test_neither_a_query_nor_a_body_is_taken(
    identity: Identity,
    key_pair: KeyPair,
    kari: Person,
    impersonator: Caller,
    wrong: dict[str, str],
) -> None:
    call = call_of(impersonator, **wrong)
    assert (await tell(identity, sign_gateway(key_pair.private_key), call)).status_code == 422
    assert [line["action"] for line in await log_of(kari)] == ["impersonation.started"]


async def test_a_call_in_a_workspace_that_is_not_there_is_not_accepted(
    identity: Identity, key_pair: KeyPair, impersonator: Caller
) -> None:
    gone = impersonator.model_copy(update={"workspace_id": uuid4()})
    assert (await tell(identity, sign_gateway(key_pair.private_key), call_of(gone))).is_error


def test_a_line_is_about_the_last_thing_its_path_names() -> None:
    image = uuid4()
    assert subject_of(f"{PATH}/images/{str(image).upper()}/retry") == image
    assert subject_of(PATH) == PROJECT_ID
    assert subject_of("/v1/admin/billing/grants") is None
    assert subject_of(f"/v1/projects/x{PROJECT_ID}") is None
