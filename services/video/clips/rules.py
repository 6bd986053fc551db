"""Decisions about clips: tour order, prompts, retries. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from services.video.errors import PhotosDoNotFit, VideoNotEditable
from services.video.states import BEING_MADE
from services.video.tables import VideoClip, VideoProject

RoomType = Literal[
    "living-room",
    "kitchen",
    "bedroom",
    "bathroom",
    "toilet",
    "hallway",
    "office",
    "laundry-room",
    "storage-room",
    "walk-in-closet",
    "sauna",
    "gym",
    "childrens-room",
    "pool-area",
    "dining-room",
    "tv-room",
    "library",
    "hobby-room",
    "utility-room",
    "pantry",
    "conservatory",
    "garage",
    "terrace",
    "garden",
    "landscape",
    "exterior",
    "other",
]
ROOM_TYPES: tuple[str, ...] = get_args(RoomType)

TOUR: tuple[str, ...] = (
    "exterior",
    "hallway",
    "living-room",
    "kitchen",
    "dining-room",
    "pantry",
    "tv-room",
    "library",
    "office",
    "conservatory",
    "bedroom",
    "walk-in-closet",
    "childrens-room",
    "bathroom",
    "toilet",
    "laundry-room",
    "utility-room",
    "hobby-room",
    "gym",
    "sauna",
    "storage-room",
    "other",
    "pool-area",
    "garage",
    "terrace",
    "garden",
    "landscape",
)
"""How a viewer walks through a home: in by the front, outdoors last."""

MOTION: dict[str, str] = {
    "exterior": "Slow rise and gentle push towards the front of the house",
    "hallway": "Steady dolly forward through the hallway",
    "living-room": "Slow pan from left to right across the whole living room",
    "kitchen": "Smooth slide along the worktop, keeping the kitchen level",
    "dining-room": "Gentle push in towards the dining table",
    "pantry": "Short, calm push in towards the shelves",
    "tv-room": "Slow pan from right to left across the seating",
    "library": "Slow slide along the bookshelves",
    "office": "Gentle push in towards the desk",
    "conservatory": "Slow pan following the windows and the light",
    "bedroom": "Gentle push in towards the bed",
    "walk-in-closet": "Steady dolly forward between the wardrobes",
    "childrens-room": "Slow pan from left to right across the room",
    "bathroom": "Slow pan from right to left, keeping the mirror steady",
    "toilet": "Very slow push in, keeping walls straight",
    "laundry-room": "Slow slide along the machines",
    "utility-room": "Slow pan from left to right",
    "hobby-room": "Slow pan across the workspace",
    "gym": "Steady dolly forward past the equipment",
    "sauna": "Very slow push in towards the benches",
    "storage-room": "Slow pan from left to right along the shelves",
    "other": "Gentle push in towards the centre of the room",
    "pool-area": "Slow glide along the edge of the pool",
    "garage": "Steady dolly forward into the garage",
    "terrace": "Slow pan from the terrace out to the view",
    "garden": "Slow glide forward over the garden",
    "landscape": "Slow, wide pan across the landscape",
}
AS_UPLOADED = 0
"""The version of an image that is the photo itself."""
STEADY = "The camera moves smoothly; walls, windows and furniture keep their shape and place."
TRANSITION_PROMPT = (
    "One continuous, smooth camera move that leaves this room and arrives in the next one."
)


@dataclass(frozen=True)
class Slot:
    """One clip of a template: which rooms suit it, best first, and how it moves."""

    label: str
    rooms: tuple[str, ...] = ()
    motion_prompt: str | None = None
    seconds: int = 5
    transition: Literal["cut", "seamless"] = "cut"
    shows_original: bool = False
    """The photo as uploaded, where we know it; else its newest version."""


@dataclass(frozen=True)
class Template:
    """A film somebody else thought out: its shape and one slot per clip."""

    id: str
    name: str
    aspect_ratio: Literal["16:9", "9:16", "1:1"]
    slots: tuple[Slot, ...]


OUTDOORS = ("exterior", "landscape", "garden", "terrace", "pool-area")
LIVING = Slot("Living room", ("living-room", "tv-room", "library"))
KITCHEN = Slot("Kitchen", ("kitchen", "dining-room", "pantry"))
BEDROOM = Slot("Bedroom", ("bedroom", "childrens-room", "walk-in-closet"))
BATHROOM = Slot("Bathroom", ("bathroom", "toilet", "sauna"))

TEMPLATES = {
    template.id: template
    for template in (
        Template(
            "classic-tour",
            "Classic tour",
            "16:9",
            (
                Slot("Arrival", OUTDOORS),
                Slot("Entrance", ("hallway",)),
                LIVING,
                KITCHEN,
                Slot("Dining", ("dining-room", "conservatory", "kitchen")),
                BEDROOM,
                BATHROOM,
                Slot("Outdoors", tuple(reversed(OUTDOORS))),
            ),
        ),
        Template(
            "highlights",
            "Highlights",
            "16:9",
            (Slot("Arrival", OUTDOORS), LIVING, KITCHEN, BEDROOM),
        ),
        Template("apartment", "Apartment", "16:9", (LIVING, KITCHEN, BEDROOM, BATHROOM)),
        Template(
            "social-reel",
            "Social reel",
            "9:16",
            (Slot("Opening", OUTDOORS), LIVING, KITCHEN),
        ),
        Template(
            "before-after",
            "Before and after",
            "16:9",
            (
                Slot("Before", (), "Very slow push in towards the centre", 5, "seamless", True),
                Slot("After", (), "Very slow push in towards the centre"),
            ),
        ),
    )
}


def fill(template: Template, rooms: Sequence[str]) -> list[tuple[int, Slot]]:
    """For each slot the number of the photo it takes: the best room, else the next in tour order.

    Raises PhotosDoNotFit unless there is one photo for each slot.
    """
    if len(rooms) != len(template.slots):
        raise PhotosDoNotFit(f"{template.name} has {len(template.slots)} clips")
    left = list(range(len(rooms)))
    taken: dict[int, int] = {}
    for place, slot in enumerate(template.slots):
        fitting = [n for room in slot.rooms for n in left if rooms[n] == room]
        if fitting:
            taken[place] = fitting[0]
            left.remove(fitting[0])
    if any(slot.rooms for slot in template.slots):
        left.sort(key=lambda n: (tour_position(rooms[n]), n))
    return [
        (taken[place] if place in taken else left.pop(0), slot)
        for place, slot in enumerate(template.slots)
    ]


ASKED = {
    "source_key",
    "end_key",
    "image_id",
    "image_version",
    "end_image_id",
    "end_image_version",
    "room_type",
    "motion_prompt",
    "duration_seconds",
}
"""What a clip is made from: another value is another clip."""
LABEL = {"room_label"}
"""What nobody is asked for."""


def check_changeable(video: VideoProject, changed: set[str]) -> None:
    """Raises VideoNotEditable."""
    if video.status != "draft" and (video.film_id is None or not changed <= LABEL):
        raise VideoNotEditable


def check_remakeable(video: VideoProject, clip: VideoClip, changed: set[str]) -> None:
    """Raises VideoNotEditable.

    Of a film that is there, several clips may be made anew at once, each when it is not being made
    already; of any video, one that failed. What was left out was given back, and stays out.
    """
    is_shown = video.film_id is not None and clip.status == "completed"
    is_open = video.status == "generating" or (is_shown and video.status == "completed")
    if not is_open or not (is_shown or clip.status == "failed") or not changed <= ASKED | LABEL:
        raise VideoNotEditable


def transitions_showing(
    clip: VideoClip, clips: Sequence[VideoClip], changed: set[str]
) -> list[VideoClip]:
    """The clips whose generated transition begins or ends with a photo that was changed.

    Raises VideoNotEditable while one of them is being made: it would show the old photo.
    """
    shown = []
    if changed & {"source_key", "end_key"}:
        shown.append(clip)
    if "source_key" in changed:
        shown += [one for one in clips if one.transition_to_id == clip.id]
    if any(one.transition_status in BEING_MADE for one in shown):
        raise VideoNotEditable
    return [one for one in shown if one.transition_status == "completed"]


def tour_position(room_type: str) -> int:
    return TOUR.index(room_type)


def tour_order(clips: Sequence[VideoClip]) -> list[VideoClip]:
    """By room as a viewer walks; rooms of one kind keep the order they have."""
    return sorted(clips, key=lambda clip: (tour_position(clip.room_type), clip.sequence_order))


def same_members(wanted: Sequence[UUID], clips: Sequence[VideoClip]) -> bool:
    return sorted(wanted) == sorted(clip.id for clip in clips)


def prompt_of(clip: VideoClip) -> str:
    """What the model is told: the owner's words for the motion or the room's own."""
    motion = clip.motion_prompt or MOTION[clip.room_type]
    return f"{motion.rstrip('. ')}. {STEADY}"


def leaves_at(clip: VideoClip) -> str:
    """The key of the photo a clip ends on."""
    return clip.end_key or clip.source_key


def waits_for_choice(clips: Sequence[VideoClip]) -> bool:
    return any(clip.status == "failed" for clip in clips)


def is_hopeless(clips: Sequence[VideoClip]) -> bool:
    """Nothing is open and nothing could be made: there is no film to choose for."""
    kept = [clip for clip in clips if clip.status != "left_out"]
    return all(clip.status == "failed" for clip in kept)
