"""The caller token: only what the gateway signed a minute ago opens a door."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI
from jwt.utils import base64url_encode

from chassis import errors
from chassis.caller import CallerDep, SystemAdminDep, require_gateway, sign, sign_gateway
from chassis.testing import KeyPair, make_key_pair
from contracts.caller import Caller
from tests.chassis.bench import Bench
from tests.support.services import make_caller

SERVICE = "sample"
CALLER = make_caller(role="member", scopes=frozenset({"projects:read"}))


@pytest.fixture
async def door(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.settings = bench.settings.model_copy(update={"service": SERVICE})
    errors.install(app)

    @app.get("/me")
    async def me(caller: CallerDep) -> Caller:
        return caller

    @app.get("/admin")
    async def admin(caller: SystemAdminDep) -> Caller:
        return caller

    @app.get("/internal", dependencies=[Depends(require_gateway)])
    async def internal() -> bool:
        return True

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        yield client


async def answer(door: httpx.AsyncClient, token: str, path: str = "/me") -> httpx.Response:
    return await door.get(path, headers={"authorization": f"Bearer {token}"})


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": "gateway",
        "aud": SERVICE,
        "iat": now,
        "exp": now + 60,
        "caller": CALLER.model_dump(mode="json", exclude_none=True),
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


async def test_signed_caller_is_who_it_says(door: httpx.AsyncClient, key_pair: KeyPair) -> None:
    told = await answer(door, sign(CALLER, key_pair.private_key, service=SERVICE))
    assert told.status_code == 200
    assert Caller.model_validate(told.json()) == CALLER


NOW = int(time.time())


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 3600},
        {"iat": NOW + 3600, "exp": NOW + 7200},
        {"nbf": NOW + 3600},
        {"aud": "internal"},
        {"aud": "elsewhere"},
        {"iss": "somebody"},
        {"exp": None},
        {"iat": None},
        {"iss": None},
        {"aud": None},
        {"caller": None},
        {"caller": "owner"},
        {"caller": {"member_id": "7"}},
        {"caller": {**CALLER.model_dump(mode="json"), "role": "god"}},
    ],
    # Not by value: times and ids differ between two processes that collect the same tests.
    ids=lambda changed: "-".join(changed),
)
async def test_token_with_wrong_claims_is_refused(
    door: httpx.AsyncClient, key_pair: KeyPair, changed: dict[str, Any]
) -> None:
    token = jwt.encode(claims(**changed), key_pair.private_key, algorithm="EdDSA")
    assert_refused(await answer(door, token))


async def test_token_of_another_key_or_algorithm_is_refused(
    door: httpx.AsyncClient, key_pair: KeyPair
) -> None:
    other = make_key_pair()
    unsigned = jwt.encode(claims(), "", algorithm="none")
    good = sign(CALLER, key_pair.private_key, service=SERVICE)
    tokens = [
        sign(CALLER, other.private_key, service=SERVICE),
        unsigned,
        with_hmac_of_the_public_key(key_pair),
        good[:-4] + "AAAA",
        good.rpartition(".")[0] + ".",
        "not.a.token",
        "é",
    ]
    for token in tokens:
        headers = {b"authorization": f"Bearer {token}".encode()}
        assert_refused(await door.get("/me", headers=headers))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"])
async def test_request_without_a_bearer_token_is_refused(
    door: httpx.AsyncClient, header: str
) -> None:
    assert_refused(await door.get("/me", headers={"authorization": header}))
    assert_refused(await door.get("/me"))


async def test_gateways_own_token_is_no_caller_and_a_caller_is_no_gateway(
    door: httpx.AsyncClient, key_pair: KeyPair
) -> None:
    gateway = sign_gateway(key_pair.private_key)
    caller = sign(CALLER, key_pair.private_key, service=SERVICE)
    assert (await answer(door, gateway, "/internal")).status_code == 200
    assert_refused(await answer(door, gateway, "/me"))
    assert_refused(await answer(door, caller, "/internal"))
    assert_refused(await answer(door, sign_gateway(make_key_pair().private_key), "/internal"))


async def test_only_a_system_administrator_as_himself_enters_administration(
    door: httpx.AsyncClient, key_pair: KeyPair
) -> None:
    async def status(**changed: Any) -> int:
        caller = make_caller(**changed)
        token = sign(caller, key_pair.private_key, service=SERVICE)
        return (await answer(door, token, "/admin")).status_code

    assert await status(is_system_admin=True) == 200
    assert await status() == 403
    assert await status(is_system_admin=True, impersonator_id=CALLER.member_id) == 403


def with_hmac_of_the_public_key(key_pair: KeyPair) -> str:
    """The classic confusion: the public key taken for a shared secret. PyJWT refuses to sign so."""
    load_pem_public_key(key_pair.public_key.encode())
    algorithm = jwt.get_algorithm_by_name("HS256")
    parts = [b'{"alg":"HS256","typ":"JWT"}', json.dumps(claims()).encode()]
    signing = b".".join(base64url_encode(part) for part in parts)
    signature = algorithm.sign(signing, key_pair.public_key.encode())
    return (signing + b"." + base64url_encode(signature)).decode()


def assert_refused(refused: httpx.Response) -> None:
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "unauthenticated"
