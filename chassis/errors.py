"""How a service says no: RFC 9457 problem details, one class per reason."""

from typing import Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import trace
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.routing import Match

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
NOT_IN_REPERTOIRE = ("22021", "22P05")
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class Refusal(Exception):
    """Subclass once per reason; `code` is stable and clients translate it."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members
        self.headers: dict[str, str] = {}


class NotFound(Refusal):
    """There is no such thing in this workspace."""

    status, code, title = 404, "not_found", "There is no such resource"


class Forbidden(Refusal):
    """The caller's role or scope does not allow this."""

    status, code, title = 403, "forbidden", "Your role does not allow this"


class Unauthenticated(Refusal):
    """Nobody, or nobody we can verify, is calling."""

    status, code, title = 401, "unauthenticated", "Sign in first"


def problem(
    status: int, code: str, title: str, detail: str | None = None, **members: Any
) -> JSONResponse:
    """The answer in RFC 9457 form; extra members are the reason's own facts."""
    span = trace.get_current_span().get_span_context()
    body = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "trace_id": f"{span.trace_id:032x}" if span.is_valid else None,
        **jsonable_encoder(members),
    }
    body = {name: value for name, value in body.items() if value is not None}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every way out of a route that is not an answer becomes a problem document."""
    _refuse_odd_text(app)

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        answer = problem(
            refusal.status, refusal.code, refusal.title, refusal.detail, **refusal.members
        )
        answer.headers.update(refusal.headers)
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # Never the input itself: it may be a password.
        errors = [
            {"field": e["loc"], "message": e["msg"], "type": e["type"]} for e in error.errors()
        ]
        return problem(422, "invalid_request", "The request is not valid", errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        answer = problem(error.status_code, code, str(error.detail))
        answer.headers.update(error.headers or {})
        if error.status_code == 405:
            answer.headers["allow"] = ", ".join(sorted(_methods_at(app, request)))
        return answer

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        log.error("request.failed", path=request.url.path, exc_info=error)
        return problem(500, "internal_error", "Something broke on our side")


def _refuse_odd_text(app: FastAPI) -> None:
    """What no schema noticed and neither a hash nor the database can take."""

    @app.exception_handler(UnicodeEncodeError)
    async def half_a_character(_: Request, __: UnicodeEncodeError) -> JSONResponse:
        return problem(422, "invalid_request", "The request holds text that is no Unicode")

    @app.exception_handler(DBAPIError)
    async def database(request: Request, error: DBAPIError) -> JSONResponse:
        if not _is_about_text(error):
            raise error
        return problem(422, "invalid_request", "The request holds text that cannot be stored")


def _is_about_text(error: DBAPIError) -> bool:
    """Half a surrogate pair, which JSON can spell, or a NUL: schemas differ in refusing them."""
    cause: BaseException | None = error.orig
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(cause, UnicodeEncodeError) or state in NOT_IN_REPERTOIRE:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _methods_at(app: FastAPI, request: Request) -> set[str]:
    """Of every route at this path: Starlette names those of the first one only."""
    return {
        method
        for method in METHODS
        for route in app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
