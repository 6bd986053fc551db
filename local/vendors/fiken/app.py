"""Puts the Fiken stand-in together: API, pages, doors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.fiken import company, contacts, credit_notes, invoices, sales
from local.vendors.fiken.api import Api, Operation
from local.vendors.fiken.books import Books, FikenSettings
from local.vendors.fiken.pages import Pages
from local.vendors.store import Store

__all__ = ["FikenSettings", "create_app"]

ROOT = "/api/v2"
COMPANY = f"{ROOT}/companies/{{slug}}"
OPERATIONS: list[tuple[str, str, str, Operation]] = [
    ("GET", f"{ROOT}/user", "user.get", company.user),
    ("GET", f"{ROOT}/companies", "companies.list", company.companies),
    ("GET", COMPANY, "companies.get", company.company),
    ("GET", f"{COMPANY}/accounts", "accounts.list", company.accounts),
    ("GET", f"{COMPANY}/bankAccounts", "bank_accounts.list", company.bank_accounts),
    ("GET", f"{COMPANY}/contacts", "contacts.list", contacts.listed),
    ("POST", f"{COMPANY}/contacts", "contacts.create", contacts.create),
    ("GET", f"{COMPANY}/contacts/{{contact}}", "contacts.get", contacts.get),
    ("PUT", f"{COMPANY}/contacts/{{contact}}", "contacts.update", contacts.update),
    ("DELETE", f"{COMPANY}/contacts/{{contact}}", "contacts.delete", contacts.delete),
    ("GET", f"{COMPANY}/invoices", "invoices.list", invoices.listed),
    ("POST", f"{COMPANY}/invoices", "invoices.create", invoices.create),
    ("POST", f"{COMPANY}/invoices/send", "invoices.send", invoices.send),
    ("GET", f"{COMPANY}/invoices/{{invoice}}", "invoices.get", invoices.get),
    ("PATCH", f"{COMPANY}/invoices/{{invoice}}", "invoices.update", invoices.update),
    ("GET", f"{COMPANY}/creditNotes", "credit_notes.list", credit_notes.listed),
    ("POST", f"{COMPANY}/creditNotes/full", "credit_notes.full", credit_notes.create_full),
    ("POST", f"{COMPANY}/creditNotes/partial", "credit_notes.partial", credit_notes.create_partial),
    ("GET", f"{COMPANY}/creditNotes/{{note}}", "credit_notes.get", credit_notes.get),
    ("GET", f"{COMPANY}/sales/{{sale}}", "sales.get", sales.get),
    ("GET", f"{COMPANY}/sales/{{sale}}/payments", "sales.payments.list", sales.list_payments),
    ("POST", f"{COMPANY}/sales/{{sale}}/payments", "sales.payments.create", sales.create_payment),
]


def create_app(stand_in: StandIn, settings: FikenSettings) -> Starlette:
    """The stand-in as an ASGI application, with `GET /` for people."""
    books = Books(stand_in, settings, Store(stand_in.state / "fiken.sqlite", stand_in.journal))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        books.store.close()

    api = Api(books)
    operations = [
        Route(path, api.endpoint(name, operation), methods=[method])
        for method, path, name, operation in OPERATIONS
    ]
    pages = Pages(books).routes()
    return Starlette(routes=[*operations, *pages, *stand_in.routes()], lifespan=lifespan)
