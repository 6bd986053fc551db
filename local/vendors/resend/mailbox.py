"""The mailbox pages: what was sent, escaped, and each mail's HTML shut in a sandbox."""

from html import escape

from starlette.responses import HTMLResponse, Response

from local.vendors.resend.mail import Mail

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'"
# A mail may show pictures and open its links in a new tab, and nothing else.
MAIL_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"sandbox {MAIL_SANDBOX}; default-src 'none'; img-src http: https: data:; "
    "style-src 'unsafe-inline'; font-src http: https: data:; form-action 'none'"
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ccc; padding: .5rem; text-align: left }
iframe { border: 1px solid #ccc; height: 70vh; width: 100% }
pre { white-space: pre-wrap }
"""


def list_page(mails: list[Mail]) -> Response:
    """All mails, newest first."""
    rows = "".join(
        f"<tr><td>{escape(mail['created_at'][:19])}</td><td>{escape(', '.join(mail['to']))}</td>"
        f'<td><a href="/_mail/{escape(mail["id"])}">{escape(mail["subject"])}</a></td>'
        f"<td>{escape(mail['last_event'])}</td></tr>"
        for mail in reversed(mails)
    )
    head = "<tr><th>Sent (UTC)</th><th>To</th><th>Subject</th><th>Fate</th></tr>"
    return _page("Mailbox", f"<h1>Mailbox</h1><table>{head}{rows}</table>")


def mail_page(mail: Mail) -> Response:
    """One mail: its fields, its HTML in a sandbox, its text."""
    fields = "".join(
        f"<tr><th>{name}</th><td>{escape(value)}</td></tr>"
        for name, value in (
            ("From", mail["from"]),
            ("To", ", ".join(mail["to"])),
            ("Reply to", ", ".join(mail["reply_to"])),
            ("Sent (UTC)", mail["created_at"][:19]),
            ("Fate", mail["last_event"]),
            ("Attachments", ", ".join(str(a.get("filename", "")) for a in mail["attachments"])),
        )
        if value
    )
    html = (
        f'<iframe title="The mail" sandbox="{MAIL_SANDBOX}" src="/_mail/{escape(mail["id"])}/html">'
        "</iframe>"
    )
    text = f"<h2>As text</h2><pre>{escape(mail['text'])}</pre>" if mail["text"] else ""
    body = (
        f'<p><a href="/">Mailbox</a></p><h1>{escape(mail["subject"])}</h1><table>{fields}</table>'
        f"{html if mail['html'] else ''}{text}"
    )
    return _page(mail["subject"], body)


def mail_html(mail: Mail) -> Response:
    """The mail's own HTML, which the browser must treat as a stranger."""
    page = f'<!doctype html><base target="_blank">{mail["html"] or ""}'
    headers = {"content-security-policy": MAIL_POLICY, "x-content-type-options": "nosniff"}
    return HTMLResponse(page, headers=headers)


def _page(title: str, body: str) -> Response:
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )
    headers = {"content-security-policy": PAGE_POLICY, "referrer-policy": "no-referrer"}
    return HTMLResponse(page, headers=headers)
