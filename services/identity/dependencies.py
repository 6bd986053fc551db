"""What the doors of identity hand to their use cases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.storage import Storage
from contracts.event import Actor
from services.identity.providers.logos import Logos
from services.identity.providers.openid import Providers
from services.identity.providers.passwords import Passwords
from services.identity.sessions.rules import ABSOLUTE_LIFETIME
from services.identity.settings import Settings

MAX_AGENT_LENGTH = 400
MAX_ADDRESS_LENGTH = 64


@dataclass(frozen=True)
class Origin:
    """Where a request came from, as far as we can tell."""

    ip_address: str | None
    user_agent: str | None


async def get_origin(request: Request) -> Origin:
    # The gateway replaces what the client claims in this header.
    address = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    agent = request.headers.get("user-agent", "")
    return Origin(address[:MAX_ADDRESS_LENGTH] or None, agent[:MAX_AGENT_LENGTH] or None)


@asynccontextmanager
async def acting(database: Database, actor: Actor) -> AsyncIterator[AsyncSession]:
    """Across workspaces, signed by who acts: administrators, and who moves between workspaces."""
    async with database.across_workspaces() as session:
        session.info["actor"] = actor
        yield session


async def show_once(response: Response) -> None:
    """The answer holds a secret: whoever keeps answers, for a repeat or in a cache, must not."""
    response.headers["cache-control"] = "no-store"


ShownOnce = Depends(show_once)


async def get_passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def get_logos(request: Request) -> Logos:
    logos: Logos = request.app.state.logos
    return logos


async def get_providers(request: Request) -> Providers:
    providers: Providers = request.app.state.providers
    return providers


@dataclass(frozen=True)
class SessionCookie:
    """Sets and deletes the browser's session cookie."""

    secure: bool

    @property
    def name(self) -> str:
        return "__Host-session" if self.secure else "session"

    def set(self, response: Response, token: str) -> None:
        # The longest a session can live: the server decides earlier, the browser need not know.
        age = int(ABSOLUTE_LIFETIME.total_seconds())
        response.set_cookie(
            self.name,
            token,
            max_age=age,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def delete(self, response: Response) -> None:
        response.delete_cookie(
            self.name, path="/", secure=self.secure, httponly=True, samesite="lax"
        )


@dataclass(frozen=True)
class Entrance:
    """Who stands at the door, the cookie to hand out, and whether signing up opens it."""

    origin: Origin
    cookie: SessionCookie
    sign_up_signs_in: bool


SettingsDep = Annotated[Settings, Depends(get_settings)]
OriginDep = Annotated[Origin, Depends(get_origin)]


async def get_session_cookie(settings: SettingsDep) -> SessionCookie:
    return SessionCookie(secure=settings.secure_cookies)


SessionCookieDep = Annotated[SessionCookie, Depends(get_session_cookie)]


async def get_entrance(
    origin: OriginDep, cookie: SessionCookieDep, settings: SettingsDep
) -> Entrance:
    return Entrance(origin, cookie, settings.sign_up_signs_in)


EntranceDep = Annotated[Entrance, Depends(get_entrance)]
PasswordsDep = Annotated[Passwords, Depends(get_passwords)]
StorageDep = Annotated[Storage, Depends(get_storage)]
LogosDep = Annotated[Logos, Depends(get_logos)]
ProvidersDep = Annotated[Providers, Depends(get_providers)]
