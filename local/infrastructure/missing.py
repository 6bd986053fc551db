"""How this package says that a server cannot be had."""


class InfrastructureMissing(Exception):
    """A server or tool cannot be had; the message is one sentence saying what to do."""
