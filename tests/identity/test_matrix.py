"""Every operation of identity × every kind of caller; the expected answers are in matrix.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from fastapi import FastAPI

from contracts.caller import Caller
from tests.identity.conftest import PASSWORD, Identity, Person

MATRIX = yaml.safe_load(Path(__file__).with_name("matrix.yaml").read_text())
PRINCIPALS: list[str] = MATRIX["principals"]
OPERATIONS: dict[str, dict[str, Any]] = MATRIX["operations"]
EVERY_SCOPE = [f"{what}:{how}" for what in ("workspace", "members") for how in ("read", "write")]


@dataclass
class World:
    """One workspace with everybody who may come to it, and strangers."""

    identity: Identity
    kari: Person
    clients: dict[str, httpx.AsyncClient]
    callers: dict[str, Caller]
    emails: dict[str, str]

    async def fresh(self, name: str, principal: str) -> str:
        """A thing of Kari's workspace that no other cell has touched."""
        if name == "member_id":
            return str((await self.identity.colleague(self.kari)).caller.member_id)
        if name == "user_id":
            return str((await self.identity.person()).caller.member_id)
        if name == "invitation_id":
            body = {"email": f"{uuid4().hex}@example.com"}
            return str((await self.kari.client.post("/v1/invitations", json=body)).json()["id"])
        if name == "key_id":
            body = {"name": "k", "scopes": ["projects:read"]}  # type: ignore[dict-item]
            return str((await self.kari.client.post("/v1/api-keys", json=body)).json()["id"])
        if name == "session_id":
            return str((await sign_in(self.identity, self.kari)).session_id)
        known = {
            "workspace_id": str(self.kari.workspace_id),
            "upload_id": str(uuid4()),
            "name": "google",
            "new_email": f"{uuid4().hex}@example.com",
            "own_email": self.emails.get(principal, self.kari.email),
            "password": PASSWORD,
        }
        return known[name]


async def sign_in(identity: Identity, person: Person) -> Caller:
    body = {"email": person.email, "password": PASSWORD}
    answer = await identity.anonymous.post("/v1/auth/sign-in", json=body)
    identity.anonymous.cookies.clear()
    return (await identity.recognise(answer.cookies["session"]))[0]


async def with_key(identity: Identity, person: Person, scopes: list[str]) -> Caller:
    answer = await person.client.post("/v1/api-keys", json={"name": "k", "scopes": scopes})
    found = await identity.ask_principal(api_key=answer.json()["key"])
    return Caller.model_validate(found.json()["caller"])


async def impersonated(identity: Identity, admin: Person, person: Person) -> Caller:
    path = f"/v1/admin/users/{person.caller.member_id}/impersonation"
    answer = await admin.client.post(path, json={"reason": "x"})
    return (await identity.recognise(answer.cookies["session"]))[0]


@pytest.fixture
async def world(identity: Identity) -> World:
    return await populated(identity)


@pytest.fixture(scope="module")
async def unchanging_world(identity: Identity) -> World:
    """For operations that change nothing here: one world is enough for all of them."""
    return await populated(identity)


async def populated(identity: Identity) -> World:
    kari = await identity.person()
    admin, member = await identity.colleague(kari, "admin"), await identity.colleague(kari)
    other, administrator = await identity.person(), await identity.administrator()
    suspended = (await sign_in(identity, kari)).model_copy(update={"workspace_status": "suspended"})
    callers = {
        "key_without_scope": await with_key(identity, kari, ["projects:read"]),
        "key_with_scope": await with_key(identity, kari, EVERY_SCOPE),
        "impersonator": await impersonated(identity, administrator, kari),
        "suspended_owner": suspended,
        "admin": admin.caller,
        "owner": kari.caller,
        "member": member.caller,
    }
    # So that it is the role that decides about the look, and not the plan.
    callers = {n: c.model_copy(update={"plan": "enterprise"}) for n, c in callers.items()}
    callers |= {"other_owner": other.caller, "system_admin": administrator.caller}
    clients = {name: identity.client_of(caller) for name, caller in callers.items()}
    clients["anonymous"] = identity.anonymous
    people = {"admin": admin, "member": member, "other_owner": other, "system_admin": administrator}
    emails = {name: person.email for name, person in people.items()}
    return World(identity, kari, clients, callers, emails)


async def filled(world: World, value: Any, principal: str) -> Any:
    if isinstance(value, dict):
        return {k: await filled(world, v, principal) for k, v in value.items()}
    if isinstance(value, str) and value.startswith("{"):
        return await world.fresh(value.strip("{}"), principal)
    return value


async def path_of(world: World, template: str, principal: str) -> str:
    parts = [await filled(world, part, principal) for part in template.split("/")]
    return "/".join(parts)


def operations_of(app: FastAPI) -> set[str]:
    """What the application answers, also what it does not document."""
    found = {
        f"{method.upper()} {path}"
        for path, item in app.openapi()["paths"].items()
        for method in item
    }
    found = {name for name in found if not name.split(" ")[1].startswith("/health")}
    return found | {"POST /internal/principals"}


def test_every_operation_is_in_the_matrix(identity_app: FastAPI) -> None:
    assert operations_of(identity_app) == OPERATIONS.keys()
    for name, operation in OPERATIONS.items():
        assert len(operation["expect"]) == len(PRINCIPALS), name


def changes_nothing(name: str) -> bool:
    """Reading, and what answers alike to everybody."""
    return name.startswith("GET") or len(set(OPERATIONS[name]["expect"])) == 1


@pytest.mark.parametrize("name", [name for name in OPERATIONS if changes_nothing(name)])
async def test_each_reader_gets_what_the_matrix_says(unchanging_world: World, name: str) -> None:
    await check(unchanging_world, name)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if not changes_nothing(name)])
async def test_each_writer_gets_what_the_matrix_says(world: World, name: str) -> None:
    await check(world, name)


async def check(world: World, name: str) -> None:
    method, template = name.split(" ")
    operation = OPERATIONS[name]
    answers = {}
    for principal in PRINCIPALS:
        body = await filled(world, operation.get("body"), principal)
        path = await path_of(world, template, principal)
        answer = await world.clients[principal].request(method, path, json=body)
        world.identity.anonymous.cookies.clear()
        answers[principal] = answer.status_code
    assert answers == dict(zip(PRINCIPALS, operation["expect"], strict=True))
