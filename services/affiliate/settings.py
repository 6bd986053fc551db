"""What affiliate reads from its environment."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Prefix `AFFILIATE_`."""

    model_config = SettingsConfigDict(env_prefix="AFFILIATE_", extra="ignore", frozen=True)

    service: str = "affiliate"
