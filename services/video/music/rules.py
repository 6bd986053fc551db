"""The catalogue: what is in it, and what it may be used for. No I/O."""

from dataclasses import dataclass

from services.video.media.synth import REST, Recipe

ARTIST = "AI Studio"
LICENSE = "CC0-1.0"
PREVIEW_SECONDS = 20


@dataclass(frozen=True)
class Entry:
    """One track we synthesise; the id is stable and part of its keys."""

    id: str
    name: str
    category: str
    mood: str
    recipe: Recipe

    @property
    def attribution(self) -> str:
        return f"“{self.name}” by {ARTIST}, {LICENSE}"

    def key(self, file_name: str) -> str:
        return f"catalogue/music/{self.id}/{file_name}"


CATALOGUE = (
    Entry(
        "first-light",
        "First Light",
        "calm",
        "relaxing",
        Recipe(
            72,
            20,
            ((57, 60, 64, 67), (53, 57, 60, 64), (48, 55, 60, 64), (55, 59, 62, 67)),
            (0, REST, 2, REST, 1, REST, 3, REST),
            3,
            False,
            1,
        ),
    ),
    Entry(
        "open-door",
        "Open Door",
        "upbeat",
        "energetic",
        Recipe(
            112,
            32,
            ((48, 55, 60, 64), (55, 59, 62, 67), (57, 60, 64, 69), (53, 57, 60, 65)),
            (0, 1, 2, 3, 2, 1, 2, 4),
            5,
            True,
            2,
        ),
    ),
    Entry(
        "fjord-view",
        "Fjord View",
        "cinematic",
        "elegant",
        Recipe(
            84,
            24,
            ((50, 57, 62, 65), (46, 53, 58, 62), (53, 57, 60, 65), (48, 55, 60, 64)),
            (0, 2, 4, REST, 3, 2, 1, REST),
            4,
            False,
            3,
        ),
    ),
    Entry(
        "clean-lines",
        "Clean Lines",
        "modern",
        "professional",
        Recipe(
            100,
            28,
            ((52, 59, 64, 67), (48, 55, 60, 64), (55, 59, 62, 67), (50, 57, 62, 66)),
            (0, REST, 1, 2, REST, 3, 2, REST),
            4,
            True,
            4,
        ),
    ),
)
