"""Invoices: created, numbered, sent, read with their settlement."""

from starlette.responses import Response

from local.vendors.fiken import amounts, bodies, sales
from local.vendors.fiken.api import Call, created, one
from local.vendors.fiken.books import FIRST_NUMBER, Books, FikenError, public, today
from local.vendors.fiken.company import BANK_ACCOUNT
from local.vendors.fiken.lists import Filters, page
from local.vendors.store import Document

KIND = "invoice"
FILTERS = Filters(
    equal=("customerId", "settled", "orderReference", "invoiceDraftUuid", "invoiceNumber"),
    dates=("issueDate", "dueDate", "lastModified"),
)
NOWHERE = {"country": "Norge"}


def create(call: Call) -> Response:
    """Book an invoice. Not idempotent: the same body twice is two legal invoices."""
    body = call.body(bodies.Invoice)
    customer = _customer(call.books, body.customer_id)
    if body.due_date < body.issue_date:
        raise FikenError(400, "dueDate is before issueDate")
    if body.bank_account_code != BANK_ACCOUNT["accountCode"]:
        raise FikenError(400, f"There is no bank account {body.bank_account_code}")
    invoice = _book(call.books, body, customer)
    call.books.store.record(
        "invoices.create",
        id=invoice["invoiceId"],
        number=invoice["invoiceNumber"],
        net=invoice["net"],
        vat=invoice["vat"],
        gross=invoice["gross"],
        our_reference=body.our_reference,
        order_reference=body.order_reference,
        uuid=invoice["invoiceDraftUuid"],
        customer=body.customer_id,
    )
    return created(_url(call.books, invoice))


def _customer(books: Books, contact_id: int) -> Document:
    customer = books.store.get("contact", f"contact:{contact_id}")
    if customer is None or not customer["customer"]:
        raise FikenError(400, f"customerId {contact_id} is not a customer")
    return customer


def _book(books: Books, body: bodies.Invoice, customer: Document) -> Document:
    lines = [amounts.priced(line) for line in body.lines]
    number = books.next("invoice", FIRST_NUMBER)
    invoice: Document = {
        "invoiceId": books.next_id(),
        "createdDate": today(),
        "invoiceNumber": number,
        "kid": _kid(number),
        "issueDate": body.issue_date.isoformat(),
        "dueDate": body.due_date.isoformat(),
        "originalDueDate": body.due_date.isoformat(),
        **amounts.total(lines),
        "cash": body.cash,
        "invoiceText": body.invoice_text,
        "yourReference": body.your_reference,
        "ourReference": body.our_reference,
        "orderReference": body.order_reference,
        "invoiceDraftUuid": str(body.uuid) if body.uuid else None,
        "address": customer.get("address") or NOWHERE,
        "lines": lines,
        "currency": body.currency,
        "bankAccountNumber": BANK_ACCOUNT["bankAccountNumber"],
        "sentManually": False,
        "associatedCreditNotes": [],
        "attachments": [],
        "dispatches": [],
        "_customerId": body.customer_id,
    }
    invoice["_saleId"] = sales.book(books, invoice)["saleId"]
    books.save(KIND, invoice["invoiceId"], invoice)
    return invoice


def _kid(number: int) -> str:
    """The number with its modulus-10 check digit, as Norwegian payments carry it."""
    doubled = [int(d) * (2 - n % 2) for n, d in enumerate(reversed(str(number)))]
    check = -sum(d // 10 + d % 10 for d in doubled) % 10
    return f"{number}{check}"


def _url(books: Books, invoice: Document) -> str:
    return f"{books.company_url}/invoices/{invoice['invoiceId']}"


def shown(books: Books, invoice: Document) -> Document:
    """The invoice with its customer and its sale as they are now."""
    customer = books.get("contact", invoice["_customerId"])
    sale = books.get(sales.KIND, invoice["_saleId"])
    whole = {"customer": public(customer), "sale": public(sale)}
    return {**public(invoice), **whole}


def get(call: Call) -> Response:
    return one(shown(call.books, call.books.get(KIND, call.ids["invoice"])))


def listed(call: Call) -> Response:
    found = [{**invoice, **shown(call.books, invoice)} for invoice in call.books.store.find(KIND)]
    asked = [{**invoice, "_settled": invoice["sale"]["settled"]} for invoice in found]
    return page(FILTERS.keep(asked, call.query), call.query)


def update(call: Call) -> Response:
    """A later due date, or the word that it was sent on paper."""
    body = call.body(bodies.UpdateInvoice)
    invoice = call.books.get(KIND, call.ids["invoice"])
    if body.new_due_date:
        invoice["dueDate"] = body.new_due_date.isoformat()
    if body.sent_manually is not None:
        invoice["sentManually"] = body.sent_manually
    call.books.save(KIND, invoice["invoiceId"], invoice)
    call.books.store.record("invoices.update", id=invoice["invoiceId"])
    return Response(headers={"Location": _url(call.books, invoice)})


def send(call: Call) -> Response:
    """Dispatch by the first method that can reach the customer; twice is two dispatches."""
    body = call.body(bodies.SendInvoice)
    invoice = call.books.get(KIND, body.invoice_id)
    customer = call.books.get("contact", invoice["_customerId"])
    reachable = {
        "ehf": bool(body.organization_number or customer.get("organizationNumber")),
        "sms": bool(body.mobile_number or customer.get("_phoneNumber")),
        "email": bool(body.recipient_email or customer.get("email")),
        "letter": bool((customer.get("address") or {}).get("streetAddress")),
    }
    wanted = [
        m
        for method in body.method
        for m in (("ehf", "sms", "email") if method == "auto" else (method,))
    ]
    method = next((m for m in wanted if reachable.get(m)), None)
    if method is None:
        raise FikenError(400, f"The customer cannot be reached by {', '.join(body.method)}")
    invoice["dispatches"].append({"date": today(), "dispatchType": method})
    call.books.save(KIND, invoice["invoiceId"], invoice)
    call.books.store.record("invoices.send", id=invoice["invoiceId"], method=method)
    return Response()
