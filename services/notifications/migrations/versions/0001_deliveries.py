"""Deliveries and suppressed addresses."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables()
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("language IN ('en', 'nb')", name="delivery_language"),
        sa.CheckConstraint(
            "status IN ('queued', 'sent', 'delivered', 'complained', 'bounced', 'suppressed',"
            " 'refused', 'expired')",
            name="delivery_status",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", "template"),
    )
    op.create_index(op.f("ix_delivery_workspace_id"), "delivery", ["workspace_id"], unique=False)
    op.create_index("delivery_recipient", "delivery", ["recipient"], unique=False)
    op.create_index("delivery_created", "delivery", ["created_at"], unique=False)
    op.create_table(
        "suppression",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("reason IN ('bounced', 'complained')", name="suppression_reason"),
        sa.PrimaryKeyConstraint("email"),
    )
    protect("delivery")
