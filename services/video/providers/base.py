"""What the service wants of a vendor that makes clips, in the service's own words."""

from dataclasses import dataclass
from typing import Protocol


class ProviderError(Exception):
    """The vendor did not do what was asked; the text is a stable code."""


class ProviderBusy(ProviderError):
    """The vendor surely did nothing and may be asked again."""


class ProviderRefused(ProviderError):
    """The vendor will say no to this input every time."""


class OutcomeUnknown(ProviderError):
    """The request may have arrived: asking again could be paid twice."""


@dataclass(frozen=True)
class Shot:
    """One clip to make; URLs are signed and short-lived, seconds are 5 or 10."""

    prompt: str
    start_image_url: str
    end_image_url: str | None
    seconds: int
    with_audio: bool


@dataclass(frozen=True)
class Answer:
    """How a request ended: where the clip lies, or why there is none."""

    request_id: str
    result_url: str | None
    reason: str | None = None
    is_permanent: bool = False


class ClipGenerator(Protocol):
    """Makes clips from photos; an answer comes by webhook, or when asked."""

    async def submit(self, shot: Shot, webhook_url: str) -> str:
        """The vendor's request id; raises ProviderBusy, ProviderRefused or OutcomeUnknown."""
        ...

    async def find_answer(self, request_id: str) -> Answer | None:
        """None while it is still being made; raises ProviderError when it cannot be asked."""
        ...

    async def cancel(self, request_id: str) -> None:
        """Ask to stop; too late is fine."""
        ...
