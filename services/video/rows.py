"""What the service's tables have in common."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import Text
from uuid_utils.compat import uuid7


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class Base(DeclarativeBase):
    """The service's tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        str: Text,
    }


class Row:
    """What every row has."""

    # Times set by the database come back with the UPDATE, not by a later, lazy SELECT.
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    workspace_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Leased:
    """What every unit of rendering has: its state and who works on it until when."""

    status: Mapped[str] = mapped_column(default="pending")
    tries: Mapped[int] = mapped_column(default=0)
    lease_id: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    failure_reason: Mapped[str | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


def of_video() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["workspace_id", "video_id"], ["video_project.workspace_id", "video_project.id"]
    )
