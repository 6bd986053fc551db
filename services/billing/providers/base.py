"""How a vendor fails: for now or for good; the class decides what happens next."""


class VendorAway(Exception):
    """Transient: no answer, too many requests, or broken on their side. Ask again later.

    The work may have been done: `is_unknown` says that the vendor might have acted.
    """

    def __init__(self, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.is_unknown = is_unknown


class AnswerKept(VendorAway):
    """Broken on their side, and repeated for the same idempotency key: use another one."""


class VendorRefused(Exception):
    """Permanent: asking the same again gets the same answer. `code` is the vendor's word."""

    def __init__(self, message: str, *, code: str = "refused") -> None:
        super().__init__(message)
        self.code = code
