"""Misbehaviour on demand: a test says which operation fails, how, and how often."""

import random
from typing import Literal

from pydantic import BaseModel, Field

Kind = Literal[
    "error",  # answer `status` without doing the work
    "rate_limited",  # answer 429 with Retry-After
    "timeout_before",  # hold the connection `seconds`, then drop it; the work is not done
    "timeout_after",  # do the work, then hold the connection and drop it
    "duplicate",  # deliver a webhook twice
    "reorder",  # deliver a webhook after the next one
    "delay",  # be slow by `seconds`
    "corrupt",  # answer something that is not what was promised
]


class Fault(BaseModel):
    """One instruction: misbehave like this, the next `times` times `operation` comes by."""

    operation: str = Field(description="The stand-in's own word, e.g. `submit`, `webhook`, or `*`.")
    kind: Kind
    status: int = 500
    seconds: float = 1.0
    times: int | None = Field(default=1, description="None: for ever.")
    probability: float = Field(default=1.0, ge=0.0, le=1.0)


class Faults:
    """The instructions in force for one stand-in; reproducible by its seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, operation: str, *kinds: Kind) -> Fault | None:
        """The fault to commit now for this operation, counted down; None to behave."""
        for fault in self._faults:
            if fault.operation not in ("*", operation) or (kinds and fault.kind not in kinds):
                continue
            if self._random.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault
        return None
