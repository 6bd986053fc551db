"""Tells the product what became of its mails: signed as Svix signs, repeated until answered."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import aiohttp

from local.vendors.control import StandIn
from local.vendors.resend.outbox import Outbox
from local.vendors.resend.settings import ResendSettings

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 24 * 3600
LONGEST_PAUSE_SECONDS = 30.0
IDLE_SECONDS = 1.0
ANSWER_WITHIN = aiohttp.ClientTimeout(total=10)


def sign(secret: str, message_id: str, at: int, body: str) -> str:
    """The `svix-signature` of a body; the secret is base64 behind `whsec_`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{at}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Deliveries:
    """Sends what is due, oldest first; all of it is on disk, so a restart continues."""

    def __init__(self, stand_in: StandIn, outbox: Outbox, settings: ResendSettings) -> None:
        self._stand_in = stand_in
        self._outbox = outbox
        self._store = outbox.store
        self._settings = settings

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with aiohttp.ClientSession(timeout=ANSWER_WITHIN) as client:
            while True:
                self._outbox.told.clear()
                try:
                    await self._deliver_due(client)
                except Exception:
                    # One broken delivery must not silence all later ones.
                    log.exception("resend stand-in: delivery failed")
                await self._pause()

    async def _pause(self) -> None:
        dues = [delivery["due"] for delivery in self._store.find("delivery")]
        seconds = min([IDLE_SECONDS, *(max(0.02, due - time.time()) for due in dues)])
        try:
            await asyncio.wait_for(self._outbox.told.wait(), seconds)
        except TimeoutError:
            return

    async def _deliver_due(self, client: aiohttp.ClientSession) -> None:
        waiting = self._store.find("delivery")
        due = [delivery for delivery in waiting if delivery["due"] <= time.time()]
        if len(due) > 1 and self._stand_in.faults.take("webhook", "reorder"):
            due[0], due[1] = due[1], due[0]
        for delivery in due:
            await self._deliver(client, delivery)

    async def _deliver(self, client: aiohttp.ClientSession, delivery: dict[str, Any]) -> None:
        fault = self._stand_in.faults.take(
            "webhook", "duplicate", "delay", "error", "timeout_before", "timeout_after", "corrupt"
        )
        kind = fault.kind if fault else None
        if fault is not None and kind == "delay":
            self._later(delivery, fault.seconds)
            return
        is_answered = False
        if kind not in ("error", "timeout_before"):
            is_answered = await self._post(client, delivery, is_forged=kind == "corrupt")
        if kind == "duplicate":
            await self._post(client, delivery)
        is_patient = time.time() - delivery["since"] < PATIENCE_SECONDS
        if (is_answered and kind != "timeout_after") or not is_patient:
            with self._store.transaction():
                self._store.delete(delivery["id"])
            return
        delivery["attempt"] += 1
        self._later(delivery, min(0.25 * 2 ** min(delivery["attempt"], 10), LONGEST_PAUSE_SECONDS))

    def _later(self, delivery: dict[str, Any], seconds: float) -> None:
        delivery["due"] = time.time() + seconds
        with self._store.transaction():
            self._store.put("delivery", delivery["id"], delivery)

    async def _post(
        self, client: aiohttp.ClientSession, delivery: dict[str, Any], is_forged: bool = False
    ) -> bool:
        body, at = json.dumps(delivery["event"], separators=(",", ":")), int(time.time())
        secret = "Zm9yZ2Vk" if is_forged else self._settings.webhook_secret
        headers = {
            "content-type": "application/json",
            "svix-id": delivery["id"],
            "svix-timestamp": str(at),
            "svix-signature": sign(secret, delivery["id"], at, body),
        }
        status: int | None = None
        try:
            url = self._settings.webhook_url or ""
            async with client.post(url, data=body, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("resend stand-in: webhook not delivered: %s", type(error).__name__)
        event = delivery["event"]
        with self._store.transaction():
            self._store.record(
                "webhook", email=event["data"]["email_id"], type=event["type"], status=status
            )
        return status is not None and 200 <= status < 300
