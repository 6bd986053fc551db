"""Private facts that cross services: mail to one person, with secret links in it.

They travel on the `private-events` exchange, which no partner can read, and their bodies are
erased from the outbox once published. They are no part of the public list in `facts.py`.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.caller import Role
from contracts.event import PrivateEvent

Language = Literal["en", "nb"]


class Brand(BaseModel):
    """How a workspace looked when the fact was recorded; nulls mean our own look."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    workspace_name: str
    logo_key: str | None = None
    primary_color: str | None = None
    secondary_color: str | None = None


class Letter(PrivateEvent):
    """Something one person has to be told by mail; subclasses say what."""

    to: str
    """The mail address."""
    name: str
    language: Language
    brand: Brand


class SecretLetter(Letter):
    """A letter whose link lets its reader do something once, until it expires."""

    token: str
    expires_at: datetime


class EmailVerificationRequested(SecretLetter):
    """A new person has to show that the mailbox is theirs."""

    routing_key = "identity.email_verification_requested.v1"


class EmailChangeRequested(SecretLetter):
    """A person wants to use this mailbox from now on; the old one counts until it confirms."""

    routing_key = "identity.email_change_requested.v1"


class PasswordResetRequested(SecretLetter):
    """Somebody who knows the address asked to choose a new password."""

    routing_key = "identity.password_reset_requested.v1"


class InvitationSent(SecretLetter):
    """A colleague invites the mailbox's owner into the workspace; `name` is the inviter's."""

    routing_key = "identity.invitation_sent.v1"

    role: Role


class EmailVerified(Letter):
    """A person showed that the mailbox is theirs: welcome."""

    routing_key = "identity.email_verified.v1"


class SignUpRepeated(Letter):
    """Somebody tried to sign up with an address that has an account."""

    routing_key = "identity.sign_up_repeated.v1"


class CredentialsChanged(Letter):
    """The password or the address of the account changed; sent to the address as it was."""

    routing_key = "identity.credentials_changed.v1"

    what: Literal["password", "email"]


class SignedInElsewhere(Letter):
    """Somebody signed in, and no open session is of the same browser and network."""

    routing_key = "identity.signed_in_elsewhere.v1"

    ip_address: str | None
    user_agent: str | None


class ImpersonationStarted(Letter):
    """An administrator looks at the product as this person, for a while and for a reason."""

    routing_key = "identity.impersonation_started.v1"

    reason: str
    until: datetime
