"""The refusals of S3: code, HTTP status, default message, and the XML they travel in."""

import secrets
from xml.sax.saxutils import escape

from starlette.responses import Response

REFUSALS: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "AccessForbidden": (403, "CORSResponse: This CORS request is not allowed."),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "AuthorizationQueryParametersError": (400, "The signing parameters are malformed."),
    "BadDigest": (400, "The checksum you specified did not match what we received."),
    "BucketAlreadyOwnedByYou": (409, "You already own this bucket."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size."),
    "IncompleteBody": (400, "You did not provide the number of bytes you announced."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The access key you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidPart": (400, "One or more of the specified parts could not be found."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidPolicyDocument": (400, "The policy document is not valid."),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed."),
    "MalformedXML": (400, "The XML you provided was not well-formed."),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed size."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The specified upload does not exist."),
    "NotImplemented": (501, "A header you provided implies functionality not implemented."),
    "NotModified": (304, ""),
    "PreconditionFailed": (412, "At least one of the pre-conditions did not hold"),
    "RequestTimeTooSkewed": (403, "The request time and the server's time differ too much."),
    "RequestTimeout": (400, "Your socket connection was not read from in time."),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match."),
    "SlowDown": (503, "Please reduce your request rate."),
    "XAmzContentSHA256Mismatch": (400, "The provided hash does not match what was computed."),
}


class S3Error(Exception):
    """A refusal with a code S3 documents."""

    def __init__(
        self, code: str, message: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.status, default = REFUSALS[code]
        self.code = code
        self.message = message or default
        self.headers = headers or {}
        super().__init__(f"{code}: {self.message}")

    def response(self, resource: str = "") -> Response:
        """The error as S3 words it; without a body where HTTP forbids one."""
        if self.status == 304:
            return Response(status_code=304, headers=self.headers)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message>"
            f"<Resource>{escape(resource)}</Resource>"
            f"<RequestId>{secrets.token_hex(8)}</RequestId></Error>"
        )
        return Response(body, self.status, self.headers, "application/xml")


def refusal(status: int) -> Response:
    """The error a test's fault asked for, in S3's words for that status."""
    if status in (429, 503):
        return S3Error("SlowDown").response()
    response = S3Error("InternalError").response()
    response.status_code = status
    return response
