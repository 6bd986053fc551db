"""Affiliate's HTTP process: `uvicorn services.affiliate.app:create_app --factory`."""

from fastapi import FastAPI

from chassis import http, telemetry
from chassis.database import open_database
from services.affiliate.earnings import api as earnings
from services.affiliate.payouts import api as payouts
from services.affiliate.relationships import api as relationships
from services.affiliate.settings import Settings
from services.affiliate.worker import create_worker


def create_app(settings: Settings | None = None) -> FastAPI:
    if settings is None:
        settings = Settings()
        telemetry.start(settings)
    database = open_database(settings)
    return http.create_app(
        settings,
        database,
        [
            relationships.portal,
            relationships.administration,
            earnings.router,
            payouts.portal,
            payouts.administration,
        ],
        worker=create_worker(settings, database) if settings.worker_in_app else None,
    )
