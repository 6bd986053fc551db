"""Billing's second process: its reactions, its relay and its sweeps."""

from datetime import timedelta
from functools import partial

from chassis import telemetry
from chassis import worker as process
from chassis.consumers import Consumers
from chassis.database import Database, open_database
from chassis.worker import Worker
from services.billing.invoices import consumers as invoices
from services.billing.invoices import use_cases as invoice_cases
from services.billing.payments import consumers as payments
from services.billing.payments import use_cases as payment_cases
from services.billing.pricing import consumers as pricing
from services.billing.providers.fiken import Fiken
from services.billing.providers.stripe import Stripe
from services.billing.settings import Settings

NIGHTLY_SECONDS = 24 * 3600
RECENT = timedelta(hours=1)
STRIPE_GIVES_UP_AFTER = timedelta(days=4)
"""Stripe repeats a webhook for three days; one day more leaves nothing out."""


def create_worker(settings: Settings, database: Database, stripe: Stripe, fiken: Fiken) -> Worker:
    consumers = Consumers("billing")
    consumers.include(pricing.consumers, payments.consumers, invoices.consumers)
    worker = Worker(settings, database, consumers, stripe=stripe, fiken=fiken)
    _sweep(worker, settings, stripe, fiken)
    return worker


def _sweep(worker: Worker, settings: Settings, stripe: Stripe, fiken: Fiken) -> None:
    database, sweeper, often = worker.database, worker.sweeper, settings.reconcile_seconds
    older = timedelta(seconds=settings.reconcile_after_seconds)

    async def sync_open() -> None:
        await invoice_cases.sync_open(database, fiken)

    async def reconcile_pages() -> None:
        await payment_cases.reconcile_pages(database, stripe, older)

    async def catch_up(look_back: timedelta) -> None:
        await payment_cases.catch_up_events(database, stripe, look_back)

    async def repeat_notes() -> None:
        await payment_cases.repeat_notes(database)
        await invoice_cases.repeat_notes(database)

    sweeper.every(settings.fiken_sync_seconds, sync_open, name="billing.sync_open")
    sweeper.every(often, reconcile_pages, name="billing.reconcile_pages")
    sweeper.every(often, partial(catch_up, RECENT), name="billing.catch_up_events")
    nightly = partial(catch_up, STRIPE_GIVES_UP_AFTER)
    sweeper.every(NIGHTLY_SECONDS, nightly, name="billing.catch_up_events_nightly")
    sweeper.every(often, repeat_notes, name="billing.repeat_notes")


def main() -> None:
    settings = Settings()
    telemetry.start(settings)
    database, stripe = open_database(settings), Stripe(settings)
    fiken = Fiken(settings, database.engine)
    worker = create_worker(settings, database, stripe, fiken)
    process.run(worker, stripe.running(), fiken.running())


if __name__ == "__main__":
    main()
