"""The HTTP process: `uvicorn services.video.app:create_app --factory`."""

from fastapi import FastAPI

from chassis import http, telemetry
from chassis.database import open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from services.video.clips.api import router as clips
from services.video.generation.api import router as webhooks
from services.video.music.api import router as music
from services.video.providers.signature import WebhookVerifier
from services.video.settings import Settings
from services.video.videos.api import router as videos
from services.video.worker import create_worker, prepared


def create_app(
    settings: Settings | None = None, storage_settings: StorageSettings | None = None
) -> FastAPI:
    if settings is None:
        settings = Settings()
        telemetry.start(settings)
    database = open_database(settings)
    storage = Storage(storage_settings or StorageSettings())
    worker = None
    if settings.worker_in_app:
        worker = create_worker(settings, database, storage, renders=settings.renderer_in_app)
    beside = [prepared(settings, database, storage)] if worker is not None else []
    return http.create_app(
        settings,
        database,
        [clips, videos, music, webhooks],
        resources=[storage, *beside],
        worker=worker,
        storage=storage,
        verifier=WebhookVerifier(settings.fal_jwks_url, settings.fal_user_id),
    )
