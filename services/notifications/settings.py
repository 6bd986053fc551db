"""What notifications reads from its environment."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Prefix `NOTIFICATIONS_`."""

    model_config = SettingsConfigDict(
        env_prefix="NOTIFICATIONS_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    service: str = "notifications"

    resend_api_key: SecretStr = Field(min_length=8)
    resend_url: str = "https://api.resend.com"
    resend_webhook_secret: SecretStr = Field(min_length=32)
    """`whsec_…`; with an empty one anybody could say which address bounces."""
    resend_timeout_seconds: int = Field(default=10, ge=1)

    public_url: str
    """Where browsers find the product: the links in mails lead there, whatever a request said."""
    sender: str = "AI Studio <no-reply@ai-studio.example>"
    kept_days: int = Field(default=90, ge=1)
    """How long we know which mail went to whom."""
