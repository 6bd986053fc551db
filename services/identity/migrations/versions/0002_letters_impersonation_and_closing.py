"""Mailed tokens for a change of address, fenced impersonation, closed workspaces."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "workspace",
        sa.Column("audit_length", sa.BigInteger(), server_default="0", nullable=False),
    )
    # FORCE row-level security binds the owner too: without this the update sees no row.
    op.execute("SELECT set_config('app.all_workspaces', 'on', true)")
    op.execute(
        "UPDATE workspace SET audit_length ="
        " (SELECT count(*) FROM audit_entry WHERE workspace_id = workspace.id)"
    )
    op.alter_column("workspace", "audit_length", server_default=None)
    op.add_column("workspace", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("user", sa.Column("language", sa.Text(), server_default="en", nullable=False))
    op.alter_column("user", "language", server_default=None)
    op.create_check_constraint("user_language", "user", "language IN ('en', 'nb')")
    add_impersonation()
    op.alter_column("invitation", "invited_by", nullable=True)
    op.drop_constraint("invitation_invited_by_fkey", "invitation")
    op.create_foreign_key(
        "invitation_invited_by_fkey",
        "invitation",
        "user",
        ["invited_by"],
        ["id"],
        ondelete="SET NULL",
    )
    op.drop_constraint("purpose", "verification")
    op.create_check_constraint(
        "purpose",
        "verification",
        "purpose IN ('verify_email', 'reset_password', 'change_email')",
    )
    # A mailed token is visible with its person; row-level security of "user" decides who that is.
    op.execute("DROP POLICY one_workspace ON verification")
    op.execute(
        "CREATE POLICY one_workspace ON verification USING"
        ' (EXISTS (SELECT FROM "user" WHERE "user".id = verification.user_id))'
    )


def add_impersonation() -> None:
    op.add_column("session", sa.Column("impersonator_session_id", sa.Uuid(), nullable=True))
    op.add_column("session", sa.Column("return_hash", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(
        "session_impersonation_limit",
        "session",
        "impersonated_by IS NULL OR expires_at <= created_at + interval '60 minutes'",
    )
    op.create_check_constraint(
        "session_return_is_hashed", "session", "octet_length(return_hash) = 32"
    )
