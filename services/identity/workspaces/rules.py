"""Who may change a workspace, and what a name and an organisation number are."""

from uuid import UUID

from contracts.caller import Caller

PLAIN_TEXT = r"^[^\x00-\x1f\x7f]*$"
"""One line without control characters; PostgreSQL cannot store a NUL at all."""
NOT_BLANK = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
"""The same, and not of spaces alone: they are stripped before the length is looked at."""

ORGANIZATION_NUMBER_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)


def is_organization_number(number: str) -> bool:
    """Nine digits, the last of which is the Norwegian register's mod-11 check digit."""
    if len(number) != 9 or not number.isascii() or not number.isdigit():
        return False
    digits = [int(digit) for digit in number]
    weighted = zip(ORGANIZATION_NUMBER_WEIGHTS, digits[:8], strict=True)
    check = -sum(weight * digit for weight, digit in weighted) % 11
    # A check of 10 has no digit: such numbers are never given out.
    return check == digits[8]


def can_edit_workspace(caller: Caller) -> bool:
    return caller.role in ("owner", "admin") and has_scope(caller, "workspace:write")


def can_read_workspace(caller: Caller) -> bool:
    return has_scope(caller, "workspace:read")


def has_scope(caller: Caller, scope: str) -> bool:
    return caller.scopes is None or scope in caller.scopes


def luminance(color: str) -> float:
    """Relative luminance of #RRGGBB as WCAG 2 defines it, 0 (black) to 1 (white)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two #RRGGBB colours, 1 to 21."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


AA_TEXT = 4.5


def readable_on(color: str) -> str:
    """The text colour, black or white, that reads better on this one."""
    return max(("#000000", "#FFFFFF"), key=lambda text: contrast(color, text))


def logo_upload_key(workspace_id: UUID, upload_id: UUID) -> str:
    return f"{logo_uploads(workspace_id)}{upload_id}"


def logo_uploads(workspace_id: UUID) -> str:
    return f"{branding_files(workspace_id)}uploads/"


def logo_key(workspace_id: UUID, upload_id: UUID) -> str:
    """Never written twice: a mail or film that shows the logo keeps showing that one."""
    return f"{branding_files(workspace_id)}logo-{upload_id}.png"


def branding_files(workspace_id: UUID) -> str:
    return f"workspaces/{workspace_id}/branding/"
