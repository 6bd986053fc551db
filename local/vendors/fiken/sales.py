"""What an invoice is worth in the books: payments, credit and what is outstanding, in øre."""

from starlette.responses import JSONResponse, Response

from local.vendors.fiken import bodies
from local.vendors.fiken.api import Call, created, one
from local.vendors.fiken.books import Books, FikenError, public, today
from local.vendors.fiken.company import BANK_ACCOUNT
from local.vendors.store import Document

KIND = "sale"


def book(books: Books, invoice: Document) -> Document:
    """The sale of a new invoice, nothing paid yet."""
    sale_id = books.next_id()
    sale: Document = {
        "saleId": sale_id,
        "transactionId": books.next_id(),
        "saleNumber": str(invoice["invoiceNumber"]),
        "date": invoice["issueDate"],
        "dueDate": invoice["dueDate"],
        "kid": invoice["kid"],
        "kind": "invoice",
        "currency": invoice["currency"],
        "netAmount": invoice["net"],
        "vatAmount": invoice["vat"],
        "totalPaid": 0,
        "outstandingBalance": invoice["gross"],
        "settled": False,
        "deleted": False,
        "writeOff": False,
        "salePayments": [],
        "saleAttachments": [],
        "notes": [],
        "lines": [_line(line) for line in invoice["lines"]],
        "_gross": invoice["gross"],
        "_credited": 0,
    }
    books.save(KIND, sale_id, sale)
    return sale


def _line(line: Document) -> Document:
    description = line.get("description") or line.get("productName") or ""
    return {
        "description": description,
        "vatType": line["vatType"],
        "vat": line["vat"],
        "netPrice": line["net"],
        "account": line["incomeAccount"],
    }


def pay(books: Books, sale: Document, payment: bodies.Payment) -> Document:
    """Book money received; the sale is settled when nothing is outstanding."""
    booked = {"paymentId": books.next_id(), **payment.given(), "currency": payment.currency}
    sale["salePayments"].append(booked)
    sale["totalPaid"] += payment.amount
    sale["paymentDate"] = payment.date.isoformat()
    _balance(books, sale)
    books.store.record(
        "sales.payments.create",
        id=booked["paymentId"],
        sale=sale["saleId"],
        amount=payment.amount,
    )
    return booked


def credit(books: Books, sale: Document, amount: int) -> None:
    """A credit note takes `amount` off; raises 400 when less than that is left to credit."""
    left = sale["_gross"] - sale["_credited"]
    if amount > left:
        raise FikenError(400, f"The credit note of {amount} exceeds the remaining {left}")
    sale["_credited"] += amount
    _balance(books, sale)


def _balance(books: Books, sale: Document) -> None:
    sale["outstandingBalance"] = sale["_gross"] - sale["_credited"] - sale["totalPaid"]
    sale["settled"] = sale["outstandingBalance"] <= 0
    if sale["settled"]:
        sale["settledDate"] = today()
    books.save(KIND, sale["saleId"], sale)


def get(call: Call) -> Response:
    return one(public(call.books.get(KIND, call.ids["sale"])))


def create_payment(call: Call) -> Response:
    sale = call.books.get(KIND, call.ids["sale"])
    payment = call.body(bodies.Payment)
    if payment.account != BANK_ACCOUNT["accountCode"]:
        raise FikenError(400, f"There is no account {payment.account}")
    booked = pay(call.books, sale, payment)
    return created(
        f"{call.books.company_url}/sales/{sale['saleId']}/payments/{booked['paymentId']}"
    )


def list_payments(call: Call) -> Response:
    return JSONResponse(call.books.get(KIND, call.ids["sale"])["salePayments"])
