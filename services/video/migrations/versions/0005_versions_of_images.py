"""Every version of an image may become a clip; which one did is remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Which version was offered was not remembered; the newest that is heard of comes behind it.
    op.add_column(
        "offered_image",
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
    )
    op.alter_column("offered_image", "version", server_default=None)
    op.drop_constraint("offered_image_pkey", "offered_image", type_="primary")
    op.create_primary_key(
        "offered_image_pkey", "offered_image", ["workspace_id", "image_id", "version"]
    )
    for name in ("image_version", "end_image_version"):
        op.add_column("video_clip", sa.Column(name, sa.Integer(), nullable=True))
