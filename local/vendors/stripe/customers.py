"""Customers and the cards saved on them: `/v1/customers`, `/v1/payment_methods`."""

from local.vendors.store import Document
from local.vendors.stripe import cards, intents, objects
from local.vendors.stripe.account import public
from local.vendors.stripe.api import Call
from local.vendors.stripe.lists import page
from local.vendors.stripe.params import metadata, one_of, only, required

FIELDS = frozenset(
    [
        "address",
        "description",
        "email",
        "invoice_settings",
        "metadata",
        "name",
        "phone",
        "preferred_locales",
        "tax_exempt",
    ]
)


def create(call: Call) -> Document:
    only(call.params, FIELDS)
    customer = objects.customer(call.params, metadata(call.params), call.account.now())
    call.account.save(customer)
    call.account.store.record("customers.create", id=customer["id"], metadata=customer["metadata"])
    call.account.emit("customer.created", customer)
    return customer


def retrieve(call: Call) -> Document:
    customer_id = call.ids["customer"]
    if call.account.store.get("deleted", f"deleted_{customer_id}") is not None:
        return _deleted(customer_id)
    return call.account.get("customer", customer_id)


def update(call: Call) -> Document:
    only(call.params, FIELDS)
    customer = call.account.get("customer", call.ids["customer"])
    before = dict(customer)
    given = {name: value for name, value in call.params.items() if name in FIELDS}
    settings = {**customer["invoice_settings"], **given.pop("invoice_settings", {})}
    kept = {k: v for k, v in customer["metadata"].items() if k not in given.get("metadata", {})}
    customer.update(given, invoice_settings=settings, metadata={**kept, **metadata(call.params)})
    call.account.save(customer)
    changed = {name: before[name] for name in before if before[name] != customer[name]}
    call.account.emit("customer.updated", customer, **changed)
    return customer


def delete(call: Call) -> Document:
    """Forget a person; their payments stay, as at Stripe."""
    customer = call.account.get("customer", call.ids["customer"])
    call.account.store.delete(customer["id"])
    call.account.store.put("deleted", f"deleted_{customer['id']}", {})
    for method in call.account.store.find("payment_method", customer=customer["id"]):
        method["customer"] = None
        call.account.save(method)
    call.account.store.record("customers.delete", id=customer["id"])
    call.account.emit("customer.deleted", customer)
    return _deleted(customer["id"])


def listed(call: Call) -> Document:
    email = call.params.get("email")
    equal = {"email": email} if email else {}
    return page(call.account.store.find("customer", **equal), call.params, call.path)


def list_methods(call: Call) -> Document:
    """Cards of one customer, by path or by the `customer` parameter."""
    customer_id = call.ids.get("customer") or required(call.params, "customer")
    call.account.get("customer", customer_id, param="customer")
    one_of(call.params.get("type", "card"), "type", ("card",))
    found = call.account.store.find("payment_method", customer=customer_id)
    return page(found, call.params, call.path)


def retrieve_method(call: Call) -> Document:
    return public(cards.find_method(call.account, call.ids["method"]))


def attach_method(call: Call) -> Document:
    customer = call.account.get("customer", required(call.params, "customer"), param="customer")
    method = cards.find_method(call.account, call.ids["method"])
    return public(intents.attach(call.account, method, customer["id"]))


def detach_method(call: Call) -> Document:
    method = call.account.get("payment_method", call.ids["method"])
    method["customer"] = None
    call.account.save(method)
    call.account.store.record("payment_methods.detach", id=method["id"])
    call.account.emit("payment_method.detached", method)
    return public(method)


def _deleted(customer_id: str) -> Document:
    return {"id": customer_id, "object": "customer", "deleted": True}
