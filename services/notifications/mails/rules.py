"""Which mail a fact asks for, where its link leads, and what a mail's fate may become."""

from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from contracts.private import (
    CredentialsChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    EmailVerified,
    ImpersonationStarted,
    InvitationSent,
    Language,
    Letter,
    PasswordResetRequested,
    SecretLetter,
    SignedInElsewhere,
    SignUpRepeated,
)
from services.notifications.wording import DATE, MONTHS, TemplateName

OSLO = ZoneInfo("Europe/Oslo")

TEMPLATES: dict[type[Letter], TemplateName] = {
    EmailVerificationRequested: "verify_email",
    EmailChangeRequested: "change_email",
    PasswordResetRequested: "reset_password",
    InvitationSent: "invitation",
    EmailVerified: "welcome",
    SignUpRepeated: "sign_up_repeated",
    SignedInElsewhere: "signed_in_elsewhere",
    ImpersonationStarted: "impersonation",
}
PATHS: dict[TemplateName, str] = {
    "verify_email": "/verify-email",
    "change_email": "/confirm-email",
    "reset_password": "/reset-password",
    "invitation": "/invitation",
    "welcome": "/",
    "sign_up_repeated": "/sign-in",
}


def template_of(letter: Letter) -> TemplateName:
    if isinstance(letter, CredentialsChanged):
        return "password_changed" if letter.what == "password" else "email_changed"
    return TEMPLATES[type(letter)]


def link_of(letter: Letter, public_url: str) -> str | None:
    """Behind the `#`: the secret reaches no server's log and no other site's referrer."""
    path = PATHS.get(template_of(letter))
    if path is None:
        return None
    secret = f"#token={quote(letter.token, safe='')}" if isinstance(letter, SecretLetter) else ""
    return f"{public_url.rstrip('/')}{path}{secret}"


def is_too_late(letter: Letter, now: datetime) -> bool:
    """A link that no longer works is not worth a mail."""
    return isinstance(letter, SecretLetter) and letter.expires_at <= now


def spoken(at: datetime, language: Language) -> str:
    """A moment in words, on Norwegian clocks."""
    local = at.astimezone(OSLO)
    return DATE[language].format(
        day=local.day,
        month=MONTHS[language][local.month - 1],
        year=local.year,
        time=f"{local:%H:%M}",
    )


FATES = {
    "email.sent": "sent",
    "email.delivered": "delivered",
    "email.complained": "complained",
    "email.bounced": "bounced",
    "email.suppressed": "suppressed",
    "email.failed": "refused",
}
BEFORE: dict[str, tuple[str, ...]] = {
    "sent": ("queued",),
    "delivered": ("queued", "sent"),
    "complained": ("queued", "sent", "delivered"),
    "bounced": ("queued", "sent", "delivered"),
    "suppressed": ("queued", "sent"),
    "refused": ("queued", "sent"),
    "expired": ("queued",),
}
"""From which states each may be reached: the provider tells in any order, and more than once."""


def is_final_for_address(event: str, bounce_type: str | None) -> str | None:
    """Why the address gets no more mail, if so; a full mailbox is no reason."""
    if event == "email.complained":
        return "complained"
    return "bounced" if event == "email.bounced" and bounce_type == "Permanent" else None
