"""Credit notes: an issued invoice is never changed, only credited."""

import datetime

from starlette.responses import Response

from local.vendors.fiken import amounts, bodies, sales
from local.vendors.fiken.api import Call, created, one
from local.vendors.fiken.books import FIRST_NUMBER, Books, public
from local.vendors.fiken.lists import Filters, page
from local.vendors.store import Document

KIND = "creditNote"
ON_A_LINE = ("incomeAccount", "vatType", "unitPrice", "quantity", "description", "comment")
FILTERS = Filters(equal=("customerId", "settled"), dates=("issueDate", "lastModified"))


def create_full(call: Call) -> Response:
    """Credit all of an invoice; raises 400 when part of it was credited before."""
    body = call.body(bodies.FullCreditNote)
    invoice = call.books.get("invoice", body.invoice_id)
    note = _book(call.books, invoice, invoice["lines"], body.issue_date)
    return _created(call.books, note, body.credit_note_text)


def create_partial(call: Call) -> Response:
    body = call.body(bodies.PartialCreditNote)
    invoice = call.books.get("invoice", body.invoice_id)
    lines = [amounts.priced(line) for line in body.lines]
    note = _book(call.books, invoice, lines, body.issue_date)
    return _created(call.books, note, body.credit_note_text)


def _book(
    books: Books, invoice: Document, lines: list[Document], issued: datetime.date
) -> Document:
    totals = amounts.total(lines)
    sale = books.get(sales.KIND, invoice["_saleId"])
    sales.credit(books, sale, totals["gross"])
    number = books.next("creditNote", FIRST_NUMBER)
    note: Document = {
        "creditNoteId": books.next_id(),
        "creditNoteNumber": number,
        "kid": invoice["kid"],
        **totals,
        "issueDate": issued.isoformat(),
        "associatedInvoiceId": invoice["invoiceId"],
        "address": invoice["address"],
        "lines": [_line(line) for line in lines],
        "currency": invoice["currency"],
        "ourReference": invoice["ourReference"],
        "orderReference": invoice["orderReference"],
        "settled": sale["settled"],
        "_customerId": invoice["_customerId"],
    }
    invoice["associatedCreditNotes"].append(note["creditNoteId"])
    books.save("invoice", invoice["invoiceId"], invoice)
    books.save(KIND, note["creditNoteId"], note)
    return note


def _line(line: Document) -> Document:
    shown = {name: line[name] for name in ON_A_LINE if name in line}
    # Fiken takes and answers percent here, but a fraction on an invoice.
    return {"unitPrice": line["net"], **shown, "discount": line["discount"] * 100}


def _created(books: Books, note: Document, text: str | None) -> Response:
    note["creditNoteText"] = text
    books.save(KIND, note["creditNoteId"], note)
    books.store.record(
        "credit_notes.create",
        id=note["creditNoteId"],
        number=note["creditNoteNumber"],
        invoice=note["associatedInvoiceId"],
        gross=note["gross"],
    )
    return created(f"{books.company_url}/creditNotes/{note['creditNoteId']}")


def _shown(books: Books, note: Document) -> Document:
    return {**note, "customer": public(books.get("contact", note["_customerId"]))}


def get(call: Call) -> Response:
    return one(public(_shown(call.books, call.books.get(KIND, call.ids["note"]))))


def listed(call: Call) -> Response:
    found = [_shown(call.books, note) for note in call.books.store.find(KIND)]
    return page(FILTERS.keep(found, call.query), call.query)
