"""Confused tokens: only what the gateway signs, for services, now, opens a service's door."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.caller import sign, sign_gateway
from contracts.caller import Caller
from tests.security.studio import Studio
from tests.support.services import make_caller

DOORS = {
    "identity": "/v1/members/me",
    "imaging": "/v1/projects",
    "video": "/v1/videos",
    "billing": "/v1/payments",
    "affiliate": "/v1/affiliate/earnings",
    "notifications": "/v1/admin/mails",
}
INTERNAL = (
    "/internal/principals",
    "/v1/../internal/principals",
    "/%69nternal/principals",
    "//internal/principals",
    "/v1/auth/sign-in/../../../internal/principals",
    "/v1/auth/sign-in/..%2f..%2f..%2finternal/principals",
    "/internal;/principals",
    "/INTERNAL/principals",
    "/internal/calls",
)


def claims_of(service: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    caller = Caller(
        member_id=uuid4(),
        workspace_id=uuid4(),
        role="owner",
        plan="enterprise",
        is_system_admin=True,
    )
    return {
        "iss": "gateway",
        "aud": service,
        "iat": now,
        "exp": now + 60,
        "caller": caller.model_dump(mode="json", exclude_none=True),
        **changes,
    }


def hs256_with(public_key: str) -> str:
    """What a verifier accepts that lets the token choose how it is verified."""
    # By hand: PyJWT refuses to sign with a public key.
    parts = [{"alg": "HS256", "typ": "JWT"}, claims_of("imaging")]
    text = b".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts)
    signature = hmac.new(public_key.encode(), text, hashlib.sha256).digest()
    return f"{text.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def wrong_tokens(studio: Studio, service: str) -> dict[str, str]:
    key = studio.environment("gateway")["GATEWAY_CALLER_SIGNING_KEY"]
    public_key = studio.environment("imaging")["IMAGING_CALLER_PUBLIC_KEY"]
    another = Ed25519PrivateKey.generate()

    def signed(**changes: Any) -> str:
        return jwt.encode(claims_of(service, **changes), key, algorithm="EdDSA")

    without_end = claims_of(service)
    del without_end["exp"]
    good = signed()
    head, body, signature = good.split(".")
    return {
        "nothing": "",
        "not a token": "x.y.z",
        "alg none": jwt.encode(claims_of(service), "", algorithm="none"),
        "HS256 with the public key": hs256_with(public_key),
        "another key": jwt.encode(claims_of(service), another, algorithm="EdDSA"),
        "expired": signed(iat=1, exp=int(time.time()) - 60),
        "without an end": jwt.encode(without_end, key, algorithm="EdDSA"),
        "for somebody else": signed(aud="internal"),
        "for another service": signed(aud=next(name for name in DOORS if name != service)),
        "from somebody else": signed(iss="identity"),
        "without a caller": signed(caller={}),
        "with an unknown role": signed(caller={**claims_of(service)["caller"], "role": "god"}),
        "that only says I am the gateway": sign_gateway(key),
        "without its signature": f"{head}.{body}.",
        "with another body": f"{head}.{body[:-4]}AAAA.{signature}",
    }


@pytest.mark.parametrize("service", DOORS)
async def test_a_service_believes_only_what_the_gateway_signed(
    studio: Studio, service: str
) -> None:
    address = studio.up.product.addresses[service]
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as web:
        for name, token in wrong_tokens(studio, service).items():
            headers = {"authorization": f"Bearer {token}".strip()}
            answer = await web.get(DOORS[service], headers=headers)
            assert answer.status_code == 401, name
        key = studio.environment("gateway")["GATEWAY_CALLER_SIGNING_KEY"]
        good = sign(make_caller(), key, service=service)
        answer = await web.get(DOORS[service], headers={"authorization": f"Bearer {good}"})
        assert answer.status_code != 401, "the control: a good token is believed"


@pytest.mark.parametrize("door", ["principals", "calls"])
async def test_a_callers_token_opens_no_internal_door(studio: Studio, door: str) -> None:
    key = studio.environment("gateway")["GATEWAY_CALLER_SIGNING_KEY"]
    token = sign(make_caller(), key, service="identity")
    async with httpx.AsyncClient(trust_env=False, timeout=20) as web:
        url = f"{studio.up.product.addresses['identity']}/internal/{door}"
        headers = {"authorization": f"Bearer {token}"}
        answer = await web.post(url, headers=headers, json={"session_token": "x"})
    assert answer.status_code == 401


async def test_a_caller_token_shown_to_the_gateway_is_nobody(studio: Studio) -> None:
    """Somebody who stole one inside cannot use it outside."""
    key = studio.environment("gateway")["GATEWAY_CALLER_SIGNING_KEY"]
    token = sign(make_caller(), key, service="identity")
    answer = await studio.call("GET", "/v1/members/me", {"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", INTERNAL)
async def test_no_spelling_leads_to_an_internal_door(studio: Studio, path: str) -> None:
    url = httpx.URL(studio.gateway).copy_with(raw_path=path.encode())
    answer = await studio.http.post(url, json={"session_token": "x"})
    assert answer.status_code in (400, 401, 404), answer.text
    assert "caller" not in answer.text
