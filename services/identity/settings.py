"""What identity reads from its environment."""

from pydantic import EmailStr, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.identity.sessions.rules import KeyKind


class Settings(ServiceSettings):
    """Prefix `IDENTITY_`."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore", frozen=True)

    service: str = "identity"

    secure_cookies: bool = True
    """False only on plain http: the cookie then loses `__Host-` and Secure."""

    bootstrap_admin_email: EmailStr | None = None
    bootstrap_admin_password: SecretStr | None = Field(default=None, min_length=8, max_length=128)
    """With the address: a system administrator made at start when the address is free."""

    password_threads: int = Field(default=2, ge=1)
    """Passwords hashed at once; each takes about 20 ms of a core and 19 MiB."""

    trial_days: int = Field(default=14, ge=1)
    """How long a trial lasts that an administrator starts."""

    api_key_kind: KeyKind = "live"
    """`sandbox` where the vendors are stand-ins: each kind of key opens its own place only."""

    sign_up_signs_in: bool = False
    """True only where anybody may learn who has an account: a taken address is then refused. Else
    sign-up always answers 202, and the new person signs in after reading their mail."""

    public_url: str = "http://localhost:8080"
    """Where browsers find the product: providers send people back there."""
    google_client_id: str | None = None
    google_client_secret: SecretStr | None = None
    google_issuer: str = "https://accounts.google.com"
    microsoft_client_id: str | None = None
    microsoft_client_secret: SecretStr | None = None
    microsoft_issuer: str = "https://login.microsoftonline.com/common/v2.0"
    provider_timeout_seconds: float = Field(default=10.0, gt=0)

    logo_max_bytes: int = Field(default=2 * 1024 * 1024, ge=1)
    logo_max_pixels: int = Field(default=16_000_000, ge=1)
    logo_upload_seconds: int = Field(default=900, ge=1)
    invitation_days: int = Field(default=7, ge=1)
