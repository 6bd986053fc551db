"""Puts the Stripe stand-in together: API, pay page, webhooks, doors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.store import Store
from local.vendors.stripe import (
    checkout,
    customers,
    disputes,
    doors,
    events,
    payments,
    refunds,
)
from local.vendors.stripe.account import Account, StripeSettings
from local.vendors.stripe.api import Api, Operation
from local.vendors.stripe.pay_page import PayPage
from local.vendors.stripe.webhooks import Deliveries

__all__ = ["StripeSettings", "create_app"]

OPERATIONS: list[tuple[str, str, str, Operation]] = [
    ("POST", "/customers", "customers.create", customers.create),
    ("GET", "/customers", "customers.list", customers.listed),
    ("GET", "/customers/{customer}", "customers.retrieve", customers.retrieve),
    ("POST", "/customers/{customer}", "customers.update", customers.update),
    ("DELETE", "/customers/{customer}", "customers.delete", customers.delete),
    (
        "GET",
        "/customers/{customer}/payment_methods",
        "customers.payment_methods.list",
        customers.list_methods,
    ),
    ("GET", "/payment_methods", "payment_methods.list", customers.list_methods),
    (
        "GET",
        "/payment_methods/{method}",
        "payment_methods.retrieve",
        customers.retrieve_method,
    ),
    (
        "POST",
        "/payment_methods/{method}/attach",
        "payment_methods.attach",
        customers.attach_method,
    ),
    (
        "POST",
        "/payment_methods/{method}/detach",
        "payment_methods.detach",
        customers.detach_method,
    ),
    ("POST", "/checkout/sessions", "checkout.sessions.create", checkout.create),
    ("GET", "/checkout/sessions", "checkout.sessions.list", checkout.listed),
    ("GET", "/checkout/sessions/{session}", "checkout.sessions.retrieve", checkout.retrieve),
    (
        "GET",
        "/checkout/sessions/{session}/line_items",
        "checkout.sessions.line_items.list",
        checkout.line_items,
    ),
    ("POST", "/checkout/sessions/{session}/expire", "checkout.sessions.expire", checkout.expire),
    ("POST", "/payment_intents", "payment_intents.create", payments.create),
    ("GET", "/payment_intents", "payment_intents.list", payments.listed),
    ("GET", "/payment_intents/{intent}", "payment_intents.retrieve", payments.retrieve),
    ("POST", "/payment_intents/{intent}/confirm", "payment_intents.confirm", payments.confirm),
    ("POST", "/payment_intents/{intent}/cancel", "payment_intents.cancel", payments.cancel),
    ("GET", "/charges", "charges.list", payments.list_charges),
    ("GET", "/charges/{charge}", "charges.retrieve", payments.retrieve_charge),
    ("POST", "/refunds", "refunds.create", refunds.create),
    ("GET", "/refunds", "refunds.list", refunds.listed),
    ("GET", "/refunds/{refund}", "refunds.retrieve", refunds.retrieve),
    ("GET", "/disputes", "disputes.list", disputes.listed),
    ("GET", "/disputes/{dispute}", "disputes.retrieve", disputes.retrieve),
    ("GET", "/events", "events.list", events.listed),
    ("GET", "/events/{event}", "events.retrieve", events.retrieve),
]


def create_app(stand_in: StandIn, settings: StripeSettings) -> Starlette:
    """The stand-in as an ASGI application; its lifespan must run, it delivers the webhooks."""
    store = Store(stand_in.state / "stripe.sqlite", stand_in.journal)
    account = Account(stand_in, settings, store)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(Deliveries(account).run())
        yield
        deliveries.cancel()
        with suppress(asyncio.CancelledError):
            await deliveries
        store.close()

    api = Api(account)
    operations = [
        Route(f"/v1{path}", api.endpoint(name, operation), methods=[method])
        for method, path, name, operation in OPERATIONS
    ]
    pages = PayPage(account).routes()
    return Starlette(
        routes=[*operations, *pages, *doors.routes(account), *stand_in.routes()],
        lifespan=lifespan,
    )
