"""Resend by its own client: one mail per idempotency key, failures in two classes."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import resend
from resend.exceptions import ResendError
from resend.http_client_httpx import HTTPXClient

from services.notifications.rendering import Mail
from services.notifications.settings import Settings

LOGO = "logo"


class MailTransient(Exception):
    """It may work later: limits, timeouts, 5xx, a key that is being changed."""


class MailRefused(Exception):
    """It will never work; `code` is Resend's name for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Outgoing:
    """A rendered mail, to whom, and the key that makes it one however often it is sent."""

    to: str
    mail: Mail
    idempotency_key: str
    tags: dict[str, str]
    logo: bytes | None = field(default=None, repr=False)
    """PNG, shown as `cid:logo`."""


class Resend:
    """The account our settings name."""

    def __init__(self, settings: Settings) -> None:
        self._sender = settings.sender
        self._webhook_secret = settings.resend_webhook_secret.get_secret_value()
        # The client keeps these for the whole process; ours has one account.
        resend.api_key = settings.resend_api_key.get_secret_value()
        resend.api_url = settings.resend_url
        resend.default_async_http_client = HTTPXClient(timeout=settings.resend_timeout_seconds)

    async def send(self, outgoing: Outgoing) -> str | None:
        """Resend's id; None when an earlier try of ours was taken in other words.

        Raises MailTransient, MailRefused.
        """
        try:
            answer = await resend.Emails.send_async(
                self._params(outgoing), {"idempotency_key": outgoing.idempotency_key}
            )
        except ResendError as error:
            if error.error_type == "invalid_idempotent_request":
                return None
            raise _class_of(error) from error
        return str(answer["id"])

    def _params(self, outgoing: Outgoing) -> resend.Emails.SendParams:
        params: resend.Emails.SendParams = {
            "from": self._sender,
            "to": [outgoing.to],
            "subject": outgoing.mail.subject,
            "html": outgoing.mail.html,
            "text": outgoing.mail.text,
            "tags": [{"name": name, "value": value} for name, value in outgoing.tags.items()],
        }
        if outgoing.logo is not None:
            params["attachments"] = [
                {
                    "filename": "logo.png",
                    "content": base64.b64encode(outgoing.logo).decode(),
                    "content_type": "image/png",
                    "content_id": LOGO,
                }
            ]
        return params

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """The event of a webhook; raises ValueError when Resend did not sign it just now."""
        event = resend.Webhooks.verify(
            {
                "payload": body.decode(),
                "headers": {
                    "id": headers.get("svix-id", ""),
                    "timestamp": headers.get("svix-timestamp", ""),
                    "signature": headers.get("svix-signature", ""),
                },
                "webhook_secret": self._webhook_secret,
            }
        )
        if not isinstance(event, dict):
            raise ValueError("not an event")
        return dict(event)


def _class_of(error: ResendError) -> Exception:
    code = int(error.code) if str(error.code).isdigit() else 500
    if code in (400, 413, 422):
        return MailRefused(error.error_type)
    # Also 401 and 403: a wrong key is ours to repair, and the mail is still owed.
    return MailTransient(error.error_type)
