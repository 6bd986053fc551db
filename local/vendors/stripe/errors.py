"""Every way Stripe says no, in its own error envelope."""

from typing import Any

CARD_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


class StripeError(Exception):
    """An answer that is not 2xx: HTTP status and the fields of `error`."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        present = {name: value for name, value in fields.items() if value is not None}
        self.error = {"type": kind, "message": message, **present}

    @classmethod
    def invalid(
        cls, message: str, *, param: str | None = None, code: str | None = None
    ) -> "StripeError":
        return cls(400, "invalid_request_error", message, param=param, code=code)

    @classmethod
    def missing(cls, name: str) -> "StripeError":
        return cls.invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")

    @classmethod
    def no_such(cls, kind: str, object_id: str, *, param: str = "id") -> "StripeError":
        message = f"No such {kind}: '{object_id}'"
        code = "resource_missing"
        return cls(404, "invalid_request_error", message, code=code, param=param)

    @classmethod
    def from_fault(cls, status: int) -> "StripeError":
        """What Stripe says with this status when it is Stripe's doing and not ours."""
        if status == 402:
            message = CARD_MESSAGES["generic_decline"]
            return cls(402, "card_error", message, code="card_declined")
        if status == 429:
            return cls(429, "invalid_request_error", "Too many requests.", code="rate_limit")
        kind = "api_error" if status >= 500 else "invalid_request_error"
        return cls(status, kind, "Something went wrong on Stripe's end.")


def card_error(decline_code: str, charge_id: str | None) -> dict[str, Any]:
    """The fields a declined card puts in `error` and in `last_payment_error`."""
    needs_owner = decline_code == "authentication_required"
    error = {
        "type": "card_error",
        "code": "authentication_required" if needs_owner else "card_declined",
        "decline_code": decline_code,
        "message": CARD_MESSAGES[decline_code],
    }
    return error if charge_id is None else {**error, "charge": charge_id}
