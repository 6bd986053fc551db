"""Identity's notes to itself."""

from contracts.event import PrivateEvent
from contracts.private import Language


class PasswordForgotten(PrivateEvent):
    """Somebody typed this address; whether it has an account is looked up where nobody waits."""

    routing_key = "identity.password_forgotten.v1"

    email: str


class SignUpAsked(PrivateEvent):
    """Somebody wants a workspace under this address; whether it is free is seen as above.

    The workspace and the actor are those there will be, so that a repeat founds nothing twice.
    """

    routing_key = "identity.sign_up_asked.v1"

    name: str
    email: str
    language: Language
    password_hash: str
    referral_code: str | None
