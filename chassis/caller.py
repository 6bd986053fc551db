"""The caller token: the gateway signs it for one service (EdDSA, 60 s), which verifies it."""

import time
from typing import Annotated, Any

import jwt
from fastapi import Depends, Request
from pydantic import ValidationError

from chassis.errors import Forbidden, Unauthenticated
from chassis.settings import ServiceSettings
from contracts.caller import Caller

ALGORITHM = "EdDSA"
ISSUER = "gateway"
INTERNAL = "internal"
LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5


def sign(caller: Caller, private_key: str, *, service: str) -> str:
    """A token for one minute and one service; `private_key` is Ed25519 in PEM."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": service,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "caller": caller.model_dump(mode="json", exclude_none=True),
    }
    return jwt.encode(claims, private_key, algorithm=ALGORITHM)


def verify(token: str, settings: ServiceSettings) -> Caller:
    """The caller the token names to this service; raises Unauthenticated."""
    try:
        return Caller.model_validate(_claims(token, settings, settings.service)["caller"])
    except (jwt.InvalidTokenError, ValidationError, KeyError) as error:
        raise Unauthenticated from error


def _claims(token: str, settings: ServiceSettings, audience: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        settings.caller_public_key,
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=audience,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iat", "iss", "aud"]},
    )


def sign_gateway(private_key: str) -> str:
    """A token that says only "I am the gateway", for the internal doors of identity."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": INTERNAL, "iat": now, "exp": now + LIFETIME_SECONDS}
    return jwt.encode(claims, private_key, algorithm=ALGORITHM)


def bearer_token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    return token


async def get_caller(request: Request) -> Caller:
    token = bearer_token(request.headers.get("authorization"))
    return verify(token, request.app.state.settings)


CallerDep = Annotated[Caller, Depends(get_caller)]


async def get_system_admin(caller: CallerDep) -> Caller:
    if not caller.is_system_admin or caller.impersonator_id is not None:
        raise Forbidden("Only a system administrator may do this")
    return caller


SystemAdminDep = Annotated[Caller, Depends(get_system_admin)]


async def require_gateway(request: Request) -> None:
    """For internal doors: only the gateway itself may enter."""
    token = bearer_token(request.headers.get("authorization"))
    try:
        _claims(token, request.app.state.settings, INTERNAL)
    except jwt.InvalidTokenError as error:
        raise Unauthenticated from error
