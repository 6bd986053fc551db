"""Thirteen ways to stand before the gateway, and the two workspaces they act on."""

import asyncio
import secrets
from dataclasses import dataclass

from tests.security.belongings import ORGANIZATION_NUMBERS, Belongings, furnish
from tests.security.studio import Person, Studio

SCOPES = (
    *(f"{area}:read" for area in ("projects", "images", "videos", "payments", "invoices")),
    *(f"{area}:read" for area in ("affiliate", "workspace", "members")),
    *(f"{area}:write" for area in ("projects", "images", "videos", "payments")),
    *(f"{area}:write" for area in ("workspace", "members")),
)
PRINCIPALS = (
    "anonymous",
    "expired session",
    "forged cookie",
    "revoked key",
    "member",
    "admin",
    "owner",
    "suspended owner",
    "stranger",
    "read key",
    "write key",
    "system admin",
    "impersonating",
)
"""The stranger owns another workspace; the impersonating administrator acts as the owner."""

Headers = dict[str, str]


@dataclass
class Cast:
    """What each of them shows the gateway, and what belongs to whom."""

    studio: Studio
    people: dict[str, Person]
    headers: dict[str, Headers]
    ours: Belongings
    suspended: Belongings
    foreign: Belongings

    def belongings_of(self, principal: str) -> Belongings:
        """On whose things they act: everybody on ours, the suspended owner on their own."""
        return self.suspended if principal == "suspended owner" else self.ours

    async def renew(self, name: str) -> None:
        """A new session, after an operation that ended the person's own or all others."""
        if name in self.people:
            person = self.people[name]
            person.session = (await self.studio.sign_in(person)).session
            self.headers[name] = person.headers
        self.headers["impersonating"] = await impersonate(self.studio, self.people["owner"])


async def impersonate(studio: Studio, person: Person) -> Headers:
    path, body = f"/v1/admin/users/{person.member_id}/impersonation", {"reason": "a test"}
    answer = await studio.call("POST", path, await studio.administrator(), body)
    assert answer.status_code == 201, answer.text
    studio.secrets |= {answer.cookies["session"], answer.json()["return_token"]}
    return {"cookie": f"session={answer.cookies['session']}"}


async def gather_cast(studio: Studio) -> Cast:
    """Everybody signed up, everything made; the suspension comes last."""
    await studio.administrator()
    owners = [await studio.sign_up(name) for name in ("owner", "suspended", "stranger")]
    ours, suspended, foreign = await asyncio.gather(
        *(furnish(studio, *pair) for pair in zip(owners, ORGANIZATION_NUMBERS, strict=False))
    )
    people = {
        "owner": owners[0],
        "suspended owner": owners[1],
        "stranger": owners[2],
        "member": await studio.colleague(owners[0], "member"),
        "admin": await studio.colleague(owners[0], "admin"),
        "system admin": await studio.administrator(),
    }
    headers = {name: person.headers for name, person in people.items()}
    await _add_doubtful(studio, owners[0], headers)
    headers["impersonating"] = await impersonate(studio, owners[0])
    await studio.standing(owners[1].workspace_id, status="suspended", reason="a test")
    return Cast(studio, people, headers, ours, suspended, foreign)


async def _add_doubtful(studio: Studio, owner: Person, headers: dict[str, Headers]) -> None:
    headers["anonymous"] = {}
    expired = await studio.sign_in(owner)
    await studio.expire(expired)
    headers["expired session"] = expired.headers
    headers["forged cookie"] = {"cookie": f"session={secrets.token_urlsafe(32)}"}
    for access in ("read", "write"):
        scopes = [scope for scope in SCOPES if scope.endswith(access)]
        _, headers[f"{access} key"] = await studio.api_key(owner, scopes)
    revoked, headers["revoked key"] = await studio.api_key(owner, ["projects:read"])
    await studio.done("DELETE", f"/v1/api-keys/{revoked}", owner)
