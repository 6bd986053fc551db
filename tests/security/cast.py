"""Eighteen ways to stand before the gateway, and the workspaces they act on."""

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
    "banned",
    "removed member",
    "member",
    "admin",
    "owner",
    "unverified owner",
    "suspended owner",
    "stranger",
    "stranger's admin",
    "stranger's member",
    "read key",
    "write key",
    "system admin",
    "impersonating",
)
"""The stranger owns another workspace; the impersonating administrator acts as the owner."""
NOBODY = PRINCIPALS[:6]
STRANGERS = tuple(name for name in PRINCIPALS if name.startswith("stranger"))

OWNERS = ("owner", "unverified owner", "suspended owner", "stranger")

Headers = dict[str, str]


@dataclass
class Cast:
    """What each of them shows the gateway, and what belongs to whom."""

    studio: Studio
    people: dict[str, Person]
    headers: dict[str, Headers]
    ours: Belongings
    unverified: Belongings
    suspended: Belongings
    foreign: Belongings

    def belongings_of(self, principal: str) -> Belongings:
        """On whose things they act: everybody on ours, two owners on their own."""
        own = {"unverified owner": self.unverified, "suspended owner": self.suspended}
        return own.get(principal, self.ours)

    def hidden_from(self, principal: str) -> set[str]:
        """The ids of what belongs to others."""
        at_home = self.foreign if principal in STRANGERS else self.belongings_of(principal)
        everything = (self.ours, self.unverified, self.suspended, self.foreign)
        others = [things for things in everything if things is not at_home]
        return {thing for things in others for thing in things.ids.values()}

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
    owners = [await studio.sign_up(name.replace(" ", "-")) for name in OWNERS]
    ours, unverified, suspended, foreign = await asyncio.gather(
        *(furnish(studio, *pair) for pair in zip(owners, ORGANIZATION_NUMBERS, strict=False))
    )
    people = dict(zip(OWNERS, owners, strict=True))
    for name in ("owner", "suspended owner", "stranger"):
        await studio.verify_mailbox(people[name])
    for role in ("member", "admin"):
        people[role] = await studio.colleague(people["owner"], role)
        people[f"stranger's {role}"] = await studio.colleague(people["stranger"], role)
    people["system admin"] = await studio.administrator()
    headers = {name: person.headers for name, person in people.items()}
    await _add_doubtful(studio, people["owner"], headers)
    await _add_gone(studio, people["owner"], headers)
    headers["impersonating"] = await impersonate(studio, people["owner"])
    workspace = people["suspended owner"].workspace_id
    await studio.standing(workspace, status="suspended", reason="a test")
    return Cast(studio, people, headers, ours, unverified, suspended, foreign)


async def _add_gone(studio: Studio, owner: Person, headers: dict[str, Headers]) -> None:
    """Their sessions were good until somebody decided otherwise."""
    banned, removed = [await studio.colleague(owner, "admin") for _ in range(2)]
    ban = f"/v1/admin/users/{banned.member_id}/ban"
    await studio.done("PUT", ban, await studio.administrator(), {"reason": "a test"})
    await studio.done("DELETE", f"/v1/members/{removed.member_id}", owner)
    headers |= {"banned": banned.headers, "removed member": removed.headers}


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
