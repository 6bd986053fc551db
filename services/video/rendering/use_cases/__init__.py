"""Units of rendering: claimed under a lease, worked on outside, recorded once."""

from services.video.rendering.use_cases.films import Film, compile_due_film, get_film
from services.video.rendering.use_cases.segments import render_due_segment

__all__ = ["Film", "compile_due_film", "get_film", "render_due_segment"]
