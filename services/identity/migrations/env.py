"""Alembic's entry for identity."""

from chassis import migrations
from services.identity.tables import Base

migrations.run(Base.metadata)
