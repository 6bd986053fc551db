"""Signed deliveries: repeated with growing delay until the product answers 2xx."""

import asyncio
import hashlib
import hmac
import json
import logging
import time

import httpx

from local.vendors.faults import Fault, Kind
from local.vendors.store import Document
from local.vendors.stripe import expiry
from local.vendors.stripe.account import Account

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 3 * 24 * 3600
LONGEST_PAUSE_SECONDS = 30.0
ANSWER_WITHIN_SECONDS = 10.0
IDLE_SECONDS = 1.0
AT_DELIVERY: tuple[Kind, ...] = (
    "duplicate",
    "error",
    "corrupt",
    "timeout_before",
    "timeout_after",
)


def sign(secret: str, body: bytes, at: int) -> str:
    """The `Stripe-Signature` header: HMAC-SHA256 of `<t>.<body>`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Deliveries:
    """Sends what is due, oldest first; all of it is on disk, so a restart continues."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def run(self) -> None:
        """Deliver, and let Checkout sessions expire, until cancelled."""
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_SECONDS) as client:
            while True:
                self._account.told.clear()
                try:
                    with self._account.store.transaction():
                        expiry.expire_due(self._account)
                    await self._deliver_due(client)
                except Exception:
                    # One broken delivery must not silence all later ones.
                    log.exception("stripe stand-in: delivery failed")
                await self._pause()

    async def _pause(self) -> None:
        dues = [d["due"] for d in self._account.store.find("delivery")]
        seconds = min([IDLE_SECONDS, *(max(0.02, due - time.time()) for due in dues)])
        try:
            await asyncio.wait_for(self._account.told.wait(), seconds)
        except TimeoutError:
            return

    async def _deliver_due(self, client: httpx.AsyncClient) -> None:
        for delivery in self._account.store.find("delivery"):
            if delivery["due"] <= time.time() and not self._postponed(delivery):
                await self._deliver(client, delivery)

    def _postponed(self, delivery: Document) -> bool:
        """Whether a fault puts this one later: after its successor, or by some seconds."""
        if delivery.get("was_postponed"):
            return False
        fault = self._account.stand_in.faults.take("webhook", "delay", "reorder")
        if fault is None:
            return False
        delivery.update(
            due=time.time() + fault.seconds,
            was_postponed=True,
            after_next=fault.kind == "reorder",
        )
        self._save(delivery)
        return True

    async def _deliver(self, client: httpx.AsyncClient, delivery: Document) -> None:
        fault = self._account.stand_in.faults.take("webhook", *AT_DELIVERY)
        if fault and fault.kind == "timeout_before":
            self._end(delivery, status=None, lost=True)
            return
        status = None
        if not (fault and fault.kind == "error"):
            status = await self._post(client, delivery, fault)
        if fault and fault.kind == "duplicate":
            await self._post(client, delivery, None)
        answered = status is not None and 200 <= status < 300
        if answered and not (fault and fault.kind == "timeout_after"):
            self._end(delivery, status=status)
        else:
            self._try_later(delivery)
        self._release_reordered(delivery)

    async def _post(
        self, client: httpx.AsyncClient, delivery: Document, fault: Fault | None
    ) -> int | None:
        event = self._account.store.get("event", delivery["event"]) or {}
        body = json.dumps(event, separators=(",", ":")).encode()
        secret = self._account.settings.webhook_secret
        forged = fault is not None and fault.kind == "corrupt"
        signature = sign("forged" if forged else secret, body, int(time.time()))
        headers = {"content-type": "application/json", "stripe-signature": signature}
        status: int | None = None
        try:
            url = self._account.settings.webhook_url or ""
            status = (await client.post(url, content=body, headers=headers)).status_code
        except httpx.HTTPError as error:
            log.info("stripe stand-in: webhook not delivered: %s", type(error).__name__)
        with self._account.store.transaction():
            self._account.store.record(
                "webhook", event=event["id"], type=event["type"], status=status, forged=forged
            )
        return status

    def _end(self, delivery: Document, *, status: int | None, lost: bool = False) -> None:
        with self._account.store.transaction():
            event = self._account.get("event", delivery["event"])
            event["pending_webhooks"] = 0
            self._account.save(event)
            self._account.store.delete(f"delivery_{event['id']}")
            if lost:
                self._account.store.record("webhook.lost", event=event["id"], type=event["type"])

    def _try_later(self, delivery: Document) -> None:
        delivery["attempt"] += 1
        pause = min(0.5 * 2 ** min(delivery["attempt"], 10), LONGEST_PAUSE_SECONDS)
        delivery["due"] = time.time() + pause
        if time.time() - delivery["since"] > PATIENCE_SECONDS:
            self._end(delivery, status=None, lost=True)
            return
        self._save(delivery)

    def _release_reordered(self, sent: Document) -> None:
        for delivery in self._account.store.find("delivery", after_next=True):
            if delivery["event"] != sent["event"]:
                delivery.update(due=0.0, after_next=False)
                self._save(delivery)

    def _save(self, delivery: Document) -> None:
        with self._account.store.transaction():
            self._account.store.put("delivery", f"delivery_{delivery['event']}", delivery)
