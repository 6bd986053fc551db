"""What happened, asked for afterwards: `/v1/events`."""

from local.vendors.store import Document
from local.vendors.stripe.api import Call
from local.vendors.stripe.lists import page


def retrieve(call: Call) -> Document:
    return call.account.get("event", call.ids["event"], param="id")


def listed(call: Call) -> Document:
    """Newest first, of one `type` or several `types`."""
    wanted = call.params.get("types") or [call.params.get("type", "*")]
    found = call.account.store.find("event")
    kept = [e for e in found if any(_matches(e["type"], pattern) for pattern in wanted)]
    return page(kept, call.params, call.path)


def _matches(event_type: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern
