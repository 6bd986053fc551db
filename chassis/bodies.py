"""What a request's JSON body may hold: exactly what the published schema says."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Body(BaseModel):
    """A request's JSON object: a field nobody knows is a mistake to be told, not to be dropped."""

    model_config = ConfigDict(extra="forbid")


def _number(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise ValueError("not a number")
    return value


NOT_TEXT = BeforeValidator(_number)
"""For JSON Schema's integer: 5 and 5.0 are one, a text and a boolean are none.

Last in its `Annotated`, or the bounds before it are missing in the published schema.
"""
