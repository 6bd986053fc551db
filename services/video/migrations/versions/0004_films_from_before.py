"""What a finished film was made of, while it is being changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("video_project", sa.Column("former", postgresql.JSONB(), nullable=True))
