"""Identity's HTTP process: `uvicorn services.identity.app:create_app --factory`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from chassis import http, telemetry
from chassis.database import Database, open_database
from chassis.settings import StorageSettings
from chassis.storage import Storage
from services.identity.accounts import api as accounts
from services.identity.accounts.schemas import SignUp
from services.identity.accounts.use_cases.founding import ensure_system_admin
from services.identity.administration import api as administration
from services.identity.members import api as members
from services.identity.providers.logos import Logos
from services.identity.providers.openid import Providers
from services.identity.providers.passwords import Passwords
from services.identity.sessions import api as sessions
from services.identity.settings import Settings
from services.identity.worker import create_worker
from services.identity.workspaces import api as workspaces


def create_app(
    settings: Settings | None = None, storage_settings: StorageSettings | None = None
) -> FastAPI:
    if settings is None:
        settings = Settings()
        telemetry.start(settings)
    database = open_database(settings)
    passwords = Passwords(settings.password_threads)
    storage = Storage(storage_settings or StorageSettings())
    return http.create_app(
        settings,
        database,
        [
            accounts.router,
            sessions.sessions,
            sessions.api_keys,
            sessions.internal,
            workspaces.router,
            members.router,
            members.invitations,
            administration.router,
            administration.users,
            administration.own,
            administration.log,
            administration.internal,
        ],
        resources=[storage, first_administrator(settings, database, passwords)],
        worker=create_worker(settings, database, storage) if settings.worker_in_app else None,
        passwords=passwords,
        storage=storage,
        logos=Logos(max_pixels=settings.logo_max_pixels),
        providers=Providers(settings),
    )


@asynccontextmanager
async def first_administrator(
    settings: Settings, database: Database, passwords: Passwords
) -> AsyncIterator[None]:
    """At start: the system administrator the environment names, if any."""
    email, password = settings.bootstrap_admin_email, settings.bootstrap_admin_password
    if email is not None and password is not None:
        body = SignUp(name="System Administrator", email=email, password=password)
        await ensure_system_admin(database, passwords, body)
    yield
