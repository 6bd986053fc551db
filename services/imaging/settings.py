"""What imaging reads from its environment."""

import json
from typing import Annotated, Any

from pydantic import SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Environment prefix IMAGING_."""

    model_config = SettingsConfigDict(env_prefix="IMAGING_", extra="ignore", frozen=True)

    service: str = "imaging"

    fal_key: SecretStr
    fal_queue_url: str = "https://queue.fal.run"
    fal_jwks_url: str = "https://rest.fal.ai/.well-known/jwks.json"
    fal_user_id: str | None = None
    """Our own fal account: fal signs other customers' webhooks with the same keys."""
    fal_media_hosts: Annotated[tuple[str, ...], NoDecode] = ("fal.media", "v3.fal.media")
    """Hosts results may come from; only `host:port` entries may be private or without TLS."""
    fal_model: str = "fal-ai/nano-banana-pro/edit"
    fal_cost_micro_usd: int = 150_000
    """What one picture at the resolution we ask for costs."""
    fal_media_lasts_seconds: int = 86_400
    webhook_base_url: str

    submit_timeout_seconds: float = 15.0
    unknown_grace_seconds: float = 60.0
    """How long a submission of unknown outcome may still announce itself by webhook."""
    ask_after_seconds: float = 60.0
    note_again_after_seconds: float = 60.0
    image_deadline_seconds: float = 600.0
    storing_grace_seconds: float = 240.0
    """Beyond the deadline, for a result the model has delivered already."""
    most_attempts: int = 5
    most_ambiguous_resubmissions: int = 1
    backoff_seconds: float = 2.0
    sweep_seconds: float = 5.0

    free_plan_projects: int = 3
    images_per_project: int = 20
    image_max_bytes: int = 25 * 1024 * 1024
    image_max_pixels: int = 50_000_000
    result_max_bytes: int = 60 * 1024 * 1024
    upload_lasts_seconds: int = 900
    upload_kept_seconds: int = 86_400
    url_lasts_seconds: int = 3600
    model_url_lasts_seconds: int = 3600
    retry_days: int = 30
    pictures_at_once: int = 2
    show_coming_soon: bool = False

    @field_validator("fal_media_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return tuple(json.loads(value))
        return tuple(host.strip() for host in value.split(",") if host.strip())
