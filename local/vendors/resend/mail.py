"""What a mail must look like for Resend to take it, and where it then ends up."""

import re
from typing import Any

from local.vendors.resend.errors import ResendError

Mail = dict[str, Any]

MOST_RECIPIENTS = 50
ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\"]+")
NAMED = re.compile(r"[^<>\r\n]*<([^<>]+)>")
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
FATES = {
    "bounced": ["email.bounced"],
    "complained": ["email.delivered", "email.complained"],
    "suppressed": ["email.suppressed"],
}


def read_mail(given: Any) -> Mail:
    """The mail a request describes, lists where Resend keeps lists; raises ResendError."""
    if not isinstance(given, dict):
        raise ResendError("validation_error", "The mail must be a JSON object.", 400)
    _check_presence(given)
    mail: Mail = {name: _text(given, name) for name in ("from", "subject", "html", "text")}
    if bare_address(mail["from"]) is None:
        raise _malformed("from")
    if re.search(r"[\r\n]", mail["subject"]):
        raise ResendError("validation_error", "The `\\n` is not allowed in the `subject` field.")
    for name in ("to", "cc", "bcc", "reply_to"):
        mail[name] = _addresses(given, name)
    if len(mail["to"]) > MOST_RECIPIENTS:
        raise ResendError("validation_error", f"Too many recipients: at most {MOST_RECIPIENTS}.")
    mail["headers"] = _headers(given.get("headers") or {})
    mail["tags"] = _tags(given.get("tags") or [])
    mail["attachments"] = _attachments(given.get("attachments") or [])
    mail["scheduled_at"] = given.get("scheduled_at")
    return mail


def bare_address(text: str) -> str | None:
    """The address in `a@b.no` or `Name <a@b.no>`, in lower case; None when there is none."""
    named = NAMED.fullmatch(text.strip())
    address = (named[1] if named else text).strip()
    return address.lower() if ADDRESS.fullmatch(address) else None


def fate_of(mail: Mail) -> list[str]:
    """The events after `email.sent`, decided by Resend's test addresses; labels are allowed."""
    for text in mail["to"]:
        local, _, domain = (bare_address(text) or "").partition("@")
        if domain == "resend.dev" and local.partition("+")[0] in FATES:
            return FATES[local.partition("+")[0]]
    return ["email.delivered"]


def _check_presence(given: Mail) -> None:
    for name in ("from", "to", "subject"):
        if not given.get(name):
            raise ResendError("missing_required_field", f"Missing `{name}` field.")
    if not (given.get("html") or given.get("text")):
        raise ResendError("missing_required_field", "Missing `html` or `text` field.")


def _malformed(name: str) -> ResendError:
    return ResendError(
        "validation_error",
        f"Invalid `{name}` field. The email address needs to follow the `email@example.com` or "
        "`Name <email@example.com>` format.",
    )


def _text(given: Mail, name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ResendError("validation_error", f"The `{name}` field must be a `string`.")
    return value


def _addresses(given: Mail, name: str) -> list[str]:
    value = given.get(name) or []
    addresses = [value] if isinstance(value, str) else value
    if not isinstance(addresses, list):
        raise _malformed(name)
    for address in addresses:
        if not isinstance(address, str) or bare_address(address) is None:
            raise _malformed(name)
    return addresses


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ResendError("validation_error", "The `headers` field must be an `object`.")
    for name, value in given.items():
        if not isinstance(value, str) or re.search(r"[\r\n]", name + value):
            raise ResendError("validation_error", f"The header `{name}` is invalid.")
    return dict(given)


def _tags(given: Any) -> list[dict[str, str]]:
    tags: list[Any] = given if isinstance(given, list) else [None]
    for tag in tags:
        values = [tag.get("name"), tag.get("value", "")] if isinstance(tag, dict) else [None]
        if not all(isinstance(v, str) and (TAG.fullmatch(v) or v == "") for v in values):
            raise ResendError(
                "validation_error",
                "Tags should only contain ASCII letters, numbers, underscores, or dashes.",
            )
    return tags


def _attachments(given: Any) -> list[Mail]:
    attachments: list[Any] = given if isinstance(given, list) else [None]
    for attachment in attachments:
        if not isinstance(attachment, dict) or not (
            attachment.get("content") or attachment.get("path")
        ):
            raise ResendError("validation_error", "Attachment must have `content` or `path`.")
    return attachments
