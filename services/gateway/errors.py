"""Every way the gateway says no."""

from chassis.errors import Refusal


class MalformedRequest(Refusal):
    """The request line or a header could mean two things to two readers."""

    status, code, title = 400, "malformed_request", "The request is malformed"


class UriTooLong(Refusal):
    """Nothing we serve needs an address this long."""

    status, code, title = 414, "uri_too_long", "The address is too long"


class CrossSiteRequest(Refusal):
    """A page on another site tried to act with this browser's session."""

    status, code, title = 403, "cross_site_request", "This origin may not act with your session"


class BodyTooLarge(Refusal):
    """JSON bodies are bounded; media go straight to storage."""

    status, code, title = 413, "body_too_large", "The request body is too large"


class BodyTooSlow(Refusal):
    """A body must keep coming, or it holds a connection for nothing."""

    status, code, title = 408, "request_timeout", "The request body took too long"


class TooManyRequests(Refusal):
    """The caller used up this window's calls."""

    status, code, title = 429, "too_many_requests", "You have used up your calls for now"


class TooManyGenerations(TooManyRequests):
    """A member makes models work a bounded number of times an hour, by plan."""

    code = "too_many_generations"
    title = "You have started as many generations as your plan allows in an hour"


class TooManyUploads(TooManyRequests):
    """A member uploads a bounded number of files a day that nobody has paid for, by plan."""

    code = "too_many_uploads"
    title = "You have uploaded as many files as your plan allows in a day before paying"


class TooManyStreams(Refusal):
    """A workspace follows its events in a bounded number of places."""

    status, code, title = 429, "too_many_streams", "Your workspace has too many open event streams"


class BadGateway(Refusal):
    """The service broke off instead of answering."""

    status, code, title = 502, "bad_gateway", "The service behind this address broke off"


class ServiceUnavailable(Refusal):
    """The service behind this path is down; the others go on."""

    status, code = 503, "service_unavailable"
    title = "This part of AI Studio is down for a moment"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.headers["retry-after"] = "2"


class GatewayTimeout(Refusal):
    """The service did not answer in time; what it was asked to do may still happen."""

    status, code, title = 504, "gateway_timeout", "The service behind this address took too long"


class ClientGone(Exception):
    """The client hung up: there is nobody to answer."""
