"""Who is calling: the claims the gateway signs and every service verifies."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.event import Actor

Role = Literal["owner", "admin", "member"]
Plan = Literal["free", "pro", "enterprise"]
WorkspaceStatus = Literal["active", "trial", "suspended"]


class Caller(BaseModel):
    """One authenticated principal inside one workspace, valid for a minute."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    member_id: UUID
    workspace_id: UUID
    role: Role
    plan: Plan = "free"
    workspace_status: WorkspaceStatus = "active"
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    scopes: frozenset[str] | None = None
    """An API key's scopes; None means everything the role may do."""
    is_system_admin: bool = False
    impersonator_id: UUID | None = None

    @property
    def actor(self) -> Actor:
        if self.impersonator_id is not None:
            return Actor(kind="administrator", id=self.impersonator_id, on_behalf_of=self.member_id)
        if self.api_key_id is not None:
            return Actor(kind="api_key", id=self.api_key_id, on_behalf_of=self.member_id)
        return Actor(kind="member", id=self.member_id)
