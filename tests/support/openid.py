"""A small OpenID provider: discovery, keys, codes bound to PKCE, signed ID tokens."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Grant:
    """A code, what the browser asked for, and what the ID token will say."""

    challenge: str
    redirect_uri: str
    claims: dict[str, Any]


@dataclass
class OpenIdProvider:
    """Signs in whoever a test says; `changes` forges claims of the next ID tokens."""

    address: str
    issuer: str = ""
    """What its metadata announces; its address unless a test says otherwise."""
    client_id: str = "studio"
    client_secret: str = "openid-secret"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    published: list[RSAKey] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.published = [self.key]
        self.issuer = self.issuer or self.address
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/keys", self.keys),
                Route("/token", self.token, methods=["POST"]),
            ]
        )

    def rotate(self) -> None:
        """A new key signs from now on; the old one is no longer published."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})
        self.published = [self.key]

    def consent(self, authorization_url: str, **claims: Any) -> dict[str, str]:
        """The person agreed: what the redirect back carries."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(authorization_url).query).items()}
        assert asked["client_id"] == self.client_id
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(
            asked["code_challenge"], asked["redirect_uri"], {"nonce": asked["nonce"], **claims}
        )
        return {"code": code, "state": asked["state"]}

    async def metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
            }
        )

    async def keys(self, _: Request) -> Response:
        return JSONResponse(KeySet(list(self.published)).as_dict(private=False))

    async def token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        grant = self.grants.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if (
            grant is None
            or shown != grant.challenge
            or form.get("redirect_uri") != grant.redirect_uri
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {
            "iss": self.address,
            "aud": self.client_id,
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            **grant.claims,
            **self.changes,
        }
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})
