"""What a request's JSON body may hold: exactly what the published schema says."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request's JSON object: a field nobody knows is a mistake to be told, not to be dropped."""

    model_config = ConfigDict(extra="forbid")
