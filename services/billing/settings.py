"""What billing reads from its environment, under BILLING_."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """An empty secret refuses to start: an unsigned webhook would be free money."""

    model_config = SettingsConfigDict(env_prefix="BILLING_", extra="ignore", frozen=True)

    service: str = "billing"

    stripe_api_key: SecretStr = Field(min_length=8)
    stripe_api_url: str = "https://api.stripe.com"
    stripe_webhook_secret: SecretStr = Field(min_length=8)
    stripe_timeout_seconds: float = Field(default=10.0, gt=0)
    checkout_minutes: int = Field(default=60, ge=31, le=24 * 60)
    """Stripe takes 30 minutes to 24 hours; one more leaves room for a late repetition."""

    fiken_url: str = "https://api.fiken.no/api/v2"
    fiken_token: SecretStr = Field(min_length=4)
    fiken_company: str = Field(min_length=1)
    fiken_timeout_seconds: float = Field(default=10.0, gt=0)
    fiken_request_seconds: float = Field(default=0.34, ge=0)
    """One request takes at least this long everywhere together: at most three a second."""
    fiken_sync_seconds: float = Field(default=300.0, gt=0)
    fiken_bank_account: str = "1920:10001"
    fiken_income_account: str = "3000"
    invoice_due_days: int = Field(default=14, ge=1)

    public_url: str = "http://localhost:8080"
    """Where a payer returns to when the request names no page of its own."""
    trial_free_payments: int = Field(default=3, ge=0)
    reconcile_seconds: float = Field(default=300.0, gt=0)
    reconcile_after_seconds: float = Field(default=120.0, ge=0)
    """A Checkout older than this is asked about; younger ones still expect their webhook."""
