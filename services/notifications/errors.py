"""Every way notifications can say no."""

from chassis.errors import Refusal


class SignatureWrong(Refusal):
    """The webhook was not signed by the provider, or too long ago."""

    status, code, title = 401, "signature_wrong", "The signature does not match"
