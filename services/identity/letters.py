"""What every letter begins with: to whom, in which language, and in whose look."""

from typing import Any

from contracts.identity import WorkspaceBranded
from contracts.private import Brand
from services.identity.tables import UserRow, WorkspaceRow


def brand_of(workspace: WorkspaceRow) -> Brand:
    """White label is for the enterprise plan: others keep what they chose, and our look."""
    if workspace.plan != "enterprise":
        return Brand(workspace_name=workspace.name)
    return Brand(
        workspace_name=workspace.name,
        logo_key=workspace.logo_key,
        primary_color=workspace.primary_color,
        secondary_color=workspace.secondary_color,
    )


def letter_to(user: UserRow, workspace: WorkspaceRow, **changes: Any) -> dict[str, Any]:
    """The fields that every `Letter` has; `changes` wins, e.g. `to=` the new address."""
    return {
        "workspace_id": workspace.id,
        "to": user.email,
        "name": user.name,
        "language": user.language,
        "brand": brand_of(workspace),
        **changes,
    }


def look_of(workspace: WorkspaceRow) -> WorkspaceBranded:
    """The fact that tells everybody how the workspace looks now, plan considered."""
    look = brand_of(workspace).model_dump(exclude={"workspace_name"})
    return WorkspaceBranded(workspace_id=workspace.id, **look)
