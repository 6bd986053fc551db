"""Doors: what the affiliate earned, on screen and as a statement."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chassis.caller import CallerDep
from chassis.database import Database, DatabaseDep
from chassis.errors import Forbidden
from contracts.caller import Caller
from services.affiliate.earnings import repository
from services.affiliate.earnings.schemas import EarningList, EarningView
from services.affiliate.relationships.rules import can_see_programme

router = APIRouter(prefix="/v1/affiliate", tags=["affiliate"])

STATEMENT_PAGE = 500


@router.get("/earnings")
async def list_earnings(
    caller: CallerDep,
    database: DatabaseDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: UUID | None = None,
) -> EarningList:
    if not can_see_programme(caller):
        raise Forbidden
    async with database.transaction(caller) as session:
        rows = await repository.list_earnings(
            session, caller.workspace_id, limit=limit + 1, before=cursor
        )
        totals = await repository.total_earnings(session, caller.workspace_id)
    items = [EarningView.model_validate(row) for row in rows[:limit]]
    more = len(rows) > limit
    return EarningList(items=items, totals=totals, next_cursor=str(items[-1].id) if more else None)


@router.get("/statement.csv", response_class=StreamingResponse)
async def read_statement(caller: CallerDep, database: DatabaseDep) -> StreamingResponse:
    if not can_see_programme(caller):
        raise Forbidden
    return StreamingResponse(
        _statement(caller, database),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="affiliate-statement.csv"'},
    )


async def _statement(caller: Caller, database: Database) -> AsyncIterator[str]:
    """Newest first, a page in memory at a time."""
    yield _csv([list(EarningView.model_fields)])
    before: UUID | None = None
    while True:
        async with database.transaction(caller) as session:
            rows = await repository.list_earnings(
                session, caller.workspace_id, limit=STATEMENT_PAGE, before=before
            )
        views = [EarningView.model_validate(row).model_dump(mode="json") for row in rows]
        yield _csv([list(view.values()) for view in views])
        if len(rows) < STATEMENT_PAGE:
            return
        before = rows[-1].id


def _csv(lines: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()
