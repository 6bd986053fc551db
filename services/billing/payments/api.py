"""Doors: pay and look at payments; Stripe's webhook."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request

from chassis.caller import CallerDep, SystemAdminDep
from chassis.database import Database, DatabaseDep, Scope
from chassis.errors import Forbidden, NotFound
from chassis.patience import until_known
from services.billing.dependencies import (
    Cursor,
    Limit,
    SettingsDep,
    StripeDep,
    next_cursor,
    read_cursor,
    scope_of,
)
from services.billing.errors import NotStripe
from services.billing.payments import repository, rules, use_cases
from services.billing.payments.schemas import CreatePayment, GrantFree, PaymentPage, PaymentView
from services.billing.payments.use_cases.checkout import Wish
from services.billing.providers.stripe import BadSignature, Stripe
from services.billing.settings import Settings
from services.billing.tables import Billable, ProjectPayment

router = APIRouter(tags=["billing"])


@router.post("/v1/payments", status_code=201)
async def create_payment(
    body: CreatePayment,
    caller: CallerDep,
    database: DatabaseDep,
    stripe: StripeDep,
    settings: SettingsDep,
) -> PaymentView:
    billable = await _billable(database, caller, body, settings)
    async with database.transaction(caller) as session:
        allowance = settings.trial_free_payments
        payment = await use_cases.create_payment(session, caller, billable, body.method, allowance)
    view = PaymentView.model_validate(payment)
    wish = _wish(settings, body, billable, payment)
    return await _with_page(database, stripe, payment, view, wish)


@router.get("/v1/payments")
async def list_payments(
    caller: CallerDep, database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None
) -> PaymentPage:
    if not rules.may_view_billing(caller):
        raise Forbidden
    async with database.transaction(caller) as session:
        rows = await repository.list_payments(
            session, caller.workspace_id, limit=limit, before=read_cursor(cursor)
        )
    items = [PaymentView.model_validate(row) for row in rows]
    return PaymentPage(items=items, next_cursor=next_cursor(rows, limit))


@router.get("/v1/payments/{payment_id}")
async def show_payment(payment_id: UUID, caller: CallerDep, database: DatabaseDep) -> PaymentView:
    async with database.transaction(caller) as session:
        payment = await repository.get_payment(session, caller.workspace_id, payment_id)
    if not rules.may_view_payment(caller, payment.member_id):
        raise Forbidden
    return PaymentView.model_validate(payment)


@router.post("/v1/admin/billing/grants", status_code=201)
async def grant_free(
    body: GrantFree, administrator: SystemAdminDep, database: DatabaseDep, settings: SettingsDep
) -> PaymentView:
    scope = scope_of(administrator, body.workspace_id)
    billable = await _billable(database, scope, body, settings)
    async with database.transaction(scope) as session:
        payment = await use_cases.grant_free(
            session, billable, administrator.member_id, body.reason.strip()
        )
    return PaymentView.model_validate(payment)


@router.post("/webhooks/stripe")
async def receive_stripe(
    request: Request, database: DatabaseDep, stripe: StripeDep
) -> dict[str, bool]:
    try:
        seen = stripe.read_event(await request.body(), request.headers.get("stripe-signature"))
    except BadSignature as error:
        raise NotStripe from error
    async with database.across_workspaces() as session:
        is_new = await use_cases.store_event(session, seen, expects_live=stripe.is_live)
    return {"received": True, "new": is_new}


async def _billable(
    database: Database, scope: Scope, body: CreatePayment | GrantFree, settings: Settings
) -> Billable:
    async def find() -> Billable:
        async with database.transaction(scope) as session:
            return await use_cases.get_billable(
                session, scope.workspace_id, body.billable_kind, body.billable_id
            )

    return await until_known(find, settings.fact_wait_seconds, NotFound)


def _wish(
    settings: Settings, body: CreatePayment, billable: Billable, payment: ProjectPayment
) -> Wish:
    page = f"{settings.public_url.rstrip('/')}/payments/{payment.id}"
    kind = "Photo project" if body.billable_kind == "photo_project" else "Tour video"
    return Wish(
        product=f"{kind}: {billable.name}"[:200],
        success_url=body.success_url or page,
        cancel_url=body.cancel_url or page,
        open_for=timedelta(minutes=settings.checkout_minutes),
    )


async def _with_page(
    database: Database, stripe: Stripe, payment: ProjectPayment, view: PaymentView, wish: Wish
) -> PaymentView:
    if payment.method != "stripe":
        return view
    url = await use_cases.open_page(database, stripe, payment, wish)
    return view.model_copy(update={"checkout_url": url})
