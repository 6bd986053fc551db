"""Billing's HTTP process: `uvicorn services.billing.app:create_app --factory`."""

from fastapi import FastAPI

from chassis import http, telemetry
from chassis.database import open_database
from services.billing.invoices.api import router as invoices
from services.billing.payments.api import router as payments
from services.billing.pricing.api import router as pricing
from services.billing.providers.fiken import Fiken
from services.billing.providers.stripe import Stripe
from services.billing.settings import Settings
from services.billing.worker import create_worker


def create_app(settings: Settings | None = None) -> FastAPI:
    if settings is None:
        settings = Settings()
        telemetry.start(settings)
    database, stripe = open_database(settings), Stripe(settings)
    fiken = Fiken(settings, database.engine)
    worker = create_worker(settings, database, stripe, fiken) if settings.worker_in_app else None
    return http.create_app(
        settings,
        database,
        [pricing, payments, invoices],
        resources=[stripe.running(), fiken.running()],
        worker=worker,
        stripe=stripe,
        fiken=fiken,
    )
