"""Which service answers which path: the whole table; the longest prefix wins."""

from dataclasses import dataclass
from typing import Literal

Access = Literal["member", "public", "webhook"]


@dataclass(frozen=True)
class Route:
    """A path prefix, the service behind it, and who may pass."""

    prefix: str
    service: str
    access: Access = "member"


SIGN_IN = "/v1/auth/sign-in"
SIGN_OUT = "/v1/auth/sign-out"
ADMINISTRATION = "/v1/admin/"

ROUTES = (
    Route("/v1/auth/sign-up", "identity", "public"),
    Route(SIGN_IN, "identity", "public"),
    Route("/v1/auth/email/verify", "identity", "public"),
    Route("/v1/auth/email/confirm", "identity", "public"),
    Route("/v1/auth/password/forgot", "identity", "public"),
    Route("/v1/auth/password/reset", "identity", "public"),
    Route("/v1/auth/providers", "identity", "public"),
    Route("/v1/auth", "identity"),
    Route("/v1/sessions", "identity"),
    Route("/v1/workspace", "identity"),
    Route("/v1/members", "identity"),
    Route("/v1/invitations/look-up", "identity", "public"),
    Route("/v1/invitations", "identity"),
    Route("/v1/api-keys", "identity"),
    Route("/v1/admin/workspaces", "identity"),
    Route("/v1/admin/users", "identity"),
    Route("/v1/projects", "imaging"),
    Route("/v1/images", "imaging"),
    Route("/v1/uploads", "imaging"),
    Route("/v1/style-templates", "imaging"),
    Route("/v1/room-types", "imaging"),
    Route("/v1/limits", "imaging"),
    Route("/v1/videos", "video"),
    Route("/v1/clips", "video"),
    Route("/v1/music-tracks", "video"),
    Route("/v1/payments", "billing"),
    Route("/v1/invoices", "billing"),
    Route("/v1/pricing", "billing"),
    Route("/v1/admin/billing", "billing"),
    Route("/v1/admin/invoices", "billing"),
    Route("/v1/affiliate", "affiliate"),
    Route("/v1/admin/affiliate", "affiliate"),
    Route("/v1/admin/mails", "notifications"),
    Route("/webhooks/resend", "notifications", "webhook"),
    Route("/webhooks/fal/imaging", "imaging", "webhook"),
    Route("/webhooks/fal/video", "video", "webhook"),
    Route("/webhooks/stripe", "billing", "webhook"),
)
_BY_PREFIX = {route.prefix: route for route in ROUTES}
_DEEPEST = max(route.prefix.count("/") for route in ROUTES)


def find_route(path: str) -> Route | None:
    """The route whose prefix is the path or one of its parents."""
    prefix = "/".join(path.split("/", _DEEPEST + 1)[: _DEEPEST + 1])
    while prefix:
        route = _BY_PREFIX.get(prefix)
        if route is not None:
            return route
        prefix = prefix.rpartition("/")[0]
    return None
