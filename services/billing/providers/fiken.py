"""Fiken's REST API v2: contacts, invoices, credit notes. Amounts in øre, ids of 64 bits.

Fiken bans users with two requests in flight and has neither webhooks nor idempotency keys: every
request waits for its turn, and whoever posts searches by our reference first.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from services.billing.providers.base import VendorAway, VendorRefused
from services.billing.providers.single_flight import SingleFlight
from services.billing.settings import Settings

log = structlog.get_logger()

BROKEN_BUT_MAYBE_DONE = 500
PAGE = 100


@dataclass(frozen=True)
class Customer:
    """Whom we invoice; `workspace_id` is what we find the contact again by."""

    workspace_id: UUID
    name: str
    organization_number: str
    email: str | None


@dataclass(frozen=True)
class Line:
    """One line, net øre a piece, 25 % VAT."""

    description: str
    unit_ore: int
    quantity: int


@dataclass(frozen=True)
class NewInvoice:
    """An invoice to create; its id is the reference on Fiken's side."""

    id: UUID
    contact_id: int
    issue_date: date
    due_date: date
    lines: Sequence[Line]


@dataclass(frozen=True)
class InvoiceSeen:
    """An invoice as Fiken shows it now."""

    id: int
    number: str
    net_ore: int
    vat_ore: int
    gross_ore: int
    is_settled: bool
    outstanding_ore: int
    is_dispatched: bool
    credit_note_ids: tuple[int, ...]


@dataclass(frozen=True)
class NewCreditNote:
    """Takes a part of an invoice back, or all of it when `lines` is None."""

    id: UUID
    invoice_id: int
    issue_date: date
    lines: Sequence[Line] | None


class Fiken:
    """Every method raises VendorAway or VendorRefused, and waits at most the set time-out."""

    def __init__(self, settings: Settings, engine: AsyncEngine) -> None:
        self._flight = SingleFlight(engine, settings.fiken_request_seconds)
        self._bank_account = settings.fiken_bank_account
        self._income_account = settings.fiken_income_account
        self._http = httpx.AsyncClient(
            base_url=f"{settings.fiken_url.rstrip('/')}/companies/{settings.fiken_company}",
            headers={"authorization": f"Bearer {settings.fiken_token.get_secret_value()}"},
            timeout=settings.fiken_timeout_seconds,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the connections when the process ends."""
        async with self._http:
            yield

    async def find_contact(self, customer: Customer) -> int | None:
        """Our contact, else the oldest customer of this organisation number."""
        by_us = {"memberNumberString": str(customer.workspace_id)}
        for wanted in (by_us, {"organizationNumber": customer.organization_number}):
            found = await self._get("/contacts", {**wanted, "customer": "true", "pageSize": PAGE})
            if len(found) > 1:
                log.warning("billing.contacts_double", workspace_id=str(customer.workspace_id))
            if found:
                return min(int(contact["contactId"]) for contact in found)
        return None

    async def create_contact(self, customer: Customer) -> int | None:
        """Fiken: POST /contacts; None when the answer does not say which: search then."""
        body = {
            "name": customer.name,
            "organizationNumber": customer.organization_number,
            "memberNumberString": str(customer.workspace_id),
            "customer": True,
            "language": "NORWEGIAN",
            "currency": "NOK",
        }
        if customer.email is not None:
            body["email"] = customer.email
        return await self._create("/contacts", body)

    async def find_invoice(self, reference: UUID) -> int | None:
        """The id of the invoice we created under this reference."""
        wanted = {"orderReference": str(reference), "pageSize": PAGE}
        found = await self._get("/invoices", wanted)
        return min((int(each["invoiceId"]) for each in found), default=None)

    async def create_invoice(self, new: NewInvoice) -> int | None:
        """Fiken: POST /invoices; None when the answer does not say which: search then."""
        body = {
            "uuid": str(new.id),
            "orderReference": str(new.id),
            "issueDate": new.issue_date.isoformat(),
            "dueDate": new.due_date.isoformat(),
            "customerId": new.contact_id,
            "bankAccountCode": self._bank_account,
            "currency": "NOK",
            "cash": False,
            "lines": [self._line(line) for line in new.lines],
        }
        return await self._create("/invoices", body)

    async def get_invoice(self, invoice_id: int) -> InvoiceSeen:
        found = await self._get(f"/invoices/{invoice_id}", {})
        sale = found.get("sale") or {}
        gross = int(found["gross"])
        return InvoiceSeen(
            id=int(found["invoiceId"]),
            number=str(found["invoiceNumber"]),
            net_ore=int(found["net"]),
            vat_ore=int(found["vat"]),
            gross_ore=gross,
            is_settled=bool(sale.get("settled")),
            outstanding_ore=int(sale.get("outstandingBalance", gross)),
            is_dispatched=bool(found.get("dispatches")),
            credit_note_ids=tuple(int(n) for n in found.get("associatedCreditNotes") or ()),
        )

    async def send_invoice(self, invoice_id: int, email: str | None) -> None:
        """Fiken: POST /invoices/send, by what the customer can receive."""
        body = {"invoiceId": invoice_id, "method": ["auto"], "includeDocumentAttachments": True}
        if email is not None:
            body.update(method=["ehf", "email"], recipientEmail=email)
        await self._ask("POST", "/invoices/send", json=body)

    async def find_credit_note(self, invoice_id: int, reference: UUID) -> int | None:
        """The credit note of this invoice that carries our reference in its text."""
        for note_id in (await self.get_invoice(invoice_id)).credit_note_ids:
            note = await self._get(f"/creditNotes/{note_id}", {})
            if str(reference) in (note.get("creditNoteText") or ""):
                return note_id
        return None

    async def create_credit_note(self, new: NewCreditNote) -> int | None:
        """Fiken: POST /creditNotes/full or /partial; None when the answer does not say which."""
        body: dict[str, Any] = {
            "invoiceId": new.invoice_id,
            "issueDate": new.issue_date.isoformat(),
            "creditNoteText": f"Kreditnota {new.id}",
        }
        if new.lines is None:
            return await self._create("/creditNotes/full", body)
        body["orderReference"] = str(new.id)
        body["lines"] = [self._line(line) for line in new.lines]
        return await self._create("/creditNotes/partial", body)

    def _line(self, line: Line) -> dict[str, Any]:
        return {
            "description": line.description[:200],
            "unitPrice": line.unit_ore,
            "quantity": line.quantity,
            "vatType": "HIGH",
            "incomeAccount": self._income_account,
        }

    async def _get(self, path: str, wanted: dict[str, Any]) -> Any:
        return (await self._ask("GET", path, params=wanted)).json()

    async def _create(self, path: str, body: dict[str, Any]) -> int | None:
        answer = await self._ask("POST", path, json=body)
        last = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        return int(last) if last.isdigit() else None

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"x-request-id": str(uuid7())}
        async with self._flight.turn():
            try:
                answer = await self._http.request(method, path, headers=headers, **request)
            except httpx.HTTPError as error:
                raise VendorAway(f"fiken: {type(error).__name__}", is_unknown=True) from error
        if answer.is_success:
            return answer
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise VendorAway("fiken: too many requests")
        if answer.status_code >= BROKEN_BUT_MAYBE_DONE:
            raise VendorAway(f"fiken: {answer.status_code}", is_unknown=True)
        raise VendorRefused(f"fiken: {answer.status_code}", code=f"fiken_{answer.status_code}")
