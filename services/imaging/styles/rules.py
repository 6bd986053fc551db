"""The rule that makes a prompt, and which styles exist; no I/O."""

KEEP_STRUCTURE = (
    "Do not move, remove, or modify windows, walls, doors, or any architectural elements. "
    "Keep the room layout exactly as shown."
)


def prompt_of(template_prompt: str, room_type: str | None) -> str:
    """The room sentence, the template's prompt, the structure sentence."""
    prompt = template_prompt
    if room_type:
        prompt = f"This is a {room_type.replace('-', ' ')}. {prompt}"
    return f"{prompt} {KEEP_STRUCTURE}"
