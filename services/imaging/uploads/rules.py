"""Which files may come in; no I/O."""

from uuid import UUID

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SNIFFED_BYTES = 16


def format_of(head: bytes) -> str | None:
    """The picture format the first 16 bytes claim; None for anything we do not accept."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return "HEIF"
    return None


def refusal_of(head: bytes, content_type: str) -> str | None:
    """A stable code when the bytes are not what was announced."""
    found = format_of(head)
    if found is None:
        return "not_an_image"
    return None if found == FORMATS[content_type] else "wrong_type"


def folder_of(workspace_id: UUID, project_id: UUID) -> str:
    """Everything of a project lies under this prefix."""
    return f"workspaces/{workspace_id}/projects/{project_id}/"


def upload_key(workspace_id: UUID, project_id: UUID, upload_id: UUID) -> str:
    return f"{folder_of(workspace_id, project_id)}images/uploads/{upload_id}"


def original_key(workspace_id: UUID, project_id: UUID, image_id: UUID) -> str:
    return f"{folder_of(workspace_id, project_id)}images/original/{image_id}.jpg"


def result_key(workspace_id: UUID, project_id: UUID, image_id: UUID, version: int) -> str:
    return f"{folder_of(workspace_id, project_id)}images/result/{image_id}-v{version}.jpg"


def same_etag(told: str | None, found: str) -> bool:
    """Browsers see the tag in quotes, tools often without."""
    return told is None or told.strip('"') == found.strip('"')
