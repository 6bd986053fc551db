"""What Stripe accepts in a parameter, and the words with which it refuses."""

from typing import Any

from local.vendors.stripe.errors import StripeError

Params = dict[str, Any]


def only(params: Params, allowed: frozenset[str]) -> None:
    """Refuse what the real one would not know, or we do not imitate."""
    for name in params:
        if name not in allowed and name != "expand":
            message = f"Received unknown parameter: {name}"
            raise StripeError.invalid(message, param=name, code="parameter_unknown")


def required(params: Params, name: str) -> Any:
    value = params.get(name)
    if value in (None, "", [], {}):
        raise StripeError.missing(name)
    return value


def integer(value: Any, name: str, *, least: int = 0, most: int = 99_999_999) -> int:
    """A whole number; amounts are in the currency's minor units (øre)."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        message = f"Invalid integer: {value}"
        raise StripeError.invalid(message, param=name, code="parameter_invalid_integer") from None
    if not least <= number <= most:
        message = f"Invalid integer: {number} must be between {least} and {most}"
        raise StripeError.invalid(message, param=name, code="parameter_invalid_integer")
    return number


def boolean(value: Any, name: str) -> bool:
    if value not in ("true", "false", None):
        raise StripeError.invalid(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def one_of(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        choices = ", ".join(allowed)
        raise StripeError.invalid(f"Invalid {name}: must be one of {choices}", param=name)
    return str(value)


def metadata(params: Params) -> dict[str, str]:
    """At most 50 keys of 40 characters with values of 500; an empty value removes the key."""
    given = params.get("metadata") or {}
    if not isinstance(given, dict) or len(given) > 50:
        raise StripeError.invalid("Metadata can have up to 50 keys.", param="metadata")
    for key, value in given.items():
        if len(key) > 40 or not isinstance(value, str) or len(value) > 500:
            message = "Metadata keys can have up to 40 characters and values up to 500."
            raise StripeError.invalid(message, param=f"metadata[{key}]")
    return {key: value for key, value in given.items() if value != ""}
