"""Notifications' HTTP process: `uvicorn services.notifications.app:create_app --factory`."""

from fastapi import FastAPI

from chassis import http, telemetry
from chassis.database import open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from services.notifications.mails import api as mails
from services.notifications.mails.use_cases import Post
from services.notifications.providers.resend import Resend
from services.notifications.settings import Settings
from services.notifications.worker import create_worker


def create_app(
    settings: Settings | None = None, storage_settings: StorageSettings | None = None
) -> FastAPI:
    if settings is None:
        settings = Settings()
        telemetry.start(settings)
    database = open_database(settings)
    storage = Storage(storage_settings or StorageSettings())
    post = Post(Resend(settings), storage, settings)
    return http.create_app(
        settings,
        database,
        [mails.router, mails.webhook],
        resources=[storage],
        worker=create_worker(settings, database, post) if settings.worker_in_app else None,
        post=post,
    )
