"""Looks for what nobody told us about: periodic work, once per period whatever the replicas."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import DateTime, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import ChassisTable, Database

log = structlog.get_logger()

Sweep = Callable[[], Awaitable[None]]


class SweepRow(ChassisTable):
    """When a sweep last began, so that replicas take turns."""

    __tablename__ = "sweep"

    name: Mapped[str] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class _Sweep:
    """Periodic work and how often it is due."""

    name: str
    seconds: float
    run: Sweep


class Sweeper:
    """Runs each sweep about every so many seconds, in one replica at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sweeps: list[_Sweep] = []

    def every(self, seconds: float, sweep: Sweep, *, name: str) -> None:
        self._sweeps.append(_Sweep(name, seconds, sweep))

    async def run(self) -> None:
        """Sweep until cancelled; a failing sweep is logged and tried again next time."""
        await asyncio.gather(*(self._repeat(sweep) for sweep in self._sweeps))

    async def _repeat(self, sweep: _Sweep) -> None:
        while True:
            # Jitter keeps replicas from asking at the same instant for ever.
            await asyncio.sleep(sweep.seconds * random.uniform(0.8, 1.2))  # noqa: S311
            try:
                if await self._my_turn(sweep):
                    await sweep.run()
            except Exception:
                log.exception("sweep.failed", sweep=sweep.name)

    async def _my_turn(self, sweep: _Sweep) -> bool:
        due = func.now() - timedelta(seconds=sweep.seconds * 0.7)
        claim = insert(SweepRow).values(name=sweep.name, began_at=func.now())
        claim = claim.on_conflict_do_update(
            index_elements=[SweepRow.name],
            set_={"began_at": func.now()},
            where=SweepRow.began_at < due,
        ).returning(SweepRow.name)  # type: ignore[assignment]
        async with self._database.across_workspaces() as session:
            return await session.scalar(claim) is not None
