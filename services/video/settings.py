"""What the video service is told by its environment (prefix VIDEO_)."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The chassis' settings, the model's vendor, and how films are rendered."""

    model_config = SettingsConfigDict(env_prefix="VIDEO_", extra="ignore", frozen=True)

    service: str = "video"

    fal_key: SecretStr
    fal_queue_url: str = "https://queue.fal.run"
    fal_jwks_url: str = "https://rest.fal.ai/.well-known/jwks.json"
    fal_user_id: str | None = None
    """Our own account: fal signs other customers' webhooks with the same keys."""
    fal_media_hosts: Annotated[tuple[str, ...], NoDecode] = (
        "fal.media",
        "v3.fal.media",
        "v3b.fal.media",
    )
    """Where clips may be fetched from, comma-separated; one with a port is a local stand-in, which
    may speak plain HTTP from a private address."""
    fal_timeout_seconds: float = 20.0
    webhook_base_url: str
    """The gateway's public address."""

    max_clip_bytes: int = 200 * 1024 * 1024
    clip_deadline_seconds: float = 1800.0
    unknown_outcome_seconds: float = 600.0
    """How long we wait to be told about a submission whose answer was lost."""
    ask_after_seconds: float = Field(default=60.0, gt=0)
    """A request nobody told us about for so long is asked about, and again after as long."""
    note_again_after_seconds: float = Field(default=120.0, gt=0)
    """Work nobody did for so long is noted again: its note may be lost."""
    sweep_seconds: float = Field(default=10.0, gt=0)
    choice_deadline_days: int = 14
    most_cents_per_video: int = Field(default=5000, ge=0)
    """US cents the vendor may take for one video: a film of 20 long clips with sound and
    transitions is 3465, the rest is for changes, which cost the customer nothing more."""

    ffmpeg: str = "ffmpeg"
    scratch_dir: Path | None = None
    render_height: int = Field(default=1080, ge=90, le=1080, multiple_of=2)
    """Pixels of a film's short side."""
    render_threads: int = Field(default=2, ge=1)
    """Of the encoder: as many as the renderer has processors. Reading and scaling have threads
    of their own, so only the container's limit (or `taskset`) keeps a renderer to one."""
    render_deadline_seconds: float = 180.0
    """Of one run of FFmpeg."""
    render_unit_seconds: float = Field(default=300.0, gt=0)
    """The hard stop of one unit, all its runs and transfers together."""
    render_lease_seconds: float = 20.0
    """A renderer that does not renew its lease for so long is taken for dead."""
    renderer_port: int = Field(default=0, ge=0, le=65535)
    renderer_in_app: bool = True
    """With `worker_in_app`: render in this process too."""

    @field_validator("fal_media_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return tuple(host.strip() for host in value.split(",") if host.strip())
