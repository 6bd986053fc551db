"""Customers and suppliers: `/contacts`."""

from starlette.responses import Response

from local.vendors.fiken import bodies
from local.vendors.fiken.api import Call, created, one
from local.vendors.fiken.books import Books, public, today
from local.vendors.fiken.lists import Filters, page
from local.vendors.store import Document

KIND = "contact"
# Written, never read: Fiken's specification marks them writeOnly.
WRITE_ONLY = ("phoneNumber", "memberNumber", "memberNumberString", "currency")
FILTERS = Filters(
    equal=(
        "supplierNumber",
        "customerNumber",
        "memberNumber",
        "memberNumberString",
        "name",
        "organizationNumber",
        "email",
        "customer",
        "supplier",
        "inactive",
        "phoneNumber",
    ),
    dates=("createdDate", "lastModified"),
)


def create(call: Call) -> Response:
    """Two posts make two contacts; nothing here knows that they are the same company."""
    body = call.body(bodies.Contact)
    contact: Document = {"contactId": call.books.next_id(), "createdDate": today()}
    _write(call.books, contact, body)
    call.books.store.record(
        "contacts.create", id=contact["contactId"], member=contact.get("_memberNumberString")
    )
    return created(_url(call.books, contact))


def update(call: Call) -> Response:
    contact = call.books.get(KIND, call.ids["contact"])
    _write(call.books, contact, call.body(bodies.Contact))
    call.books.store.record("contacts.update", id=contact["contactId"])
    return Response(headers={"Location": _url(call.books, contact)})


def _write(books: Books, contact: Document, body: bodies.Contact) -> None:
    sent = {"customer": body.customer, "supplier": body.supplier, "inactive": body.inactive}
    for name, value in {**body.given(), **sent}.items():
        contact[f"_{name}" if name in WRITE_ONLY else name] = value
    contact.setdefault("language", "NORWEGIAN")
    if body.customer and "customerNumber" not in contact:
        number = books.next("customer", 10_001)
        contact.update(customerNumber=number, customerAccountCode=f"1500:{number}")
    if body.supplier and "supplierNumber" not in contact:
        number = books.next("supplier", 20_001)
        contact.update(supplierNumber=number, supplierAccountCode=f"2400:{number}")
    books.save(KIND, contact["contactId"], contact)


def _url(books: Books, contact: Document) -> str:
    return f"{books.company_url}/contacts/{contact['contactId']}"


def get(call: Call) -> Response:
    return one(public(call.books.get(KIND, call.ids["contact"])))


def listed(call: Call) -> Response:
    found = FILTERS.keep(call.books.store.find(KIND), call.query)
    return page(found, call.query)


def delete(call: Call) -> Response:
    """204 when nothing was booked on the contact; else it is kept and made inactive."""
    contact = call.books.get(KIND, call.ids["contact"])
    contact_id = contact["contactId"]
    booked = call.books.store.find("invoice", _customerId=contact_id)
    call.books.store.record("contacts.delete", id=contact_id, kept=bool(booked))
    if not booked:
        call.books.store.delete(f"{KIND}:{contact_id}")
        return Response(status_code=204)
    contact["inactive"] = True
    call.books.save(KIND, contact_id, contact)
    return one(public(contact))
