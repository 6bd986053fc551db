"""What a person sees: the invoices, one invoice, and a button that pays it."""

import datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.vendors.fiken import bodies, invoices, sales
from local.vendors.fiken.books import Books, FikenError, today
from local.vendors.fiken.company import BANK_ACCOUNT
from local.vendors.store import Document

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1c2430;margin:0}
main{max-width:52rem;margin:2rem auto;background:#fff;padding:2rem;border-radius:12px}
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.4rem .6rem;
border-bottom:1px solid #dfe3e8}.n{text-align:right;font-variant-numeric:tabular-nums}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:8px;background:#1f4fd8;color:#fff}
.note{background:#fff4d6;padding:.6rem 1rem;border-radius:8px}
"""


class Pages:
    """Plain HTML beside the API; needs no token, runs on a developer's machine only."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def routes(self) -> list[Route]:
        return [
            Route("/", self._index),
            Route("/invoices/{id}", self._invoice),
            Route("/_pay/{id}", self._pay, methods=["POST"]),
        ]

    async def _index(self, request: Request) -> Response:
        found = self._books.store.find(invoices.KIND)
        rows = "".join(_row(invoices.shown(self._books, i)) for i in reversed(found))
        head = "<tr><th>Number<th>Customer<th>Due<th class=n>Gross<th>Status</tr>"
        return _page("Invoices", f"<h1>Invoices</h1><table>{head}{rows}</table>")

    async def _invoice(self, request: Request) -> Response:
        try:
            stored = self._books.get(invoices.KIND, request.path_params["id"])
        except FikenError as error:
            return HTMLResponse(escape(error.description), error.status)
        invoice = invoices.shown(self._books, stored)
        return _page(f"Invoice {invoice['invoiceNumber']}", _paper(invoice))

    async def _pay(self, request: Request) -> Response:
        """The customer's bank transfer arrives: what is outstanding is paid today."""
        try:
            with self._books.store.transaction():
                stored = self._books.get(invoices.KIND, request.path_params["id"])
                sale = self._books.get(sales.KIND, stored["_saleId"])
                if sale["outstandingBalance"] > 0:
                    sales.pay(self._books, sale, _payment(sale["outstandingBalance"]))
        except FikenError as error:
            return HTMLResponse(escape(error.description), error.status)
        return RedirectResponse(f"/invoices/{stored['invoiceId']}", 303)


def _payment(amount: int) -> bodies.Payment:
    date = datetime.date.fromisoformat(today())
    fields = {"date": date, "account": BANK_ACCOUNT["accountCode"], "amount": amount}
    return bodies.Payment.model_validate(fields)


def _page(title: str, body: str) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style><main><p class=note>Stand-in for Fiken: nothing here is booked."
        f"</p>{body}</main></html>"
    )


def kroner(amount: int) -> str:
    """Øre as a person reads them, e.g. `1 250,00`."""
    sign, whole, rest = "-" if amount < 0 else "", *divmod(abs(amount), 100)
    return f"{sign}{whole:,}".replace(",", " ") + f",{rest:02d}"


def _status(invoice: Document) -> str:
    if invoice["sale"]["settled"]:
        return "credited" if invoice["associatedCreditNotes"] else "paid"
    if invoice["dueDate"] < today():
        return "overdue"
    return "sent" if invoice["dispatches"] else "not sent"


def _row(invoice: Document) -> str:
    return (
        f'<tr><td><a href="/invoices/{invoice["invoiceId"]}">{invoice["invoiceNumber"]}</a>'
        f"<td>{escape(invoice['customer']['name'])}<td>{invoice['dueDate']}"
        f"<td class=n>{kroner(invoice['gross'])}<td>{_status(invoice)}</tr>"
    )


def _paper(invoice: Document) -> str:
    lines = "".join(
        f"<tr><td>{escape(line.get('description') or '')}<td class=n>{line['quantity']:g}"
        f"<td class=n>{kroner(line['net'])}<td class=n>{kroner(line['vat'])}"
        f"<td class=n>{kroner(line['gross'])}</tr>"
        for line in invoice["lines"]
    )
    customer, sale = invoice["customer"], invoice["sale"]
    button = (
        f'<form method="post" action="/_pay/{invoice["invoiceId"]}">'
        "<button>Mark as paid</button></form>"
    )
    return (
        f"<h1>Invoice {invoice['invoiceNumber']}</h1><p>{escape(customer['name'])}"
        f" · {escape(customer.get('organizationNumber') or '')}</p>"
        f"<p>Issued {invoice['issueDate']}, due {invoice['dueDate']}, KID {invoice['kid']}."
        f" Order: {escape(invoice.get('orderReference') or '–')}. <b>{_status(invoice)}</b></p>"
        "<table><tr><th>What<th class=n>Quantity<th class=n>Net<th class=n>VAT<th class=n>Gross"
        f"</tr>{lines}<tr><th>Total<td><td class=n>{kroner(invoice['net'])}<td class=n>"
        f"{kroner(invoice['vat'])}<td class=n><b>{kroner(invoice['gross'])} NOK</b></tr></table>"
        f"<p>Outstanding: {kroner(sale['outstandingBalance'])} NOK</p>"
        + ("" if sale["settled"] else button)
    )
