"""What crosses HTTP about sessions, API keys and principals."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from chassis.bodies import Body
from contracts.caller import Caller
from services.identity.sessions.rules import SCOPE_PATTERN
from services.identity.workspaces.schemas import Moment, Name

Scope = Annotated[str, StringConstraints(pattern=SCOPE_PATTERN)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SessionView(BaseModel):
    """One signed-in browser of the caller."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    impersonated_by: UUID | None
    """The administrator who looks at the product as the caller, for a while."""
    current: bool = False


class SessionList(BaseModel):
    """All of them: a person has few."""

    items: list[SessionView]
    next_cursor: None = None


class CreateApiKey(Body):
    """A name to recognise it by, what it may do, and for how long."""

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=20)
    expires_at: Moment | None = None


class ApiKeyView(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    member_id: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class CreatedApiKey(ApiKeyView):
    """The only answer that ever shows the key."""

    key: str


class ApiKeyList(BaseModel):
    """One page of keys."""

    items: list[ApiKeyView]
    next_cursor: str | None = None


class AskPrincipal(Body):
    """What the gateway was shown: exactly one of the two."""

    session_token: Secret | None = None
    api_key: Secret | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.session_token is None) == (self.api_key is None):
            raise ValueError("give a session_token or an api_key")
        return self


class Principal(BaseModel):
    """Who it is; null expiry means until revoked."""

    caller: Caller
    expires_at: datetime | None
