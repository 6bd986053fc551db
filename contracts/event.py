"""What every fact carries, whoever publishes it."""

from datetime import UTC, datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from uuid_utils.compat import uuid7


class Actor(BaseModel):
    """Who made it happen; an administrator who impersonates acts on behalf of a member."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["system", "member", "api_key", "administrator"]
    id: UUID | None = None
    on_behalf_of: UUID | None = None


SYSTEM = Actor(kind="system")


class Event(BaseModel):
    """A fact a service has already committed: past tense, immutable, versioned."""

    # Readers ignore fields they do not know, so publishers may add some.
    model_config = ConfigDict(frozen=True, extra="ignore")

    routing_key: ClassVar[str]

    event_id: UUID = Field(default_factory=uuid7, description="UUIDv7; the CloudEvents id.")
    occurred_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    workspace_id: UUID
    actor: Actor = SYSTEM


class PrivateEvent(Event):
    """A service's note to itself or a secret for one reader: never in the partner log."""
