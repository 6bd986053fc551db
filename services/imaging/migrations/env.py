"""Alembic's door into imaging's tables."""

from chassis.migrations import run
from services.imaging.tables import Base

run(Base.metadata)
