"""Imaging's HTTP process: uvicorn services.imaging.app:create_app --factory."""

from fastapi import FastAPI

from chassis import http, telemetry
from chassis.database import open_database
from chassis.settings import StorageSettings
from services.imaging.attempts import api as attempts
from services.imaging.images import api as images
from services.imaging.projects import api as projects
from services.imaging.providers.webhooks import WebhookKeys
from services.imaging.settings import Settings
from services.imaging.styles import api as styles
from services.imaging.uploads import api as uploads
from services.imaging.worker import Outside, create_worker


def create_app(
    settings: Settings | None = None, storage_settings: StorageSettings | None = None
) -> FastAPI:
    if settings is None:
        settings = Settings()
        telemetry.start(settings)
    database = open_database(settings)
    outside = Outside.of(settings, storage_settings or StorageSettings())
    keys = WebhookKeys(settings.fal_jwks_url, settings.fal_user_id)
    worker = create_worker(settings, database, outside) if settings.worker_in_app else None
    return http.create_app(
        settings,
        database,
        [projects.router, uploads.router, images.router, styles.router, attempts.router],
        resources=[*outside.resources(), keys],
        worker=worker,
        storage=outside.storage,
        pictures=outside.pictures,
        webhook_keys=keys,
    )
