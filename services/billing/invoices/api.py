"""Doors: a workspace reads its invoices; administrators make, send and settle them."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.caller import CallerDep, SystemAdminDep
from chassis.database import Database, DatabaseDep, SystemScope
from chassis.errors import Forbidden, NotFound
from contracts.caller import Caller
from services.billing import errors
from services.billing.dependencies import (
    Cursor,
    FikenDep,
    Limit,
    SettingsDep,
    next_cursor,
    read_cursor,
    scope_of,
)
from services.billing.invoices import repository, rules, use_cases
from services.billing.invoices.schemas import (
    CreateInvoice,
    InvoicePage,
    InvoiceView,
    LinePage,
    LineView,
)
from services.billing.providers.base import VendorAway, VendorRefused
from services.billing.tables import Invoice

router = APIRouter(tags=["billing"])


@router.get("/v1/invoices")
async def list_invoices(
    caller: CallerDep, database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None
) -> InvoicePage:
    if not rules.may_view_invoices(caller):
        raise Forbidden
    async with database.transaction(caller) as session:
        rows = await repository.list_invoices(
            session, caller.workspace_id, limit=limit, before=read_cursor(cursor)
        )
    items = [InvoiceView.model_validate(row) for row in rows]
    return InvoicePage(items=items, next_cursor=next_cursor(rows, limit))


@router.get("/v1/invoices/{invoice_id}")
async def show_invoice(invoice_id: UUID, caller: CallerDep, database: DatabaseDep) -> InvoiceView:
    if not rules.may_view_invoices(caller):
        raise Forbidden
    async with database.transaction(caller) as session:
        invoice = await repository.get_invoice(session, caller.workspace_id, invoice_id)
        if invoice.status in ("draft", "sending"):
            raise NotFound
        return await _view(session, invoice)


@router.get("/v1/admin/billing/lines")
async def list_lines(
    administrator: SystemAdminDep,
    database: DatabaseDep,
    workspace_id: UUID | None = None,
    status: rules.LineStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LinePage:
    page: Any = {"status": status, "limit": limit, "before": read_cursor(cursor)}
    if workspace_id is None:
        async with database.across_workspaces() as session:
            rows = await repository.list_all_lines(session, **page)
    else:
        async with database.transaction(scope_of(administrator, workspace_id)) as session:
            rows = await repository.list_lines(session, workspace_id, **page)
    items = [LineView.model_validate(row) for row in rows]
    return LinePage(items=items, next_cursor=next_cursor(rows, limit))


@router.get("/v1/admin/invoices")
async def list_all_invoices(
    _: SystemAdminDep,
    database: DatabaseDep,
    status: rules.InvoiceStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> InvoicePage:
    async with database.across_workspaces() as session:
        rows = await repository.list_all_invoices(
            session, status=status, limit=limit, before=read_cursor(cursor)
        )
    items = [InvoiceView.model_validate(row) for row in rows]
    return InvoicePage(items=items, next_cursor=next_cursor(rows, limit))


@router.get("/v1/admin/invoices/{invoice_id}")
async def show_any_invoice(
    invoice_id: UUID, administrator: SystemAdminDep, database: DatabaseDep
) -> InvoiceView:
    scope = await _scope(database, administrator, invoice_id)
    async with database.transaction(scope) as session:
        invoice = await repository.get_invoice(session, scope.workspace_id, invoice_id)
        return await _view(session, invoice)


@router.post("/v1/admin/invoices", status_code=201)
async def draft_invoice(
    body: CreateInvoice, administrator: SystemAdminDep, database: DatabaseDep
) -> InvoiceView:
    async with database.transaction(scope_of(administrator, body.workspace_id)) as session:
        invoice = await use_cases.draft_invoice(
            session, body.workspace_id, body.line_ids, body.notes
        )
        return await _view(session, invoice)


@router.post("/v1/admin/invoices/{invoice_id}/send")
async def send_invoice(
    invoice_id: UUID,
    administrator: SystemAdminDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> InvoiceView:
    scope = await _scope(database, administrator, invoice_id)
    async with database.transaction(scope) as session:
        invoice = await use_cases.send_invoice(
            session, scope.workspace_id, invoice_id, settings.invoice_due_days
        )
        return await _view(session, invoice)


@router.post("/v1/admin/invoices/{invoice_id}/mark-paid")
async def mark_paid(
    invoice_id: UUID, administrator: SystemAdminDep, database: DatabaseDep
) -> InvoiceView:
    scope = await _scope(database, administrator, invoice_id)
    async with database.transaction(scope) as session:
        invoice = await use_cases.mark_paid(session, scope.workspace_id, invoice_id)
        return await _view(session, invoice)


@router.post("/v1/admin/invoices/{invoice_id}/sync")
async def sync_invoice(
    invoice_id: UUID, administrator: SystemAdminDep, database: DatabaseDep, fiken: FikenDep
) -> InvoiceView:
    scope = await _scope(database, administrator, invoice_id)
    try:
        await use_cases.sync_invoice(database, fiken, scope.workspace_id, invoice_id)
    except (VendorAway, VendorRefused) as error:
        raise errors.FikenAway from error
    async with database.transaction(scope) as session:
        invoice = await repository.get_invoice(session, scope.workspace_id, invoice_id)
        return await _view(session, invoice)


async def _scope(database: Database, administrator: Caller, invoice_id: UUID) -> SystemScope:
    async with database.across_workspaces() as session:
        workspace_id = await repository.workspace_of(session, invoice_id)
    return scope_of(administrator, workspace_id)


async def _view(session: AsyncSession, invoice: Invoice) -> InvoiceView:
    lines = await repository.list_lines_of(session, invoice.workspace_id, invoice.id)
    views = [LineView.model_validate(line) for line in lines]
    return InvoiceView.model_validate(invoice).model_copy(update={"lines": views})
