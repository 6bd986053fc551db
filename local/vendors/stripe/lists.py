"""Reading: cursor pages, filters by time, and `expand[]`."""

from typing import Any

from local.vendors.store import Document
from local.vendors.stripe.account import Account, public
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.params import Params, integer

KINDS = {
    "ch": "charge",
    "cs": "checkout.session",
    "cus": "customer",
    "dp": "dispute",
    "evt": "event",
    "pi": "payment_intent",
    "pm": "payment_method",
    "re": "refund",
}
COMPARE = {
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}


def page(found: list[Document], params: Params, url: str) -> Document:
    """One page of `found` (oldest first), newest first, 10 unless `limit` says 1 to 100."""
    newest = [d for d in reversed(found) if _created_matches(d, params.get("created"))]
    limit = integer(params.get("limit", 10), "limit", least=1, most=100)
    after, before = params.get("starting_after"), params.get("ending_before")
    if before:
        earlier = newest[: _position(newest, before, "ending_before")]
        data, more = earlier[-limit:], len(earlier) > limit
    else:
        rest = newest[_position(newest, after, "starting_after") + 1 :] if after else newest
        data, more = rest[:limit], len(rest) > limit
    shown = [public(d) for d in data]
    return {"object": "list", "url": url, "has_more": more, "data": shown}


def _position(found: list[Document], object_id: str, param: str) -> int:
    for position, document in enumerate(found):
        if document["id"] == object_id:
            return position
    raise StripeError.no_such("object", object_id, param=param)


def _created_matches(document: Document, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return bool(document["created"] == integer(wanted, "created", most=2**40))
    for name, bound in wanted.items():
        if name not in COMPARE:
            raise StripeError.invalid(f"Invalid created filter: {name}", param="created")
        if not COMPARE[name](document["created"], integer(bound, "created", most=2**40)):
            return False
    return True


def expand(account: Account, answer: Document, paths: Any) -> Document:
    """Replace ids by their objects along each path, e.g. `data.payment_intent`."""
    for path in paths or []:
        _expand(account, answer, path.split("."))
    return answer


def _expand(account: Account, holder: Document, path: list[str]) -> None:
    name, *rest = path
    if isinstance(holder.get(name), str):
        holder[name] = _object(account, holder[name], name)
    elif name == "line_items" and holder.get("object") == "checkout.session":
        session = account.get("checkout.session", holder["id"])
        url = f"/v1/checkout/sessions/{holder['id']}/line_items"
        holder[name] = page(list(reversed(session["_line_items"])), {"limit": 100}, url)
    elif name not in holder:
        message = f"This property cannot be expanded ({name})."
        raise StripeError.invalid(message, param="expand")
    for inner in holder[name] if isinstance(holder[name], list) else [holder[name]]:
        if rest and isinstance(inner, dict):
            _expand(account, inner, rest)


def _object(account: Account, object_id: str, name: str) -> Document:
    kind = KINDS.get(object_id.split("_")[0])
    found = account.store.get(kind, object_id) if kind else None
    if found is None:
        message = f"This property cannot be expanded ({name})."
        raise StripeError.invalid(message, param="expand")
    return public(found)
