"""Draws the end card: the workspace's logo on its colour. No I/O."""

from io import BytesIO
from uuid import UUID

from PIL import Image, ImageColor, ImageDraw

SIDE = 1600
"""Square pixels: every aspect ratio shows its middle, by width or by height."""
LOGO_SHARE = 0.36
"""Of the side: 9/16 of it are seen, and a slow move comes closer."""
MOST_ENLARGED = 2.0
PAPER, LINE = "#FFFFFF", "#222222"
LINE_WIDTH, LINE_HEIGHT = 0.12, 0.006


def draw_card(logo: bytes, primary_color: str | None, secondary_color: str | None) -> bytes:
    """A PNG; the logo is the raster picture that identity checked and stored (PNG)."""
    card = Image.new("RGB", (SIDE, SIDE), ImageColor.getrgb(primary_color or PAPER))
    with Image.open(BytesIO(logo), formats=["PNG"]) as opened:
        mark = opened.convert("RGBA")
    most = SIDE * LOGO_SHARE
    factor = min(most / mark.width, most / mark.height, MOST_ENLARGED)
    size = (max(1, round(mark.width * factor)), max(1, round(mark.height * factor)))
    mark = mark.resize(size, Image.Resampling.LANCZOS)
    left, top = (SIDE - mark.width) // 2, (SIDE - mark.height) // 2
    card.paste(mark, (left, top), mark)
    _underline(card, top + mark.height, secondary_color or LINE)
    out = BytesIO()
    card.save(out, "PNG", optimize=True)
    return out.getvalue()


def _underline(card: Image.Image, below: int, color: str) -> None:
    half, height = round(SIDE * LINE_WIDTH / 2), round(SIDE * LINE_HEIGHT)
    top = below + 4 * height
    box = (SIDE // 2 - half, top, SIDE // 2 + half, top + height)
    ImageDraw.Draw(card).rectangle(box, fill=ImageColor.getrgb(color))


def folder_of(workspace_id: UUID) -> str:
    """Every card lies under this prefix."""
    return f"workspaces/{workspace_id}/videos/brand/"
