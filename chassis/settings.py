"""What every service reads from its environment, once, under a prefix of its own."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Subclass with `model_config = SettingsConfigDict(env_prefix="IMAGING_")` and `service`."""

    # A missing variable would otherwise print all the others, secrets included.
    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    service: str
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)

    database_url: SecretStr
    """Of the runtime role: not the owner of the tables."""
    owner_database_url: SecretStr | None = None
    """Of the owner, for migrations only."""
    database_pool_size: int = 10
    statement_timeout_seconds: float = 15.0

    rabbitmq_url: SecretStr
    prefetch: int = Field(default=20, ge=1)
    graceful_stop_seconds: float = 20.0
    """Below the pod's terminationGracePeriodSeconds, or the broker cancels running handlers."""
    retry_delays_seconds: tuple[float, ...] = (1, 5, 30, 120, 600)

    fact_wait_seconds: float = Field(default=2.0, ge=0, le=10)
    """How long a door waits for another service's fact that may still be on its way."""

    caller_public_key: str
    """Ed25519, PEM: the other half of the gateway's signing key."""

    worker_in_app: bool = False
    """Run the consumers inside the HTTP process, as on a developer's machine."""

    log_level: str = "INFO"
    log_as_json: bool = True

    @field_validator("caller_public_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        if not isinstance(load_pem_public_key(value.encode()), Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")
        return value


class StorageSettings(BaseSettings):
    """Where media lie (S3 protocol). The public endpoint is the one browsers and vendors reach."""

    model_config = SettingsConfigDict(
        env_prefix="STORAGE_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    endpoint_url: str
    public_endpoint_url: str | None = None
    region: str = "us-east-1"
    bucket: str
    access_key: str
    secret_key: SecretStr
    timeout_seconds: float = 30.0
