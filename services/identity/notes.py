"""Identity's notes to itself."""

from contracts.event import PrivateEvent


class PasswordForgotten(PrivateEvent):
    """Somebody typed this address; whether it has an account is looked up where nobody waits."""

    routing_key = "identity.password_forgotten.v1"

    email: str
