"""Every way billing can say no."""

from chassis.errors import Refusal


class WorkspaceSuspended(Refusal):
    """Reading stays possible; nothing new starts."""

    status, code, title = 403, "workspace_suspended", "The workspace is suspended"


class InvoiceNotAllowed(Refusal):
    """Invoices need an organisation number and enterprise or an administrator's approval."""

    status, code = 403, "invoice_not_allowed"
    title = "This workspace may not pay by invoice"


class FreeNotAllowed(Refusal):
    """Free projects come from a trial's allowance or an administrator's grant."""

    status, code, title = 403, "free_not_allowed", "There is no free project left"


class AlreadyCharged(Refusal):
    """A project has one charge basis."""

    status, code = 409, "already_charged"
    title = "This project is already being paid in another way"


class StripeAway(Refusal):
    """Stripe did not answer; the same request may be repeated without a second charge."""

    status, code, title = 503, "stripe_unavailable", "The card payment service does not answer"


class CheckoutRefused(Refusal):
    """Stripe will not open a pay page for this request, whenever we ask."""

    status, code, title = 422, "checkout_refused", "The card payment service refused the request"


class NotStripe(Refusal):
    """The signature does not fit the body, or is too old."""

    status, code, title = 400, "bad_signature", "The message is not signed by Stripe"


class NothingToInvoice(Refusal):
    """No pending line was named or found."""

    status, code, title = 409, "nothing_to_invoice", "There is no pending line to invoice"


class LineNotPending(Refusal):
    """A line belongs to one invoice at most."""

    status, code, title = 409, "line_not_pending", "A line is already invoiced or cancelled"


class NotADraft(Refusal):
    """An invoice is sent once."""

    status, code, title = 409, "invoice_not_draft", "The invoice was already sent"


class NoOrganisationNumber(Refusal):
    """Fiken needs to know whom we invoice."""

    status, code = 409, "no_organization_number"
    title = "The workspace has no organisation number"


class InvoiceNotOpen(Refusal):
    """Only a sent or overdue invoice can be paid, and once."""

    status, code, title = 409, "invoice_not_open", "The invoice is not waiting for payment"


class FikenAway(Refusal):
    """Fiken did not answer; nothing was changed here."""

    status, code, title = 503, "fiken_unavailable", "The accounting service does not answer"
