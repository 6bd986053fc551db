"""The refusals of Resend: name, HTTP status and message, as JSON."""

from starlette.responses import JSONResponse, Response

STATUS = {
    "validation_error": 422,
    "missing_required_field": 422,
    "missing_api_key": 401,
    "invalid_api_key": 403,
    "not_found": 404,
    "invalid_idempotency_key": 400,
    "invalid_idempotent_request": 409,
    "rate_limit_exceeded": 429,
    "application_error": 500,
}


class ResendError(Exception):
    """A refusal with a name Resend documents."""

    def __init__(self, name: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.status = status or STATUS[name]

    def response(self) -> Response:
        """The refusal as Resend words it."""
        body = {"statusCode": self.status, "name": self.name, "message": self.message}
        return JSONResponse(body, self.status)


def refusal(status: int) -> Response:
    """The error a test's fault asked for, in Resend's words for that status."""
    if status == 429:
        message = "Too many requests. Please limit the number of requests per second."
        return ResendError("rate_limit_exceeded", message).response()
    message = "An unexpected error occurred."
    return ResendError("application_error", message, status).response()
