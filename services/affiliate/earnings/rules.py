"""What a payment earns and what its refunds take back, in whole minor units."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from contracts.billing import PaymentMethod


@dataclass(frozen=True)
class Reversal:
    """Money of a payment that went back."""

    reference: str
    amount_minor_units: int


@dataclass(frozen=True)
class Line:
    """One earning to book; a reversal names its reference and is not positive."""

    reference: str | None
    base_amount_minor_units: int
    earning_amount_minor_units: int


def commission_of(base_minor_units: int, percent: int) -> int:
    """Half a minor unit is rounded up; the base is net of VAT and not negative."""
    return (base_minor_units * percent + 50) // 100


def is_card_payment(method: PaymentMethod) -> bool:
    """An invoice settles when it is paid, and what is free settles nothing."""
    return method == "stripe"


def missing_lines(
    base_minor_units: int,
    percent: int,
    reversals: Sequence[Reversal],
    booked: Collection[str | None],
) -> list[Line]:
    """What is not booked yet; `booked` holds references, and None for the commission itself.

    Each reversal takes back the difference between the commission on what stayed before it and
    after it. So the sum is always the commission on what stayed in the end: never negative, never
    above the base's share, and the same in whatever order the facts arrived.
    """
    lines = []
    if None not in booked:
        lines.append(Line(None, base_minor_units, commission_of(base_minor_units, percent)))
    gone = sum(r.amount_minor_units for r in reversals if r.reference in booked)
    for reversal in reversals:
        if reversal.reference not in booked:
            before = max(0, base_minor_units - gone)
            gone += reversal.amount_minor_units
            after = max(0, base_minor_units - gone)
            taken = commission_of(after, percent) - commission_of(before, percent)
            lines.append(Line(reversal.reference, after - before, taken))
    return lines
