"""A line of an issued invoice may be credited in shares, each for a reason of its own."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_unique_constraint("credit_note_once", "credit_note", ["line_id", "reason"])
    op.drop_constraint("credit_note_line_id_key", "credit_note", type_="unique")
