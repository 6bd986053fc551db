"""What the pay page looks like; it says plainly that no money moves."""

from html import escape

from local.vendors.store import Document
from local.vendors.stripe import cards

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1c2430;margin:0}
main{max-width:30rem;margin:3rem auto;background:#fff;padding:2rem;border-radius:12px}
h1{font-size:1.3rem;margin:0 0 .5rem}.sum{font-size:2rem;font-weight:600;margin:.5rem 0}
button,select{font:inherit;padding:.7rem;width:100%;border-radius:8px;border:1px solid #8a93a0;
background:#fff;margin:.3rem 0;box-sizing:border-box}button.main{background:#1f4fd8;color:#fff}
.note{background:#fff4d6;padding:.6rem 1rem;border-radius:8px}.bad{background:#fde2e0;
padding:.6rem 1rem;border-radius:8px}ul{padding-left:1.2rem}
"""


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style><main><p class=note>Stand-in for Stripe: no money moves.</p>"
        f"{body}</main></html>"
    )


def message(title: str, text: str) -> str:
    return page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def money(amount: int, currency: str) -> str:
    """Minor units as a person reads them, e.g. `1 250.00 NOK`."""
    whole, rest = divmod(amount, 100)
    return f"{whole:,}".replace(",", " ") + f".{rest:02d} {currency.upper()}"


def pay(session: Document, error: str | None = None) -> str:
    """Lines, amount, and one form per thing a payer may do."""
    lines = "".join(
        f"<li>{escape(line['description'])} × {line['quantity']}:"
        f" {money(line['amount_total'], line['currency'])}</li>"
        for line in session["_line_items"]
    )
    options = "".join(
        f'<option value="{number}">{number[:4]} … {number[-4:]}, {escape(name)}</option>'
        for number, name in cards.NAMES.items()
    )
    refused = f'<p class=bad role="alert">{escape(error)}</p>' if error else ""
    card = f'<label for="card">Card</label><select id="card" name="card">{options}</select>'
    return page(
        "Pay",
        f"<h1>Pay AI Studio</h1>{refused}<ul>{lines}</ul>"
        f'<p class="sum">{money(session["amount_total"], session["currency"])}</p>'
        + form(session, "pay", "Pay", card)
        + form(session, "decline", "Pay with a card that is declined")
        + form(session, "challenge", "Pay with a card that asks for 3-D Secure")
        + form(session, "bank", "Pay by bank debit (settles later)")
        + form(session, "cancel", "Cancel and go back"),
    )


def form(session: Document, action: str, label: str, fields: str = "") -> str:
    main = ' class="main"' if action == "pay" else ""
    return (
        f'<form method="post" action="/c/pay/{session["id"]}">{fields}'
        f'<button{main} name="action" value="{action}">{escape(label)}</button></form>'
    )


def challenge(intent: Document) -> str:
    amount = money(intent["amount"], intent["currency"])
    return page(
        "3-D Secure",
        f"<h1>Your bank asks: is it you?</h1><p>{amount} to AI Studio.</p>"
        '<form method="post"><button class="main" name="outcome" value="pass">Yes, pay</button>'
        '<button name="outcome" value="fail">No, stop</button></form>',
    )
