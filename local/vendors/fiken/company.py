"""The user, the one company, its bank account and the accounts we book on."""

from starlette.responses import Response

from local.vendors.fiken.api import Call, one
from local.vendors.fiken.books import Books
from local.vendors.fiken.lists import Filters, page
from local.vendors.store import Document

BANK_ACCOUNT: Document = {
    "bankAccountId": 7_200_000_001,
    "name": "Driftskonto",
    "accountCode": "1920:10001",
    "bankAccountNumber": "15030000009",
    "type": "normal",
    "reconciledBalance": 0,
    "reconciledDate": "2026-01-01",
    "inactive": False,
}
ACCOUNTS: list[Document] = [
    {"code": "1500", "name": "Kundefordringer"},
    {"code": "1920:10001", "name": "Driftskonto"},
    {"code": "2400", "name": "Leverandørgjeld"},
    {"code": "2700", "name": "Utgående merverdiavgift"},
    {"code": "3000", "name": "Salgsinntekt, avgiftspliktig"},
    {"code": "3100", "name": "Salgsinntekt, avgiftsfri"},
]


def user(call: Call) -> Response:
    return one({"name": "AI Studio", "email": "post@example.no"})


def _company(books: Books) -> Document:
    return {
        "name": "AI Studio (stand-in)",
        "slug": books.settings.company_slug,
        "organizationNumber": "999999999",
        "vatType": "bi-monthly",
        "address": {"city": "Oslo", "postCode": "0150", "country": "Norge"},
        "email": "post@example.no",
        "creationDate": "2026-01-01",
        "hasApiAccess": True,
        "testCompany": True,
        "accountingStartDate": "2026-01-01",
    }


def companies(call: Call) -> Response:
    return page([_company(call.books)], call.query)


def company(call: Call) -> Response:
    return one(_company(call.books))


def bank_accounts(call: Call) -> Response:
    return page(Filters(equal=("inactive",)).keep([BANK_ACCOUNT], call.query), call.query)


def accounts(call: Call) -> Response:
    """Between `fromAccount` and `toAccount`, both included."""
    first = call.query.get("fromAccount", "")
    last = call.query.get("toAccount", "9999:99999")
    return page([a for a in ACCOUNTS if first <= a["code"] <= last], call.query)
