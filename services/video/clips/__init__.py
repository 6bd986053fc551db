"""The shots of a video, as their owner arranges them."""
