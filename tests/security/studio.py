"""The running product as an attacker sees it, and the few looks inside that a test needs."""

import asyncio
import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import asyncpg
import httpx

from local.product import ADMINISTRATOR
from local.up import Running
from tests.chaos.world import program
from tests.support.openid import OpenIdProvider

PLENTY = 1_000_000
SIGN_INS_PER_ACCOUNT = 40
PLENTY_FOR_ALL = json.dumps(dict.fromkeys(("free", "pro", "enterprise"), PLENTY))
LIMITS_LIFTED = {
    # Everybody calls from one address here; tests/gateway shows that the limits hold.
    "GATEWAY_CALLS_PER_MINUTE": PLENTY_FOR_ALL,
    "GATEWAY_GENERATIONS_PER_HOUR": PLENTY_FOR_ALL,
    "GATEWAY_UPLOADS_PER_DAY": PLENTY_FOR_ALL,
    "GATEWAY_ANONYMOUS_CALLS_PER_MINUTE": str(PLENTY),
    "GATEWAY_UNKNOWN_CREDENTIALS_PER_MINUTE": str(PLENTY),
    "GATEWAY_SIGN_INS_PER_ADDRESS": str(PLENTY),
    "GATEWAY_SIGN_INS_PER_ACCOUNT": str(SIGN_INS_PER_ACCOUNT),
}
# Many ids here are wrong on purpose; `Studio.done` waits for the facts of those that are not.
HARDLY_WAITING = {
    f"{service}_FACT_WAIT_SECONDS": "0.2" for service in ("AFFILIATE", "BILLING", "VIDEO")
}
FACT_SECONDS = 10.0
TIMEOUT_SECONDS = 20.0
MAIL_SECONDS = 30.0
REVOKED_SECONDS = 1.0
LINK = re.compile(r"[#?&]token=([A-Za-z0-9_-]{20,})")


@dataclass
class Person:
    """Somebody who signed up: what they know, and their browser's session."""

    email: str
    password: str
    session: str = ""
    member_id: str = ""
    workspace_id: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"cookie": f"session={self.session}"}


@dataclass
class Studio:
    """One gateway, its mailbox, and its databases seen by their owners."""

    up: Running
    log: Path
    http: httpx.AsyncClient
    openid: OpenIdProvider
    secrets: set[str] = field(default_factory=set)
    """Everything that must never appear in a log."""
    _administrator: Person | None = None

    @property
    def gateway(self) -> str:
        return self.up.product.addresses["gateway"]

    @classmethod
    def of(cls, up: Running, log: Path, openid: OpenIdProvider) -> Self:
        address = up.product.addresses["gateway"]
        http = httpx.AsyncClient(
            base_url=address,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            # Below the server's five seconds: what is closed as we write on it is no finding.
            limits=httpx.Limits(keepalive_expiry=2),
        )
        # What one answer sets must not be sent with somebody else's next request.
        http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return cls(up, log, http, openid)

    async def call(
        self, method: str, path: str, who: Person | dict[str, str] | None = None, json: Any = None
    ) -> httpx.Response:
        headers = who.headers if isinstance(who, Person) else (who or {})
        return await self.http.request(method, path, headers=headers, json=json)

    async def done(
        self, method: str, path: str, who: Person | dict[str, str] | None = None, json: Any = None
    ) -> Any:
        """The answer's content; anything but a success fails the test."""
        give_up_at = time.monotonic() + FACT_SECONDS
        answer = await self.call(method, path, who, json)
        while answer.status_code == 404 and time.monotonic() < give_up_at:
            # The fact that makes it known there may still be on its way.
            await asyncio.sleep(0.1)
            answer = await self.call(method, path, who, json)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    async def sign_up(self, name: str = "somebody", **fields: Any) -> Person:
        email = fields.get("email", f"{name}-{uuid4().hex[:10]}@ai-studio.example")
        person = Person(email, f"canary-{uuid4().hex}")
        self.secrets.add(person.password)
        body = {"name": name, "email": email, "password": person.password, **fields}
        return self._entered(person, await self.call("POST", "/v1/auth/sign-up", json=body))

    async def sign_in(self, person: Person) -> Person:
        """The same person in one more browser."""
        known = Person(person.email, person.password)
        body = {"email": person.email, "password": person.password}
        return self._entered(known, await self.call("POST", "/v1/auth/sign-in", json=body))

    def _entered(self, person: Person, answer: httpx.Response) -> Person:
        assert answer.is_success, answer.text
        person.session = answer.cookies["session"]
        self.secrets.add(person.session)
        person.member_id = answer.json()["member"]["id"]
        person.workspace_id = answer.json()["workspace"]["id"]
        return person

    async def administrator(self) -> Person:
        """The system administrator; one session serves every test."""
        if self._administrator is None:
            password = self.up.product.administrator_password
            self.secrets.add(password)
            self._administrator = await self.sign_in(Person(ADMINISTRATOR, password))
        return self._administrator

    async def colleague(self, owner: Person, role: str) -> Person:
        """Somebody new in the owner's workspace, by an invitation that came by mail."""
        email = f"{role}-{uuid4().hex[:10]}@ai-studio.example"
        await self.done("POST", "/v1/invitations", owner, {"email": email, "role": role})
        return await self.sign_up(role, email=email, invitation_token=await self.mailed(email))

    async def mailed(self, email: str, count: int = 1) -> str:
        """The secret of the link in the newest of at least `count` mails with a link."""
        token = (await self._links(email, count))[-1]
        self.secrets.add(token)
        return token

    async def _links(self, email: str, count: int) -> list[str]:
        box = f"{self.up.product.addresses['resend']}/_mailbox"
        async with (
            httpx.AsyncClient(trust_env=False) as web,
            asyncio.timeout(MAIL_SECONDS),
        ):
            while True:
                mails = (await web.get(box, params={"to": email})).json()
                found = [token[1] for mail in mails if (token := LINK.search(mail["text"] or ""))]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.05)

    async def verify_mailbox(self, person: Person) -> None:
        token = await self.mailed(person.email)
        await self.done("POST", "/v1/auth/email/verify", json={"token": token})

    async def api_key(self, owner: Person, scopes: list[str]) -> tuple[str, dict[str, str]]:
        """The key's id, and the headers that show it."""
        body = {"name": "a key", "scopes": scopes}
        made = await self.done("POST", "/v1/api-keys", owner, body)
        self.secrets.add(made["key"])
        return made["id"], {"authorization": f"Bearer {made['key']}"}

    async def standing(self, workspace_id: str, **change: Any) -> None:
        """What a system administrator decides about a workspace: plan, status, reason."""
        path = f"/v1/admin/workspaces/{workspace_id}"
        await self.done("PATCH", path, await self.administrator(), change)

    async def sql(self, service: str, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Across workspaces, as the owner of the service's tables."""
        url = self.up.product.databases[service].owner_url.replace("+asyncpg", "")
        connection = await asyncpg.connect(
            url, timeout=TIMEOUT_SECONDS, server_settings={"app.all_workspaces": "on"}
        )
        try:
            return list(await connection.fetch(statement, *values, timeout=TIMEOUT_SECONDS))
        finally:
            await connection.close(timeout=TIMEOUT_SECONDS)

    async def until_out(self, person: Person) -> None:
        """Their session has ended: the gateway hears of it within a second."""
        async with asyncio.timeout(REVOKED_SECONDS):
            while (await self.call("GET", "/v1/members/me", person)).status_code != 401:
                await asyncio.sleep(0.02)

    async def expire(self, person: Person) -> None:
        """As if their session had not been used for a week."""
        digest = hashlib.sha256(person.session.encode()).digest()
        await self.sql(
            "identity", "UPDATE session SET expires_at = now() WHERE token_hash = $1", digest
        )

    def environment(self, name: str) -> dict[str, str]:
        return program(self.up, name)
