"""Alembic's entry: billing's tables and the chassis' own."""

from chassis import migrations
from services.billing.tables import Base

migrations.run(Base.metadata)
