"""Which accounts a movement touches; debit is positive, credit negative; sums to zero."""

STRIPE = "stripe_clearing"
BANK = "bank"
RECEIVABLE = "receivable"
REVENUE = "revenue"
VAT = "vat_payable"
OWED = "owed_to_customer"
DISPUTED = "dispute_losses"

Sides = dict[str, int]


def card_paid(amount: int) -> Sides:
    return {STRIPE: amount, REVENUE: -amount}


def card_overpaid(amount: int) -> Sides:
    """Money taken that was never owed: the second of two paid pages."""
    return {STRIPE: amount, OWED: -amount}


def card_refunded(amount: int, *, extra: bool) -> Sides:
    return {OWED if extra else REVENUE: amount, STRIPE: -amount}


def refund_failed(amount: int, *, extra: bool) -> Sides:
    return {account: -side for account, side in card_refunded(amount, extra=extra).items()}


def dispute_lost(amount: int) -> Sides:
    return {DISPUTED: amount, STRIPE: -amount}


def invoice_sent(net: int, vat: int) -> Sides:
    return {RECEIVABLE: net + vat, REVENUE: -net, VAT: -vat}


def invoice_paid(gross: int) -> Sides:
    return {BANK: gross, RECEIVABLE: -gross}


def invoice_credited(net: int, vat: int, *, paid: bool) -> Sides:
    """A paid invoice leaves money we owe; an unpaid one a smaller claim."""
    return {REVENUE: net, VAT: vat, OWED if paid else RECEIVABLE: -(net + vat)}
