"""Alembic's entry for affiliate."""

from chassis import migrations
from services.affiliate.tables import Base

migrations.run(Base.metadata)
