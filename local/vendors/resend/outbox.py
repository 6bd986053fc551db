"""The account's mails on disk: each request is carried out once, and its events queued."""

import asyncio
import hashlib
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from local.vendors.control import StandIn
from local.vendors.resend.errors import ResendError
from local.vendors.resend.mail import Mail, bare_address, fate_of
from local.vendors.resend.settings import ResendSettings
from local.vendors.store import Store

IDEMPOTENCY_SECONDS = 24 * 3600
BOUNCE = {
    "type": "Permanent",
    "subType": "General",
    "message": "The recipient's mail server permanently rejected the email.",
    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
}


class Outbox:
    """Every mail, its fate, the idempotency keys used, and the events not yet delivered."""

    def __init__(self, stand_in: StandIn, settings: ResendSettings) -> None:
        self._stand_in = stand_in
        self._settings = settings
        self.store = Store(stand_in.state / "mails.sqlite", stand_in.journal)
        self.told = asyncio.Event()

    def send(self, mails: list[Mail], request: Any, key: str | None) -> list[str]:
        """Send once per key and return the mails' ids; raises when a key meets another request."""
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        earlier = self._earlier(key, digest)
        if earlier is not None:
            return earlier
        with self.store.transaction():
            ids = [self._keep(mail, key) for mail in mails]
            if key is not None:
                kept = {"digest": digest, "ids": ids, "at": time.time()}
                self.store.put("idempotency", _key_id(key), kept)
        self.told.set()
        return ids

    def _earlier(self, key: str | None, digest: str) -> list[str] | None:
        if key is None:
            return None
        if not 1 <= len(key) <= 256:
            message = "The idempotency key must be between 1-256 characters."
            raise ResendError("invalid_idempotency_key", message)
        kept = self.store.get("idempotency", _key_id(key))
        if kept is None or kept["at"] < time.time() - IDEMPOTENCY_SECONDS:
            return None
        if kept["digest"] != digest:
            message = "Same idempotency key used with a different request payload."
            raise ResendError("invalid_idempotent_request", message)
        ids: list[str] = kept["ids"]
        return ids

    def _keep(self, mail: Mail, key: str | None) -> str:
        mail_id = str(uuid.uuid4())
        created_at = datetime.now(UTC).isoformat()
        bounces = self._stand_in.faults.take("deliver", "error") is not None
        events = ["email.bounced"] if bounces else fate_of(mail)
        kept = {
            **mail,
            "object": "email",
            "id": mail_id,
            "message_id": f"<{mail_id}@resend.local>",
            "created_at": created_at,
            "last_event": events[-1].removeprefix("email."),
        }
        self.store.put("mail", mail_id, kept)
        self.store.record(
            "send",
            id=mail_id,
            to=mail["to"],
            subject=mail["subject"],
            tags={tag["name"]: tag.get("value", "") for tag in mail["tags"]},
            idempotency_key=key,
        )
        for number, event in enumerate(["email.sent", *events]):
            self._queue(event, kept, number)
        return mail_id

    def _queue(self, event: str, mail: Mail, number: int) -> None:
        if self._settings.webhook_url is None:
            return
        data: dict[str, Any] = {
            "created_at": mail["created_at"],
            "email_id": mail["id"],
            "message_id": mail["message_id"],
            "from": mail["from"],
            "to": mail["to"],
            "subject": mail["subject"],
            "tags": {tag["name"]: tag.get("value", "") for tag in mail["tags"]},
        }
        if event == "email.bounced":
            data["bounce"] = BOUNCE
        delivery_id = f"msg_{uuid.uuid4().hex}"
        delivery = {
            "id": delivery_id,
            "event": {"type": event, "created_at": datetime.now(UTC).isoformat(), "data": data},
            "due": time.time() + number * 0.01,
            "since": time.time(),
            "attempt": 0,
        }
        self.store.put("delivery", delivery_id, delivery)

    def mails(self, to: str | None = None) -> list[Mail]:
        """Every mail, oldest first; only those to this address when given."""
        wanted = bare_address(to) if to else None
        return [
            mail
            for mail in self.store.find("mail")
            if to is None or wanted in [bare_address(address) for address in mail["to"]]
        ]

    def mail(self, mail_id: str) -> Mail:
        """One mail; raises not_found."""
        mail = self.store.get("mail", mail_id)
        if mail is None:
            raise ResendError("not_found", "Email not found")
        return mail


def _key_id(key: str) -> str:
    return "key_" + hashlib.sha256(key.encode()).hexdigest()
