"""One company's books: documents with Fiken's numbers, and how they refuse."""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from local.vendors.control import StandIn
from local.vendors.store import Document, Store

# Real ids no longer fit 32 bits; clients that think so must fail here already.
FIRST_ID = 7_300_000_000
FIRST_NUMBER = 10_001
COUNTER = "counter"


@dataclass(frozen=True)
class FikenSettings:
    """What the product and the stand-in must agree on."""

    token: str
    company_slug: str
    per_second: int = 4
    """Requests answered at once; Fiken slows down whoever sends more."""


class FikenError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description


@dataclass
class Books:
    """What every operation works on; it runs inside `store.transaction()`."""

    stand_in: StandIn
    settings: FikenSettings
    store: Store

    @property
    def company_url(self) -> str:
        return f"{self.stand_in.address}/api/v2/companies/{self.settings.company_slug}"

    def next(self, counter: str, first: int) -> int:
        """The next number of an unbroken series."""
        name = f"{COUNTER}:{counter}"
        value = int((self.store.get(COUNTER, name) or {"value": first - 1})["value"]) + 1
        self.store.put(COUNTER, name, {"value": value})
        return value

    def next_id(self) -> int:
        return self.next("id", FIRST_ID)

    def save(self, kind: str, document_id: int, document: Document) -> None:
        document["lastModifiedDate"] = today()
        self.store.put(kind, f"{kind}:{document_id}", document)

    def get(self, kind: str, document_id: int | str) -> Document:
        """The document; raises 404."""
        found = self.store.get(kind, f"{kind}:{document_id}")
        if found is None:
            raise FikenError(404, f"There is no {kind} with id {document_id}")
        return found


def today() -> str:
    """The date in Norway, yyyy-MM-dd."""
    return datetime.datetime.now(ZoneInfo("Europe/Oslo")).date().isoformat()


def public(document: Document) -> Document:
    """What a GET shows: write-only fields and our own begin with an underscore."""
    shown = {name: value for name, value in document.items() if not name.startswith("_")}
    return {name: value for name, value in shown.items() if value is not None}
