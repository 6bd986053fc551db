"""What imaging wants of whoever runs the model, and the three ways a call can go wrong."""

from dataclasses import dataclass, field
from typing import Any, Protocol


class ProviderError(Exception):
    """A submission that did not end in a request id; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderRefused(ProviderError):
    """Permanent: the same order will be refused again."""


class ProviderBusy(ProviderError):
    """Transient: certainly not accepted, worth asking again later."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class ProviderUnknown(ProviderError):
    """The call was sent and its answer lost: it may be running, and may cost money."""


@dataclass(frozen=True)
class Order:
    """One picture to make. `image_url` is a signed address and stays out of logs."""

    prompt: str
    image_url: str = field(repr=False)
    webhook_url: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What the vendor says about a request: the address of one picture, or a reason."""

    url: str | None = field(default=None, repr=False)
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"url": self.url, "reason": self.reason}


class Generator(Protocol):
    """A model behind a queue. Every call is bounded in time and sent once."""

    @property
    def model(self) -> str: ...

    async def submit(self, order: Order) -> str:
        """The request id; raises ProviderRefused, ProviderBusy or ProviderUnknown."""
        ...

    async def find_outcome(self, model: str, request_id: str) -> Outcome | None:
        """None while it is still running; raises ProviderError when it cannot be asked."""
        ...

    async def cancel(self, model: str, request_id: str) -> None:
        """Ask to stop; that it is over already, or cannot be asked, is fine."""
        ...
