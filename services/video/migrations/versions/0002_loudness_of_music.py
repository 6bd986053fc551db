"""How loud each track of the catalogue is over time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "music_track",
        sa.Column(
            "loudness_curve", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False
        ),
    )
