"""Turns a letter into a mail: subject, HTML and text in the workspace's look."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.private import Letter
from services.notifications.mails import rules
from services.notifications.wording import FOOTER, ROLES, UNKNOWN, WORDINGS

OWN_COLOR = "#1D4ED8"
TEMPLATES = FileSystemLoader(Path(__file__).with_name("templates"))

_HTML = Environment(loader=TEMPLATES, autoescape=True, undefined=StrictUndefined)
_TEXT = Environment(loader=TEMPLATES, autoescape=False, undefined=StrictUndefined)  # noqa: S701


@dataclass(frozen=True)
class Mail:
    """What is handed to the provider; it may hold a secret link, so it is never logged."""

    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)


def render(letter: Letter, *, public_url: str, logo: str | None) -> Mail:
    """The same letter always gives the same mail: a repeat under the same key must not differ.

    `logo` is the address of the picture, e.g. `cid:logo`.
    """
    wording = WORDINGS[rules.template_of(letter)][letter.language]
    values = _values_of(letter)
    color = letter.brand.primary_color or OWN_COLOR
    # Filled as plain text first; the HTML template escapes the finished sentence.
    shared = {
        **values,
        "subject": _one_line(_filled(wording.subject, values)),
        "greeting": _filled(wording.greeting, values),
        "paragraphs": [_filled(paragraph, values) for paragraph in wording.paragraphs],
        "button": wording.button,
        "closing": wording.closing,
        "footer": _filled(FOOTER[letter.language], values),
        "link": rules.link_of(letter, public_url),
        "logo": logo,
        "color": color,
        "text_color": text_on(color),
        "branded": letter.brand.primary_color is not None,
    }
    return Mail(
        subject=shared["subject"],
        html=_HTML.get_template("mail.html.j2").render(shared),
        text=_TEXT.get_template("mail.txt.j2").render(shared),
    )


def _values_of(letter: Letter) -> dict[str, Any]:
    language = letter.language
    values = letter.model_dump(exclude={"token"})
    values["occurred"] = rules.spoken(letter.occurred_at, language)
    for name, spoken in (("expires_at", "expires"), ("until", "until")):
        if name in values:
            values[spoken] = rules.spoken(values[name], language)
    if "role" in values:
        values["role"] = ROLES[language][values["role"]]
    for name in ("ip_address", "user_agent"):
        if name in values:
            values[name] = values[name] or UNKNOWN[language]
    return values


def _filled(template: str, values: dict[str, Any]) -> str:
    return _TEXT.from_string(template).render(values)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def text_on(color: str) -> str:
    """Black or white, whichever WCAG 2 finds easier to read on #RRGGBB."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


def preview_page() -> str:
    """Every mail in every language, as links."""
    return _HTML.get_template("previews.html.j2").render(wordings=WORDINGS)
