"""What every way of finding a server answers with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """One server that let us in."""

    url: str
    how: str
    management_url: str | None = None
