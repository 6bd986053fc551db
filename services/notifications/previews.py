"""Letters nobody gets: one of each kind, so that people can see what our mails look like."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.private import (
    Brand,
    CredentialsChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    EmailVerified,
    ImpersonationStarted,
    InvitationSent,
    Language,
    Letter,
    PasswordResetRequested,
    SignedInElsewhere,
    SignUpRepeated,
)
from services.notifications.wording import TemplateName

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SECRET = {"token": "not-a-real-token", "expires_at": NOON}
BROWSER = "Firefox on Linux"


def sample(template: TemplateName, language: Language, color: str | None) -> Letter:
    """A letter as it could be, with invented people."""
    common: dict[str, Any] = {
        "workspace_id": UUID(int=0),
        "occurred_at": NOON - timedelta(hours=1),
        "to": "kari@example.com",
        "name": "Kari Nordmann",
        "language": language,
        "brand": Brand(workspace_name="Nordmann Eiendom", primary_color=color),
    }
    kinds: dict[TemplateName, tuple[type[Letter], dict[str, Any]]] = {
        "verify_email": (EmailVerificationRequested, SECRET),
        "change_email": (EmailChangeRequested, SECRET),
        "reset_password": (PasswordResetRequested, SECRET),
        "invitation": (InvitationSent, {**SECRET, "role": "member"}),
        "welcome": (EmailVerified, {}),
        "sign_up_repeated": (SignUpRepeated, {}),
        "password_changed": (CredentialsChanged, {"what": "password"}),
        "email_changed": (CredentialsChanged, {"what": "email"}),
        "signed_in_elsewhere": (
            SignedInElsewhere,
            {"ip_address": "192.0.2.7", "user_agent": BROWSER},
        ),
        "impersonation": (ImpersonationStarted, {"reason": "Ticket 4711", "until": NOON}),
    }
    kind, fields = kinds[template]
    return kind(**common, **fields)
