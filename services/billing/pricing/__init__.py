"""What a project costs in a workspace, and what it may pay with."""
