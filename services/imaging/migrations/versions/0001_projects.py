"""Projects, images and their versions, attempts, uploads and styles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import create_chassis_tables, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables()
    op.create_table(
        "project",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("style_template_id", sa.String(), nullable=False),
        sa.Column("room_type", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("image_count", sa.Integer(), nullable=False),
        sa.Column("completed_count", sa.Integer(), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.Column("thumbnail_key", sa.String(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed')",
            name=op.f("project_status_known"),
        ),
        sa.CheckConstraint(
            "image_count >= 0 AND completed_count >= 0 AND failed_count >= 0 AND completed_count + failed_count <= image_count",
            name=op.f("project_counts"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
    )
    op.create_index("project_member", "project", ["workspace_id", "member_id"], unique=False)
    op.create_table(
        "style_template",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "category IN ('staging', 'lighting', 'exterior', 'atmosphere')",
            name=op.f("style_template_category_known"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
    )
    op.create_index(
        "style_template_name",
        "style_template",
        ["workspace_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_table(
        "image_generation",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("root_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("room_type", sa.String(), nullable=True),
        sa.Column("original_key", sa.String(), nullable=False),
        sa.Column("original_sha256", sa.String(), nullable=False),
        sa.Column("original_size_bytes", sa.Integer(), nullable=False),
        sa.Column("original_width", sa.Integer(), nullable=False),
        sa.Column("original_height", sa.Integer(), nullable=False),
        sa.Column("style_template_id", sa.String(), nullable=True),
        sa.Column("prompt", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("result_key", sa.String(), nullable=True),
        sa.Column("result_sha256", sa.String(), nullable=True),
        sa.Column("result_size_bytes", sa.Integer(), nullable=True),
        sa.Column("result_width", sa.Integer(), nullable=True),
        sa.Column("result_height", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("fal_request_id", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'completed') = (result_key IS NOT NULL)",
            name=op.f("image_generation_result"),
        ),
        sa.CheckConstraint(
            "(status = 'failed') = (reason IS NOT NULL)", name=op.f("image_generation_reason")
        ),
        sa.CheckConstraint(
            "kind IN ('enhance', 'restyle', 'inpaint_remove', 'inpaint_add')",
            name=op.f("image_generation_kind_known"),
        ),
        sa.CheckConstraint(
            "status = 'pending' OR prompt IS NOT NULL", name=op.f("image_generation_prompt_kept")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed')",
            name=op.f("image_generation_status_known"),
        ),
        sa.CheckConstraint("cost_micro_usd >= 0", name=op.f("image_generation_cost")),
        sa.CheckConstraint(
            "version >= 1 AND (version = 1) = (parent_id IS NULL)",
            name=op.f("image_generation_first"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "parent_id"],
            ["image_generation.workspace_id", "image_generation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["project.workspace_id", "project.id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
    )
    op.create_index(
        "image_generation_open",
        "image_generation",
        ["deadline_at"],
        unique=False,
        postgresql_where=sa.text("status = 'processing'"),
    )
    op.create_index(
        "image_generation_project",
        "image_generation",
        ["workspace_id", "project_id", "position"],
        unique=False,
    )
    op.create_index(
        "image_generation_version",
        "image_generation",
        ["workspace_id", "root_id", "version"],
        unique=True,
    )
    op.create_table(
        "upload",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("room_type", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('open', 'checking', 'confirmed', 'refused', 'expired')",
            name=op.f("upload_status_known"),
        ),
        sa.CheckConstraint("size_bytes > 0", name=op.f("upload_size")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "project_id"],
            ["project.workspace_id", "project.id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
    )
    op.create_index("upload_image", "upload", ["workspace_id", "image_id"], unique=True)
    op.create_index("upload_project", "upload", ["workspace_id", "project_id"], unique=False)
    op.create_index(
        "upload_unerased",
        "upload",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("erased_at IS NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column(
            "outcome", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state <> 'submitted' OR request_id IS NOT NULL", name=op.f("attempt_request")
        ),
        sa.CheckConstraint(
            "state IN ('submitting', 'submitted', 'unknown', 'answered', 'succeeded', 'failed', 'refused', 'abandoned', 'cancelled', 'discarded')",
            name=op.f("attempt_state_known"),
        ),
        sa.CheckConstraint("cost_micro_usd >= 0", name=op.f("attempt_cost")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "version_id"],
            ["image_generation.workspace_id", "image_generation.id"],
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
    )
    op.create_index(
        "attempt_due",
        "attempt",
        ["changed_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitting', 'submitted', 'unknown', 'answered')"),
    )
    op.create_index("attempt_id", "attempt", ["id"], unique=True)
    op.create_index(
        "attempt_number", "attempt", ["workspace_id", "version_id", "number"], unique=True
    )
    op.create_index(
        "attempt_one_answered",
        "attempt",
        ["workspace_id", "version_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('answered', 'succeeded')"),
    )
    op.create_index(
        "attempt_one_open",
        "attempt",
        ["workspace_id", "version_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('submitting', 'submitted', 'unknown')"),
    )
    op.create_index("attempt_request", "attempt", ["request_id"], unique=True)
    protect("project", "image_generation", "attempt", "upload", "style_template")
