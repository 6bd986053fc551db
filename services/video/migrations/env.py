"""Alembic's entry for the video service's database."""

from chassis import migrations
from services.video import tables

migrations.run(tables.OfferedImage.metadata)
