"""What the demo leaves behind: summary.json, the contact sheet, and its last lines."""

import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from local.demo.journey import Outcome

COLUMN = 640
CAPTION = 28
MARGIN = 12


def summary_of(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The machine-readable result; amounts in minor units, durations in seconds."""
    invoice = outcome.invoice
    return {
        "photos": [photo.summary() for photo in outcome.photos],
        "film": outcome.film,
        "invoice": {
            "number": invoice["fiken_invoice_number"],
            "status": invoice["status"],
            "total_minor_units": invoice["total_amount_ore"],
            "currency": invoice["currency"].lower(),
        },
        "commission": _commission_on_invoice(outcome),
        "events": outcome.events,
        "seconds": round(seconds, 1),
    }


def _commission_on_invoice(outcome: Outcome) -> dict[str, Any]:
    mine = [e for e in outcome.commission if e["currency"] == "nok"]
    total = sum(earning["earning_amount_minor_units"] for earning in mine)
    return {"amount_minor_units": total, "currency": "nok"}


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


def draw_contact_sheet(outcome: Outcome, path: Path) -> None:
    """Before and after side by side, one row a photo, as a JPEG."""
    rows = [photo for photo in outcome.photos if photo.before and photo.after]
    height = COLUMN * 3 // 4
    sheet = Image.new(
        "RGB",
        (2 * COLUMN + 3 * MARGIN, len(rows) * (height + CAPTION + MARGIN) + MARGIN),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    for number, photo in enumerate(rows):
        top = MARGIN + number * (height + CAPTION + MARGIN)
        draw.text((MARGIN, top + 6), f"{photo.path.name}: before and after", fill="black")
        for column, file in enumerate((photo.before, photo.after)):
            with Image.open(str(file)) as picture:
                fitted = ImageOps.pad(picture, (COLUMN, height), color="white")
            sheet.paste(fitted, (MARGIN + column * (COLUMN + MARGIN), top + CAPTION))
    sheet.save(path, quality=88)


def money(minor_units: int, currency: str) -> str:
    return f"{minor_units // 100:,}.{minor_units % 100:02d} {currency.upper()}".replace(",", " ")


def closing_lines(outcome: Outcome, summary: dict[str, Any], out: Path) -> list[str]:
    """What to look at, what happened, and the money."""
    charged: dict[str, int] = {}
    for payment in outcome.charged:
        currency = payment["currency"]
        charged[currency] = charged.get(currency, 0) + payment["amount_minor_units"]
    earned: dict[str, int] = {}
    for earning in outcome.commission:
        currency = earning["currency"]
        earned[currency] = earned.get(currency, 0) + earning["earning_amount_minor_units"]
    refused = [photo for photo in outcome.photos if photo.error]
    invoice = summary["invoice"]
    return [
        "",
        f"Before and after  {out / 'contact-sheet.jpg'}",
        f"Film              {outcome.film['path']}  ({outcome.film['duration_seconds']:.1f} s,"
        f" {outcome.film['width']}x{outcome.film['height']})",
        f"Film strip        {out / 'film-strip.jpg'}",
        f"Invoice           {out / 'invoice.html'}  (number {invoice['number']},"
        f" {invoice['status']})",
        *(f"Not taken         {photo.path.name}: {photo.error}" for photo in refused),
        "",
        "Facts             "
        + ", ".join(f"{name} {count}" for name, count in outcome.events.items()),
        "",
        f"Charged           {', '.join(money(a, c) for c, a in charged.items())}",
        f"Invoiced          {money(invoice['total_minor_units'], invoice['currency'])}",
        f"Commission        {', '.join(money(a, c) for c, a in earned.items())}",
        f"Time              {summary['seconds']:.0f} s",
    ]
