"""The pretend Stripe account: its objects, its clock, and what it has to tell."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from local.vendors.control import StandIn
from local.vendors.store import Document, Store
from local.vendors.stripe.errors import StripeError

API_VERSION = "2026-10-28.endive"
CLOCK = "clock"


@dataclass(frozen=True)
class StripeSettings:
    """What the product and the stand-in must agree on; no webhook is sent without a URL."""

    api_key: str
    webhook_url: str | None
    webhook_secret: str


@dataclass(frozen=True)
class Cause:
    """The API request an event came from; empty when a person or time caused it."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass
class Account:
    """One merchant. Its methods run inside `store.transaction()`."""

    stand_in: StandIn
    settings: StripeSettings
    store: Store
    cause: Cause = Cause()
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> int:
        """Unix seconds, moved forward by `POST /_clock` so that nobody waits for an expiry."""
        clock = self.store.get(CLOCK, CLOCK) or {"ahead": 0}
        return int(time.time()) + int(clock["ahead"])

    def advance(self, seconds: int) -> None:
        ahead = (self.store.get(CLOCK, CLOCK) or {"ahead": 0})["ahead"]
        self.store.put(CLOCK, CLOCK, {"ahead": ahead + seconds})

    def save(self, document: Document) -> Document:
        self.store.put(document["object"], document["id"], document)
        return document

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Document:
        """The object; raises Stripe's 404 `resource_missing`."""
        found = self.store.get(kind, object_id)
        if found is None:
            raise StripeError.no_such(kind, object_id, param=param)
        return found

    def emit(self, event_type: str, document: Document, **previous: Any) -> None:
        """Something happened: keep the event as a snapshot and queue its delivery."""
        data: Document = {"object": public(document)}
        if previous:
            data["previous_attributes"] = previous
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1 if self.settings.webhook_url else 0,
            "request": {
                "id": self.cause.request_id,
                "idempotency_key": self.cause.idempotency_key,
            },
            "type": event_type,
        }
        self.save(event)
        if self.settings.webhook_url:
            delivery = {"event": event["id"], "attempt": 0, "due": 0.0, "since": time.time()}
            self.store.put("delivery", f"delivery_{event['id']}", delivery)
            self.told.set()


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def public(document: Document) -> Document:
    """The object as the wire shows it: fields of our own begin with an underscore."""
    return {name: value for name, value in document.items() if not name.startswith("_")}
