"""The hosted pay page: what a payer does between `session.url` and `success_url`."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.vendors.store import Document
from local.vendors.stripe import cards, expiry, intents, objects, pay_html, sessions
from local.vendors.stripe.account import Account
from local.vendors.stripe.errors import StripeError

Form = dict[str, str]
Endpoint = Callable[[Request], Awaitable[Response]]


class PayPage:
    """Plain HTML forms, so that a person and a script press the same buttons."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        pages: list[tuple[str, Callable[[str, Form | None], Response]]] = [
            ("/c/pay/{id}", self._pay),
            ("/c/pay/{id}/challenge", self._challenge),
            ("/3ds/{id}", self._off_page_challenge),
        ]
        return [Route(path, self._page(act), methods=["GET", "POST"]) for path, act in pages]

    def _page(self, act: Callable[[str, Form | None], Response]) -> Endpoint:
        async def answer(request: Request) -> Response:
            sent = parse_qs((await request.body()).decode()) if request.method == "POST" else None
            form = None if sent is None else {name: values[0] for name, values in sent.items()}
            try:
                with self._account.store.transaction():
                    expiry.expire_due(self._account)
                    return act(request.path_params["id"], form)
            except StripeError as error:
                return HTMLResponse(pay_html.message("Not found", str(error)), error.status)

        return answer

    def _pay(self, session_id: str, form: Form | None) -> Response:
        session = self._account.get("checkout.session", session_id)
        if session["status"] != "open":
            return _closed(session)
        if form is None:
            return HTMLResponse(pay_html.pay(session))
        action = form.get("action", "pay")
        if action == "cancel":
            return RedirectResponse(session["cancel_url"] or f"/c/pay/{session_id}", 303)
        if action == "bank":
            return self._begin_bank_debit(session)
        wish = {"decline": cards.DECLINED, "challenge": cards.AUTHENTICATE_ONCE}
        number = wish.get(action) or form.get("card", cards.GOOD).replace(" ", "")
        return self._pay_by_card(session, number)

    def _pay_by_card(self, session: Document, number: str) -> Response:
        if number not in cards.NAMES:
            return HTMLResponse(pay_html.pay(session, "Use one of the test cards."), 402)
        intent = sessions.intent_of(self._account, session)
        method = self._card(session, number)
        intents.pay(self._account, intent, method, return_url=session["success_url"])
        if intent["status"] == "succeeded":
            return self._done(session, paid=True)
        if intent["status"] == "requires_action":
            return RedirectResponse(f"/c/pay/{session['id']}/challenge", 303)
        error = intent["last_payment_error"]
        return HTMLResponse(pay_html.pay(session, error["message"]), 402)

    def _card(self, session: Document, number: str) -> Document:
        customer = self._account.store.get("customer", session["customer"] or "") or {}
        holder = {"email": customer.get("email"), "name": customer.get("name")}
        made = objects.payment_method(number, holder, self._account.now())
        return self._account.save(made)

    def _begin_bank_debit(self, session: Document) -> Response:
        intent = sessions.intent_of(self._account, session)
        intents.process(self._account, intent, self._card(session, cards.GOOD))
        return self._done(session, paid=False)

    def _challenge(self, session_id: str, form: Form | None) -> Response:
        session = self._account.get("checkout.session", session_id)
        if session["status"] != "open" or not session["payment_intent"]:
            return _closed(session)
        intent = self._account.get("payment_intent", session["payment_intent"])
        if intent["status"] != "requires_action":
            return RedirectResponse(f"/c/pay/{session_id}", 303)
        if form is None:
            return HTMLResponse(pay_html.challenge(intent))
        if self._authenticate(intent, form) == "succeeded":
            return self._done(session, paid=True)
        error = "We could not authenticate your card."
        return HTMLResponse(pay_html.pay(session, error), 402)

    def _off_page_challenge(self, intent_id: str, form: Form | None) -> Response:
        """The `next_action` of an intent that the product confirmed itself."""
        intent = self._account.get("payment_intent", intent_id)
        if intent["status"] != "requires_action":
            return HTMLResponse(pay_html.message("Nothing to do", "This payment is settled."), 409)
        if form is None:
            return HTMLResponse(pay_html.challenge(intent))
        return_url = intent["next_action"]["redirect_to_url"]["return_url"]
        status = self._authenticate(intent, form)
        if not return_url:
            return HTMLResponse(pay_html.message("Done", f"The payment is {status}."))
        return RedirectResponse(return_url, 303)

    def _authenticate(self, intent: Document, form: Form) -> str:
        method = self._account.get("payment_method", intent["payment_method"])
        if form.get("outcome") == "pass":
            intents.succeed(self._account, intent, method)
        else:
            intents.decline(self._account, intent, method, "authentication_required")
        return str(intent["status"])

    def _done(self, session: Document, *, paid: bool) -> Response:
        sessions.complete(self._account, session, paid=paid)
        url = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
        return RedirectResponse(url, 303)


def _closed(session: Document) -> Response:
    if session["status"] == "complete":
        return HTMLResponse(pay_html.message("Paid", "This was paid already."), 409)
    return HTMLResponse(pay_html.message("Expired", "This payment link has expired."), 410)
