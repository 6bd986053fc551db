"""Signing in with Google or Microsoft: OpenID Connect by Authlib, code flow with PKCE.

The browser keeps one secret, the attempt; state, nonce and code verifier are derived from it. So
nothing is stored here, and a code that another browser was given is of no use.
"""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.identity.errors import ProviderNotConfigured, ProviderRefused, ProviderUnavailable
from services.identity.settings import Settings

ProviderName = Literal["google", "microsoft"]

ALGORITHMS = ["RS256", "ES256", "PS256"]
LEEWAY_SECONDS = 60
KEPT_SECONDS = 3600.0
SCOPE = "openid email profile"


@dataclass(frozen=True)
class Proof:
    """Who the provider says it is; the address is null unless the provider verified it."""

    subject: str
    name: str
    email: str | None


def derived(attempt: str, purpose: str) -> str:
    """State, nonce or verifier of an attempt: 43 characters nobody can guess without it."""
    digest = hmac.new(attempt.encode(), purpose.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Provider:
    """One OpenID provider; its metadata and keys are fetched when first needed."""

    def __init__(
        self, name: ProviderName, issuer: str, client_id: str, secret: str, settings: Settings
    ) -> None:
        self.name = name
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = secret
        self._timeout = settings.provider_timeout_seconds
        self._redirect = f"{settings.public_url.rstrip('/')}/oauth/{name}"
        self._metadata: dict[str, Any] = {}
        self._keys = KeySet([])
        self._fetched_at = float("-inf")

    async def authorization_url(self, attempt: str) -> str:
        """Where to send the browser; raises ProviderUnavailable."""
        metadata = await self._load()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=derived(attempt, "state"),
                nonce=derived(attempt, "nonce"),
                code_verifier=derived(attempt, "verifier"),
            )
        return str(url)

    async def prove(self, attempt: str, state: str, code: str) -> Proof:
        """Exchange the code, verify the ID token; raises ProviderRefused, ProviderUnavailable."""
        if not hmac.compare_digest(state.encode(), derived(attempt, "state").encode()):
            raise ProviderRefused
        metadata = await self._load()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    code=code,
                    code_verifier=derived(attempt, "verifier"),
                )
        except httpx2.HTTPError as error:
            raise ProviderUnavailable from error
        except AuthlibBaseError as error:
            raise ProviderRefused from error
        return self._proof_of(await self._claims(token, derived(attempt, "nonce")))

    async def _claims(self, token: dict[str, Any], nonce: str) -> CodeIDToken:
        try:
            try:
                read = jwt.decode(token["id_token"], self._keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                # Providers change keys: look once more before saying no.
                await self._load(anew=True)
                read = jwt.decode(token["id_token"], self._keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"values": [self._issuer_of(read.claims)]},
                    "aud": {"value": self._client_id},
                },
                {
                    "nonce": nonce,
                    "client_id": self._client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError, KeyError, ValueError, TypeError) as error:
            raise ProviderRefused from error
        return claims

    def _issuer_of(self, claims: dict[str, Any]) -> str:
        # Microsoft's common endpoint announces a template; each tenant signs with its own name.
        announced = str(self._metadata["issuer"])
        return announced.replace("{tenantid}", str(claims.get("tid", "")))

    def _proof_of(self, claims: CodeIDToken) -> Proof:
        # Google says email_verified; Microsoft says xms_edov, and anything else is a mere claim.
        verified = claims.get("email_verified") is True or claims.get("xms_edov") in (True, "1", 1)
        email = claims.get("email") if verified else None
        name = str(claims.get("name") or "").strip()[:100]
        return Proof(str(claims["sub"]), name, str(email) if email else None)

    async def _load(self, *, anew: bool = False) -> dict[str, Any]:
        if anew or time.monotonic() - self._fetched_at > KEPT_SECONDS:
            try:
                async with httpx2.AsyncClient(timeout=self._timeout, trust_env=False) as client:
                    self._metadata = await _json(
                        client, f"{self._issuer}/.well-known/openid-configuration"
                    )
                    keys = await _json(client, self._metadata["jwks_uri"])
                self._keys = KeySet.import_key_set(keys)
            except (httpx2.HTTPError, ValueError, KeyError, JoseError) as error:
                raise ProviderUnavailable from error
            self._fetched_at = time.monotonic()
        return self._metadata

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._client_id,
            self._secret,
            scope=SCOPE,
            redirect_uri=self._redirect,
            code_challenge_method="S256",
            timeout=self._timeout,
            trust_env=False,
        )


async def _json(client: httpx2.AsyncClient, url: str) -> Any:
    answer = await client.get(url)
    answer.raise_for_status()
    return answer.json()


class Providers:
    """Those the settings name; the others do not exist."""

    def __init__(self, settings: Settings) -> None:
        self._by_name: dict[str, Provider] = {}
        configured: tuple[tuple[ProviderName, Any, Any, str], ...] = (
            (
                "google",
                settings.google_client_id,
                settings.google_client_secret,
                settings.google_issuer,
            ),
            (
                "microsoft",
                settings.microsoft_client_id,
                settings.microsoft_client_secret,
                settings.microsoft_issuer,
            ),
        )
        for name, client_id, secret, issuer in configured:
            if client_id and secret:
                key = secret.get_secret_value()
                self._by_name[name] = Provider(name, issuer, client_id, key, settings)

    @property
    def names(self) -> list[str]:
        return sorted(self._by_name)

    def get(self, name: str) -> Provider:
        """Raises ProviderNotConfigured."""
        if name not in self._by_name:
            raise ProviderNotConfigured
        return self._by_name[name]
