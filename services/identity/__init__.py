"""People, workspaces, roles, plans and administration."""
