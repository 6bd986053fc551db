"""What crosses HTTP about a workspace."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
)

from chassis.bodies import NOT_TEXT, Body
from contracts.caller import Plan, WorkspaceStatus
from services.identity.workspaces.rules import NOT_BLANK, is_organization_number

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NOT_BLANK),
]


def _checked(number: str) -> str:
    if not is_organization_number(number):
        raise ValueError("not a Norwegian organisation number")
    return number


OrganizationNumber = Annotated[
    str,
    # People write it in groups of three.
    Field(pattern=r"^\s*([0-9]\s*){9}$"),
    AfterValidator(lambda number: "".join(number.split())),
    AfterValidator(_checked),
]


NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?", re.IGNORECASE)


def _written_out(value: object) -> object:
    # A number would be taken for seconds since 1970, which no document of ours promises.
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        raise ValueError("not a time as RFC 3339 writes it")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]


class WorkspaceView(BaseModel):
    """A workspace as its members see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    slug: str
    organization_number: str | None
    contact_email: str | None
    contact_person: str | None
    logo_key: str | None
    primary_color: str | None
    secondary_color: str | None
    onboarding_completed: bool
    plan: Plan
    status: WorkspaceStatus
    trial_ends_at: datetime | None
    created_at: datetime


class EditWorkspace(Body):
    """What is left out stays."""

    name: Name | None = None
    contact_email: EmailStr | None = None
    contact_person: Name | None = None


class Onboard(Body):
    """Which company this is and whom to ask."""

    name: Name
    organization_number: OrganizationNumber
    contact_email: EmailStr
    contact_person: Name


Color = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]


class Colors(Body):
    """Both colours as #RRGGBB; null goes back to ours."""

    primary_color: Color | None
    secondary_color: Color | None


class ContrastView(BaseModel):
    """How well text reads: WCAG 2 ratios, 1 to 21; AA asks 4.5 of text."""

    color: str
    with_white: float
    with_black: float
    text_color: str
    """Black or white, whichever reads better on the colour."""
    as_text_on_white_passes_aa: bool


class BrandingView(BaseModel):
    """The workspace's look; the logo's address works for an hour."""

    logo_url: str | None
    primary_color: str | None
    secondary_color: str | None
    contrast: list[ContrastView]
    applies: bool
    """White label is part of the enterprise plan: without it, what was chosen waits."""


class CreateLogoUpload(Body):
    """What the browser is about to send."""

    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    size_bytes: Annotated[int, Field(ge=1, le=2**40), NOT_TEXT]


class LogoUploadView(BaseModel):
    """Send the file with exactly this method, URL and headers, then confirm."""

    upload_id: UUID
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]


class CloseWorkspace(Body):
    """The workspace's slug, typed out: this cannot be undone."""

    confirm: Annotated[str, StringConstraints(max_length=100)]
