"""How lines and invoices move, their totals and their dates; no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from contracts.caller import Caller
from services.billing.pricing.rules import vat_of

OSLO = ZoneInfo("Europe/Oslo")

InvoiceStatus = Literal["draft", "sending", "sent", "paid", "overdue", "cancelled", "credited"]
InvoiceHappening = Literal["send", "delivered", "paid", "due_date_passed", "emptied", "credited"]
LineStatus = Literal["pending", "invoiced", "cancelled"]
LineHappening = Literal["invoiced", "taken_back"]

INVOICE: dict[tuple[str, InvoiceHappening], InvoiceStatus] = {
    ("draft", "send"): "sending",
    ("draft", "emptied"): "cancelled",
    ("sending", "delivered"): "sent",
    ("sent", "paid"): "paid",
    ("sent", "due_date_passed"): "overdue",
    ("sent", "credited"): "credited",
    ("overdue", "paid"): "paid",
    ("overdue", "credited"): "credited",
    ("paid", "credited"): "credited",
}
LINE: dict[tuple[str, LineHappening], LineStatus] = {
    ("pending", "invoiced"): "invoiced",
    ("pending", "taken_back"): "cancelled",
}
"""A line of a draft is released to `pending` first; one of an issued invoice is credited."""


def after(status: str, happening: InvoiceHappening) -> InvoiceStatus | None:
    """The invoice's next status; None when this may not or need not happen."""
    return INVOICE.get((status, happening))


def line_after(status: str, happening: LineHappening) -> LineStatus | None:
    return LINE.get((status, happening))


@dataclass(frozen=True)
class Totals:
    """Of an invoice, in øre; VAT is rounded half up line by line."""

    net_ore: int
    vat_ore: int

    @property
    def gross_ore(self) -> int:
        return self.net_ore + self.vat_ore


def totals_of(net_lines_ore: Iterable[int]) -> Totals:
    lines = list(net_lines_ore)
    return Totals(sum(lines), sum(vat_of(line) for line in lines))


def oslo_date(now: datetime) -> date:
    """The Norwegian calendar day of an instant."""
    return now.astimezone(OSLO).date()


def due_on(issued: date, due_days: int) -> date:
    return issued + timedelta(days=due_days)


def is_overdue(due: date | None, today: date) -> bool:
    """The due date itself is still in time."""
    return due is not None and today > due


def description_of(kind: str, name: str) -> str:
    """At most 200 characters, as Fiken takes."""
    what = "AI Photo Enhancement" if kind == "photo_project" else "AI Tour Video"
    return f"{what} - {name}"[:200]


def may_view_invoices(caller: Caller) -> bool:
    """Owner and admin; members have no access to billing (seed 000)."""
    has_scope = caller.scopes is None or "invoices:read" in caller.scopes
    return has_scope and caller.role in ("owner", "admin")
