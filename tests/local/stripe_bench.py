"""A Stripe stand-in on a socket, Stripe's own client for it, and an endpoint for its webhooks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.faults import Fault
from local.vendors.stripe.app import StripeSettings, create_app
from tests.local.serving import free_socket, served

API_KEY = "sk_test_bench"
SECRET = "whsec_bench"


@dataclass
class Bench:
    """Everything a test of the stand-in holds in its hands."""

    stand_in: StandIn
    client: stripe.StripeClient
    browser: httpx.AsyncClient
    events: list[stripe.Event] = field(default_factory=list)
    forged: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def fault(self, operation: str, kind: Any, **fields: Any) -> None:
        self.stand_in.faults.add(Fault(operation=operation, kind=kind, **fields))

    def journal(self, operation: str) -> list[dict[str, Any]]:
        return self.stand_in.journal.entries(operation)

    async def until(self, true: Callable[[], bool], seconds: float = 8.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.01)

    async def session(self, **params: Any) -> Any:
        """An open Checkout session over 250.00 NOK."""
        line = {
            "price_data": {
                "currency": "nok",
                "unit_amount": 12_500,
                "product_data": {"name": "Photo"},
            },
            "quantity": 2,
        }
        wanted: Any = {
            "mode": "payment",
            "success_url": "http://shop.test/ok?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.test/cancelled",
            "line_items": [line],
            **params,
        }
        return await self.client.v1.checkout.sessions.create_async(params=wanted)

    async def read(self, session_id: str, *expand: str) -> Any:
        """The session as the API shows it now."""
        sessions = self.client.v1.checkout.sessions
        return await sessions.retrieve_async(session_id, {"expand": list(expand)})

    async def customer(self) -> Any:
        return await self.client.v1.customers.create_async(params={"email": "agent@example.no"})

    async def press(self, session: Any, action: str, **form: str) -> httpx.Response:
        """Press a button of the hosted pay page."""
        return await self.browser.post(session.url, data={"action": action, **form})

    async def paid(self, **params: Any) -> Any:
        """A session somebody paid, as the API shows it afterwards."""
        session = await self.session(**params)
        assert (await self.press(session, "pay")).status_code == 303
        return await self.read(session.id)

    async def door(self, name: str, **body: Any) -> httpx.Response:
        return await self.browser.post(f"{self.stand_in.address}/{name}", json=body)


def _endpoint(bench: Bench) -> Starlette:
    async def receive(request: Request) -> Response:
        status = bench.answers.pop(0) if bench.answers else 200
        body = await request.body()
        header = request.headers["stripe-signature"]
        try:
            event = bench.client.construct_event(body, header, SECRET)
        except stripe.SignatureVerificationError:
            bench.forged.append(body)
            return Response(status_code=400)
        if status == 200:
            bench.events.append(event)
        return Response(status_code=status)

    return Starlette(routes=[Route("/hook", receive, methods=["POST"])])


@asynccontextmanager
async def benched(state: Path) -> AsyncIterator[Bench]:
    """A stand-in with this state directory, running until the block ends."""
    bound, address = free_socket()
    hook_socket, hook_address = free_socket()
    stand_in = StandIn("stripe", state, address)
    client = stripe.StripeClient(
        API_KEY,
        base_addresses={"api": address},
        http_client=stripe.HTTPXClient(timeout=5),
        max_network_retries=0,
    )
    settings = StripeSettings(API_KEY, f"{hook_address}/hook", SECRET)
    async with httpx.AsyncClient(timeout=5) as browser:
        bench = Bench(stand_in, client, browser)
        app = create_app(stand_in, settings)
        async with served(_endpoint(bench), hook_socket), served(app, bound):
            yield bench
