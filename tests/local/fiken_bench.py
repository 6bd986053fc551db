"""A Fiken stand-in on a socket and a client whose every exchange is held against a schema."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.vendors.control import StandIn
from local.vendors.faults import Fault
from local.vendors.fiken.app import FikenSettings, create_app
from tests.local.fiken_spec import specifications
from tests.local.serving import free_socket, served

SETTINGS = FikenSettings(token="fiken-bench", company_slug="ai-studio-as")
BANK = "1920:10001"


@dataclass
class Bench:
    """Everything a test of the stand-in holds in its hands."""

    stand_in: StandIn
    client: httpx.AsyncClient
    exchanges: list[httpx.Response] = field(default_factory=list)

    def fault(self, operation: str, kind: Any, **fields: Any) -> None:
        self.stand_in.faults.add(Fault(operation=operation, kind=kind, **fields))

    def journal(self, operation: str) -> list[dict[str, Any]]:
        return self.stand_in.journal.entries(operation)

    def problems(self) -> list[str]:
        """What the successful exchanges so far have that a specification has not."""
        good = [r for r in self.exchanges if r.status_code < 300]
        return [p for spec in specifications() for r in good for p in spec.problems(r.request, r)]

    async def contact(self, **fields: Any) -> str:
        """A customer's URL."""
        body = {
            "name": "Megler AS",
            "organizationNumber": "912345678",
            "email": "post@megler.example",
            "customer": True,
            "memberNumberString": "w-1",
            "currency": "NOK",
            "language": "NORWEGIAN",
            "address": {"streetAddress": "Storgata 1", "postCode": "0150", "country": "Norge"},
            **fields,
        }
        said = {name: value for name, value in body.items() if value is not None}
        answer = await self.client.post("/contacts", json=said)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    async def invoice(self, *lines: dict[str, Any], **fields: Any) -> httpx.Response:
        """POST an invoice; one line of 2 × 500.00 NOK unless lines are given."""
        if "customerId" not in fields:
            fields["customerId"] = int((await self.contact()).rsplit("/", 1)[1])
        body = {
            "issueDate": "2026-11-01",
            "dueDate": "2026-11-15",
            "lines": list(lines) or [line()],
            "bankAccountCode": BANK,
            "cash": False,
            **fields,
        }
        return await self.client.post("/invoices", json=body)

    async def created(self, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The invoice as Fiken shows it after creation."""
        answer = await self.invoice(*lines, **fields)
        assert (answer.status_code, answer.content) == (201, b""), answer.text
        shown: dict[str, Any] = await self.get(answer.headers["location"])
        return shown

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


def line(unit_price: int = 50_000, quantity: float = 2, **fields: Any) -> dict[str, Any]:
    """A line of an invoice, price in øre."""
    return {
        "quantity": quantity,
        "unitPrice": unit_price,
        "vatType": "HIGH",
        "incomeAccount": "3000",
        "description": "Photo project",
        **fields,
    }


@asynccontextmanager
async def benched(state: Path) -> AsyncIterator[Bench]:
    """A stand-in with this state directory; at the end every exchange fits the schemas."""
    bound, address = free_socket()
    stand_in = StandIn("fiken", state, address)
    exchanges: list[httpx.Response] = []

    async def remember(response: httpx.Response) -> None:
        await response.aread()
        exchanges.append(response)

    base = f"{address}/api/v2/companies/{SETTINGS.company_slug}"
    headers = {"Authorization": f"Bearer {SETTINGS.token}"}
    hooks = {"response": [remember]}
    async with (
        served(create_app(stand_in, SETTINGS), bound),
        httpx.AsyncClient(base_url=base, headers=headers, event_hooks=hooks, timeout=5) as client,
    ):
        bench = Bench(stand_in, client, exchanges)
        yield bench
    assert bench.problems() == []
