"""How this fal behaves; everything a test or a small machine may want otherwise."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FalSettings:
    """`api_key` is the `id:secret` clients send; `user_id` is signed into every webhook."""

    api_key: str = field(repr=False)
    user_id: str
    workers: int = 2
    # Pixels of a clip's short side; Kling makes 1080, a busy machine is better off with 180.
    max_short_side: int = 1080
    # Pixels of a photo's long side, whatever resolution was asked for.
    max_long_side: int = 4096
    webhook_timeout_seconds: float = 15.0
    # Seconds before each further attempt at a webhook: ten minutes in all.
    webhook_delays: tuple[float, ...] = (1, 2, 4, 8, 15, 30, *(60,) * 9)
