"""What an owner does with clips: arrange them, change them, and choose when one failed."""

from services.video.clips.use_cases.arranging import (
    add_clip,
    fill_template,
    get_image,
    order_by_tour,
    order_clips,
    remove_clip,
)
from services.video.clips.use_cases.changing import change_clip, remake_clip
from services.video.clips.use_cases.choosing import leave_out, retry_clip, use_ken_burns

__all__ = [
    "add_clip",
    "change_clip",
    "fill_template",
    "get_image",
    "leave_out",
    "order_by_tour",
    "order_clips",
    "remake_clip",
    "remove_clip",
    "retry_clip",
    "use_ken_burns",
]
