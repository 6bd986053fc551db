"""Doors: prices for the workspace, agreements for administrators."""

from uuid import UUID

from fastapi import APIRouter

from chassis.caller import CallerDep, SystemAdminDep
from chassis.database import DatabaseDep
from chassis.errors import Forbidden
from services.billing.dependencies import scope_of
from services.billing.pricing import rules, use_cases
from services.billing.pricing.schemas import (
    ChangeWorkspaceBilling,
    PricingView,
    WorkspaceBillingView,
)

router = APIRouter(tags=["billing"])


@router.get("/v1/pricing")
async def show_prices(caller: CallerDep, database: DatabaseDep) -> PricingView:
    if not rules.may_view_prices(caller):
        raise Forbidden
    async with database.transaction(caller) as session:
        return await use_cases.show_prices(session, caller.workspace_id)


@router.put("/v1/admin/billing/workspaces/{workspace_id}")
async def agree(
    workspace_id: UUID,
    body: ChangeWorkspaceBilling,
    administrator: SystemAdminDep,
    database: DatabaseDep,
) -> WorkspaceBillingView:
    async with database.transaction(scope_of(administrator, workspace_id)) as session:
        row = await use_cases.agree(session, workspace_id, administrator.member_id, body)
        return WorkspaceBillingView.model_validate(row)
