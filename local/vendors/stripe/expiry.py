"""Checkout sessions end by themselves."""

from local.vendors.stripe import sessions
from local.vendors.stripe.account import Account


def expire_due(account: Account) -> None:
    """Expire every open session whose time has come; call inside a transaction."""
    now = account.now()
    for session in account.store.find("checkout.session", status="open"):
        if session["expires_at"] <= now:
            sessions.expire(account, session)
