"""What the gateway reads from its environment (prefix GATEWAY_)."""

import re
from typing import Self

from jwt.exceptions import InvalidKeyError
from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis import caller as caller_token
from contracts.caller import Plan

ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")


class Settings(BaseSettings):
    """Addresses of the services, the signing key, and every bound the gateway keeps."""

    # A missing variable would otherwise print all the others, the signing key among them.
    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    service: str = "gateway"
    host: str = "127.0.0.1"
    port: int = 8000

    identity_url: str
    imaging_url: str
    video_url: str
    billing_url: str
    affiliate_url: str
    notifications_url: str

    rabbitmq_url: SecretStr
    caller_signing_key: SecretStr
    """Ed25519 private key, PEM; every service holds the public half."""

    secure_cookies: bool = True
    """False only on plain http, as for identity: the cookie is then called `session`."""
    allowed_origins: tuple[str, ...] = ()
    """Browser origins that may call with cookies, exactly as the browser sends them."""

    max_json_bytes: int = 1024 * 1024
    max_path_bytes: int = 2048
    max_query_bytes: int = 8192
    body_timeout_seconds: float = 20.0
    """How long the next piece of a request body may take."""
    connect_timeout_seconds: float = 2.0
    read_timeout_seconds: float = 30.0
    max_connections_per_service: int = 250
    breaker_failures: int = 5
    breaker_open_seconds: float = 2.0

    session_cache_seconds: float = 30.0
    session_cache_seconds_when_deaf: float = 1.0
    """While the broker is away no revocation reaches us."""
    session_cache_size: int = 50_000

    calls_per_minute: dict[Plan, int] = {"free": 100, "pro": 300, "enterprise": 600}
    """Of one member or API key owner, by the plan of the workspace."""
    generations_per_hour: dict[Plan, int] = {"free": 10, "pro": 100, "enterprise": 300}
    """Of one member; a workspace on trial has those of the free plan, here and for uploads."""
    uploads_per_day: dict[Plan, int] = {"free": 50, "pro": 1000, "enterprise": 5000}
    """Of one member, since a project of the workspace was last paid for."""
    anonymous_calls_per_minute: int = 60
    """Of one address on the routes that need nobody signed in."""
    unknown_credentials_per_minute: int = 120
    """Of one address: wrong or expired credentials shown before identity is asked no more."""
    sign_ins_per_account: int = 10
    sign_ins_per_address: int = 100
    sign_in_window_minutes: int = 15
    limits_storage_url: str = "async+windows://"
    """`async+valkey://…` when there are replicas."""

    streams_per_workspace: int = 100

    log_level: str = "INFO"
    log_as_json: bool = True

    @field_validator("caller_signing_key")
    @classmethod
    def _key_signs(cls, value: SecretStr) -> SecretStr:
        try:
            caller_token.sign_gateway(value.get_secret_value())
        except (InvalidKeyError, AttributeError, TypeError, ValueError):
            raise ValueError("not an Ed25519 private key in PEM") from None
        return value

    @model_validator(mode="after")
    def _origins_are_exact(self) -> Self:
        for origin in self.allowed_origins:
            if ORIGIN.fullmatch(origin) is None:
                raise ValueError(f"not an origin as browsers send it: {origin}")
        return self
