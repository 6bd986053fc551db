"""The catalogue: eleven built-in styles and 27 room types."""

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class RoomKind:
    """A room type as a form shows it; the icon is named as in Tabler Icons."""

    id: RoomType
    label: str
    icon: str
    description: str


@dataclass(frozen=True)
class BuiltInStyle:
    """A style every workspace has; `announced` ones the product may show as coming soon."""

    id: str
    name: str
    description: str
    category: str
    prompt: str
    announced: bool = True


BUILT_IN = (
    BuiltInStyle(
        "scandinavian",
        "Scandinavian",
        "Calm, bright rooms with pale wood and few, well chosen things",
        "staging",
        "Restyle as a Scandinavian home. Use pale oak and birch furniture with simple shapes, "
        "white and soft grey surfaces, linen and wool textiles, a few green plants and clear, "
        "even daylight. Keep it uncluttered, bright, airy and believable.",
        announced=False,
    ),
    BuiltInStyle(
        "modern-minimalist",
        "Modern Minimalist",
        "Straight lines, quiet colours and nothing too much",
        "staging",
        "Restyle as a modern minimalist home. Low furniture with straight lines, a palette of "
        "white, stone and charcoal, hidden storage, bare surfaces and one strong piece of art.",
    ),
    BuiltInStyle(
        "luxury-estate",
        "Luxury Estate",
        "Rich materials and a composed, representative look",
        "staging",
        "Restyle as a luxury residence. Marble and dark wood, velvet and brass, tailored "
        "upholstery, layered lamps and fresh flowers. Elegant and composed, never crowded.",
    ),
    BuiltInStyle(
        "cozy-family-home",
        "Cozy Family Home",
        "A lived-in, friendly home",
        "staging",
        "Restyle as a cozy family home. Soft sofas with cushions and throws, a warm rug, wooden "
        "shelves with books, framed pictures and friendly warm light. Tidy but lived in.",
    ),
    BuiltInStyle(
        "natural-light",
        "Natural Light",
        "As if photographed on a clear day with the curtains open",
        "lighting",
        "Relight with natural daylight. Let soft light fall in through the existing windows, "
        "lift the shadows, balance the white and keep the view outside visible. Add no furniture.",
    ),
    BuiltInStyle(
        "golden-hour",
        "Golden Hour",
        "Low, warm sun",
        "lighting",
        "Relight at golden hour. A low sun throws long, warm light through the existing openings, "
        "with gentle contrast and amber highlights. Add no furniture.",
    ),
    BuiltInStyle(
        "studio-lighting",
        "Studio Lighting",
        "Evenly lit like an architectural photograph",
        "lighting",
        "Relight as a professional interior photograph. Even, soft flash from several sides, "
        "upright lines, neutral white, crisp detail and no harsh reflections. Add no furniture.",
    ),
    BuiltInStyle(
        "curb-appeal",
        "Curb Appeal",
        "The front at its best",
        "exterior",
        "Make the outside inviting. Mow and green the lawn, trim the hedges, clean the paving and "
        "the facade, add a few flowering plants by the entrance, under a clear sky.",
    ),
    BuiltInStyle(
        "seasonal",
        "Seasonal",
        "The garden in early summer",
        "exterior",
        "Show the outside in early summer. Fresh green leaves, flowers in bloom, dry clean paving "
        "and a friendly sky with a few small clouds.",
    ),
    BuiltInStyle(
        "cozy-evening",
        "Cozy Evening",
        "Lamps lit, dusk outside",
        "atmosphere",
        "Turn the hour to a cozy evening. Dusk outside the windows, the existing lamps lit with "
        "warm light, soft shadows and a restful mood.",
    ),
    BuiltInStyle(
        "fresh-morning",
        "Fresh Morning",
        "A bright start of the day",
        "atmosphere",
        "Turn the hour to a fresh morning. Cool clear light from one side, bright walls, crisp "
        "colours and an energetic, clean mood.",
    ),
)
BY_ID = {style.id: style for style in BUILT_IN}

ROOM_KINDS = (
    RoomKind("living-room", "Living Room", "IconSofa", "Living spaces, family rooms, lounges"),
    RoomKind("kitchen", "Kitchen", "IconToolsKitchen2", "Kitchens and kitchenettes"),
    RoomKind("bedroom", "Bedroom", "IconBed", "Bedrooms, main suites, guest rooms"),
    RoomKind("bathroom", "Bathroom", "IconBath", "Bathrooms with tub or shower"),
    RoomKind("toilet", "Toilet", "IconToiletPaper", "Separate toilets and powder rooms"),
    RoomKind("hallway", "Hallway", "IconDoor", "Entrances, corridors, stairs"),
    RoomKind("office", "Office", "IconDesk", "Home offices and studies"),
    RoomKind("laundry-room", "Laundry Room", "IconWashMachine", "Washing and drying"),
    RoomKind("storage-room", "Storage Room", "IconBox", "Storage and box rooms"),
    RoomKind("walk-in-closet", "Walk-in Closet", "IconHanger", "Dressing rooms and closets"),
    RoomKind("sauna", "Sauna", "IconTemperature", "Saunas and steam rooms"),
    RoomKind("gym", "Gym", "IconBarbell", "Home gyms"),
    RoomKind("childrens-room", "Children's Room", "IconHorseToy", "Nurseries and children's rooms"),
    RoomKind("pool-area", "Pool Area", "IconSwimming", "Pools, inside or out"),
    RoomKind("dining-room", "Dining Room", "IconToolsKitchen", "Dining rooms and dining corners"),
    RoomKind("tv-room", "TV Room", "IconDeviceTv", "Television and cinema rooms"),
    RoomKind("library", "Library", "IconBooks", "Libraries and reading rooms"),
    RoomKind("hobby-room", "Hobby Room", "IconPalette", "Hobby, craft and play rooms"),
    RoomKind("utility-room", "Utility Room", "IconTool", "Technical and utility rooms"),
    RoomKind("pantry", "Pantry", "IconBottle", "Pantries and larders"),
    RoomKind("conservatory", "Conservatory", "IconPlant2", "Conservatories and winter gardens"),
    RoomKind("garage", "Garage", "IconCar", "Garages and carports"),
    RoomKind("terrace", "Terrace", "IconSunHigh", "Terraces, balconies, decks"),
    RoomKind("garden", "Garden", "IconTree", "Gardens and yards"),
    RoomKind("landscape", "Landscape", "IconMountain", "Views and surroundings"),
    RoomKind("exterior", "Exterior", "IconHome", "The house from outside"),
    RoomKind("other", "Other", "IconDots", "Anything else"),
)
