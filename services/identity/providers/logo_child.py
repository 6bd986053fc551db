"""Decodes one untrusted logo in a process of its own: bytes in, a clean PNG or a reason out."""

import json
import resource
import sys
from typing import Any

MEBIBYTE = 1024 * 1024
FORMATS = ("PNG", "JPEG", "WEBP")


def limit(memory_mebibytes: int, cpu_seconds: int) -> None:
    """Before the first untrusted byte is read: memory, CPU, files, and no core dump."""
    memory = memory_mebibytes * MEBIBYTE
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    job = json.loads(sys.argv[1])
    limit(job["memory_mebibytes"], job["cpu_seconds"])
    try:
        header, picture = redrawn(sys.stdin.buffer.read(), job)
    except MemoryError:
        header, picture = {"reason": "too_many_pixels"}, b""
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + picture)


def redrawn(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The header (`reason`, or `width` and `height` in pixels) and the PNG."""
    import io

    from PIL import Image, ImageOps

    # Pillow only warns between 89 and 179 megapixels; we look before we load.
    Image.MAX_IMAGE_PIXELS = None
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
        if opened.width * opened.height > job["max_pixels"]:
            return {"reason": "too_many_pixels"}, b""
        opened.load()
        picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except MemoryError:
        raise
    except Exception:
        # Decoders raise what they like on damaged data: ValueError, SyntaxError, struct.error, …
        return {"reason": "not_a_picture"}, b""
    picture.info.clear()
    picture.thumbnail((job["max_side"],) * 2, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return {"width": picture.width, "height": picture.height}, out.getvalue()


if __name__ == "__main__":
    main()
