"""Alembic's entry for notifications."""

from chassis import migrations
from services.notifications.tables import Base

migrations.run(Base.metadata)
