"""Stripe through its own client: Checkout, refunds, disputes, events. Amounts in minor units."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import stripe

from services.billing.providers.base import AnswerKept, VendorAway, VendorRefused
from services.billing.settings import Settings

T = TypeVar("T")
TOLERANCE_SECONDS = 300
NETWORK_RETRIES = 1
PAGE = 100
FAILED_INTENT = ("requires_payment_method", "canceled")


@dataclass(frozen=True)
class SessionSeen:
    """A Checkout session as Stripe shows it now; ids from its metadata, None when not ours."""

    id: str
    status: str
    is_paid: bool
    has_failed: bool
    """The payer finished, and the bank said no later."""
    amount: int
    currency: str
    payment_intent_id: str | None
    customer_id: str | None
    reference: str | None
    payment_id: UUID | None
    workspace_id: UUID | None
    billable_id: UUID | None


@dataclass(frozen=True)
class RefundSeen:
    """A refund as Stripe shows it now; `our_id` is None when somebody made it in the dashboard."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent_id: str
    our_id: UUID | None


@dataclass(frozen=True)
class DisputeSeen:
    """A cardholder's complaint as Stripe shows it now."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent_id: str | None


@dataclass(frozen=True)
class EventSeen:
    """What a webhook is about; its content is read again from Stripe."""

    id: str
    type: str
    happened_at: datetime
    is_live: bool
    object_id: str
    payment_intent_id: str | None
    workspace_id: UUID | None


@dataclass(frozen=True)
class NewCheckout:
    """All that a pay page is opened with; the same key must always come with the same values."""

    idempotency_key: str
    workspace_id: UUID
    payment_id: UUID
    billable_kind: str
    billable_id: UUID
    product: str
    amount: int
    currency: str
    success_url: str
    cancel_url: str
    expires_at: datetime
    customer_id: str | None


class BadSignature(Exception):
    """Not signed with our secret, or longer ago than five minutes."""


class Stripe:
    """Every method raises VendorAway or VendorRefused, and waits at most the set time-out."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.stripe_webhook_secret.get_secret_value()
        key = settings.stripe_api_key.get_secret_value()
        self.is_live = "_live_" in key
        self._http = stripe.HTTPXClient(timeout=settings.stripe_timeout_seconds)
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": settings.stripe_api_url},
            http_client=self._http,
            max_network_retries=NETWORK_RETRIES,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the connections when the process ends."""
        try:
            yield
        finally:
            await self._http.close_async()  # type: ignore[no-untyped-call]

    def read_event(self, body: bytes, signature: str | None) -> EventSeen:
        """The signed webhook; raises BadSignature. `body` is the raw bytes as they came."""
        try:
            event = self._client.construct_event(body, signature, self._secret, TOLERANCE_SECONDS)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise BadSignature from error
        return _event(event.to_dict())

    async def open_checkout(self, new: NewCheckout) -> tuple[SessionSeen, str]:
        """The open session and the address of its pay page."""
        params: Any = _checkout_params(new)
        sessions = self._client.v1.checkout.sessions
        made = await _asked(sessions.create_async(params, {"idempotency_key": new.idempotency_key}))
        return _session(made.to_dict()), made.url or ""

    async def get_session(self, session_id: str) -> SessionSeen:
        expand: Any = {"expand": ["payment_intent"]}
        sessions = self._client.v1.checkout.sessions
        found = await _asked(sessions.retrieve_async(session_id, expand))
        return _session(found.to_dict())

    async def list_session_ids(self, payment_intent_id: str) -> list[str]:
        sessions = self._client.v1.checkout.sessions
        found = await _asked(sessions.list_async({"payment_intent": payment_intent_id}))
        return [each.id for each in found.data]

    async def refund(
        self, refund_id: UUID, payment_intent_id: str, amount: int, *, idempotency_key: str
    ) -> RefundSeen:
        """Give back `amount` minor units; `refund_id` is ours, to be found again by."""
        params: Any = {
            "payment_intent": payment_intent_id,
            "amount": amount,
            "metadata": {"refund_id": str(refund_id)},
        }
        options: Any = {"idempotency_key": idempotency_key}
        made = await _asked(self._client.v1.refunds.create_async(params, options))
        return _refund(made.to_dict())

    async def list_refunds(self, payment_intent_id: str) -> list[RefundSeen]:
        wanted: Any = {"payment_intent": payment_intent_id, "limit": PAGE}
        found = await _asked(self._client.v1.refunds.list_async(wanted))
        return [_refund(each.to_dict()) for each in found.data]

    async def get_dispute(self, dispute_id: str) -> DisputeSeen:
        found = (await _asked(self._client.v1.disputes.retrieve_async(dispute_id))).to_dict()
        intent = found.get("payment_intent")
        return DisputeSeen(found["id"], found["status"], found["amount"], found["currency"], intent)

    async def list_events(self, since: datetime, after: str | None) -> tuple[list[EventSeen], bool]:
        """One page of what happened since, newest first, and whether there are more."""
        wanted: Any = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
        if after is not None:
            wanted["starting_after"] = after
        found = await _asked(self._client.v1.events.list_async(wanted))
        return [_event(each.to_dict()) for each in found.data], found.has_more


async def _asked(question: Awaitable[T]) -> T:
    try:
        return await question
    except stripe.RateLimitError as error:
        raise VendorAway("stripe: too many requests") from error
    except stripe.APIConnectionError as error:
        raise VendorAway("stripe: no answer", is_unknown=True) from error
    except stripe.APIError as error:
        raise AnswerKept("stripe: broken", is_unknown=True) from error
    except stripe.IdempotencyError as error:
        if error.code == "idempotency_key_in_use":
            raise VendorAway("stripe: the same request is running") from error
        raise VendorRefused("stripe: key reused", code="idempotency_error") from error
    except stripe.StripeError as error:
        raise VendorRefused(f"stripe: {error.code}", code=error.code or "refused") from error


def _checkout_params(new: NewCheckout) -> dict[str, Any]:
    metadata = {
        "workspace_id": str(new.workspace_id),
        "payment_id": str(new.payment_id),
        "billable_kind": new.billable_kind,
        "billable_id": str(new.billable_id),
    }
    price = {
        "currency": new.currency,
        "unit_amount": new.amount,
        "product_data": {"name": new.product},
    }
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": str(new.payment_id),
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata, "setup_future_usage": "off_session"},
        "success_url": new.success_url,
        "cancel_url": new.cancel_url,
        "expires_at": int(new.expires_at.timestamp()),
    }
    if new.customer_id is not None:
        params["customer"] = new.customer_id
    return params


def _session(found: dict[str, Any]) -> SessionSeen:
    metadata, intent = found.get("metadata") or {}, found.get("payment_intent")
    intent_id, intent_status = intent, None
    if isinstance(intent, dict):
        intent_id, intent_status = intent["id"], intent["status"]
    is_complete = found.get("status") == "complete"
    return SessionSeen(
        id=found["id"],
        status=found.get("status") or "open",
        is_paid=found["payment_status"] == "paid",
        has_failed=is_complete and intent_status in FAILED_INTENT,
        amount=found.get("amount_total") or 0,
        currency=found.get("currency") or "",
        payment_intent_id=intent_id,
        customer_id=found.get("customer"),
        reference=found.get("client_reference_id"),
        payment_id=_uuid(metadata.get("payment_id")),
        workspace_id=_uuid(metadata.get("workspace_id")),
        billable_id=_uuid(metadata.get("billable_id")),
    )


def _refund(found: dict[str, Any]) -> RefundSeen:
    return RefundSeen(
        id=found["id"],
        status=found.get("status") or "pending",
        amount=found["amount"],
        currency=found["currency"],
        payment_intent_id=found.get("payment_intent") or "",
        our_id=_uuid((found.get("metadata") or {}).get("refund_id")),
    )


def _event(found: dict[str, Any]) -> EventSeen:
    about = found["data"]["object"]
    kind, intent = about.get("object"), about.get("payment_intent")
    return EventSeen(
        id=found["id"],
        type=found["type"],
        happened_at=datetime.fromtimestamp(found["created"], UTC),
        is_live=bool(found["livemode"]),
        object_id=about.get("id") or "",
        payment_intent_id=about["id"] if kind == "payment_intent" else intent,
        workspace_id=_uuid((about.get("metadata") or {}).get("workspace_id")),
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
