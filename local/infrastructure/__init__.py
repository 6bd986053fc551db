"""PostgreSQL, RabbitMQ and FFmpeg for this machine: found, or started, the same way every time."""

from local.infrastructure.ffmpeg import FFmpeg, find_ffmpeg
from local.infrastructure.missing import InfrastructureMissing
from local.infrastructure.servers import Servers, ensure_servers, stop_servers

__all__ = [
    "FFmpeg",
    "InfrastructureMissing",
    "Servers",
    "ensure_servers",
    "find_ffmpeg",
    "stop_servers",
]
