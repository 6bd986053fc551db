"""What browsers may do: answers preflights and lets pages read our answers."""

from starlette.datastructures import Headers
from starlette.responses import Response

from local.vendors.s3.errors import S3Error
from local.vendors.s3.settings import S3Settings

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
EXPOSED = "ETag, Content-Length, Content-Range, Accept-Ranges, Last-Modified"


def preflight(headers: Headers, settings: S3Settings) -> Response:
    """The answer to OPTIONS; raises AccessForbidden for an origin or method not allowed."""
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if not origin or not method:
        raise S3Error("InvalidRequest", "Insufficient information. Origin header needed.")
    allowed = allow(headers, settings)
    if not allowed or method not in METHODS:
        raise S3Error("AccessForbidden")
    asked = headers.get("access-control-request-headers")
    extra = {"access-control-allow-headers": asked} if asked else {}
    return Response(
        headers={
            **allowed,
            **extra,
            "access-control-allow-methods": ", ".join(METHODS),
            "access-control-max-age": "3000",
        }
    )


def allow(headers: Headers, settings: S3Settings) -> dict[str, str]:
    """What an answer must carry so the asking page may read it; nothing for other pages."""
    origin = headers.get("origin")
    if not origin:
        return {}
    if "*" in settings.cors_origins:
        return {"access-control-allow-origin": "*", "access-control-expose-headers": EXPOSED}
    if origin not in settings.cors_origins:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": EXPOSED,
        "vary": "Origin",
    }
