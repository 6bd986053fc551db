"""Branded films, previews, the film a video has while another is made, and told progress."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import protect

revision = "0003"
down_revision = "0002"

TEXT = sa.Text()


def upgrade() -> None:
    op.create_table(
        "brand",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("card_key", TEXT, nullable=True),
        sa.Column("card_sha256", TEXT, nullable=True),
        sa.Column("branded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    protect("brand")
    change_videos()
    op.drop_constraint("part_known", "segment", type_="check")
    op.create_check_constraint(
        "part_known", "segment", "part IN ('clip', 'photo', 'transition', 'card', 'seam')"
    )
    op.add_column("compilation", sa.Column("preview_key", TEXT, nullable=True))
    op.add_column(
        "output",
        sa.Column("is_branded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_unique_constraint(
        "output_once", "output", ["workspace_id", "compilation_id", "aspect_ratio", "is_branded"]
    )
    op.drop_constraint(
        "output_workspace_id_compilation_id_aspect_ratio_key", "output", type_="unique"
    )


def change_videos() -> None:
    op.add_column(
        "video_project",
        sa.Column(
            "brandings",
            postgresql.ARRAY(TEXT),
            server_default=sa.text("'{unbranded}'"),
            nullable=False,
        ),
    )
    op.create_check_constraint(
        "brandings_known",
        "video_project",
        "cardinality(brandings) BETWEEN 1 AND 2 AND brandings <@ ARRAY['unbranded','branded']",
    )
    op.add_column("video_project", sa.Column("film_id", sa.Uuid(), nullable=True))
    op.add_column("video_project", sa.Column("told_progress", TEXT, nullable=True))
    when = sa.DateTime(timezone=True)
    op.add_column("video_project", sa.Column("erased_at", when, nullable=True))
    # Row-level security is forced on the owner too.
    op.execute("SELECT set_config('app.all_workspaces', 'on', true)")
    op.execute("UPDATE video_project SET film_id = compilation_id WHERE status = 'completed'")
    op.execute("SELECT set_config('app.all_workspaces', 'off', true)")
