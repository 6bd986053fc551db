"""Buttons Stripe does not have: what banks, cardholders and time do to a merchant."""

from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.vendors.store import Document
from local.vendors.stripe import disputes, expiry, refunds, sessions
from local.vendors.stripe.account import Account, public
from local.vendors.stripe.errors import StripeError


class Dispute(BaseModel):
    """A cardholder complains, or the bank decides; name the charge or its payment intent."""

    charge: str | None = None
    payment_intent: str | None = None
    action: Literal["created", "won", "lost"] = "created"
    amount: int | None = None

    def act(self, account: Account) -> Document:
        charge_id = self.charge
        if charge_id is None:
            intent = account.get("payment_intent", self.payment_intent or "")
            charge_id = intent["latest_charge"]
        charged = account.get("charge", charge_id or "")
        if self.action == "created":
            return disputes.open_dispute(account, charged, self.amount)
        return disputes.close(account, charged, self.action)


class FailRefund(BaseModel):
    """The payer's bank returns a refund."""

    refund: str

    def act(self, account: Account) -> Document:
        return refunds.fail(account, account.get("refund", self.refund))


class Settle(BaseModel):
    """A bank debit begun on the pay page ends."""

    session: str
    outcome: Literal["succeeded", "failed"]

    def act(self, account: Account) -> Document:
        session = account.get("checkout.session", self.session)
        return sessions.settle(account, session, succeeded=self.outcome == "succeeded")


class Advance(BaseModel):
    """Time passes for the stand-in: sessions expire, idempotency keys are forgotten."""

    advance_seconds: int

    def act(self, account: Account) -> Document:
        account.advance(self.advance_seconds)
        expiry.expire_due(account)
        return {"now": account.now()}


Door = type[Dispute] | type[FailRefund] | type[Settle] | type[Advance]
DOORS: dict[str, Door] = {
    "/_dispute": Dispute,
    "/_fail_refund": FailRefund,
    "/_settle": Settle,
    "/_clock": Advance,
}


def routes(account: Account) -> list[Route]:
    return [Route(path, _endpoint(account, door), methods=["POST"]) for path, door in DOORS.items()]


def _endpoint(account: Account, door: Door) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            wish = door.model_validate_json(await request.body())
        except ValidationError as error:
            return Response(error.json(), 422, media_type="application/json")
        try:
            with account.store.transaction():
                return JSONResponse(public(wish.act(account)))
        except StripeError as error:
            return JSONResponse({"error": error.error}, error.status)

    return answer
