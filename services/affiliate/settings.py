"""What affiliate reads from its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Prefix `AFFILIATE_`."""

    model_config = SettingsConfigDict(env_prefix="AFFILIATE_", extra="ignore", frozen=True)

    service: str = "affiliate"

    fact_wait_seconds: float = Field(default=2.0, ge=0, le=10)
    """How long a door waits for a fact about a workspace that is still on its way."""
