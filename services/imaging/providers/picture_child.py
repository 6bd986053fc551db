"""Decodes one untrusted picture in a process of its own: bytes in, clean JPEG or a reason out."""

import json
import resource
import sys
from typing import Any

MEBIBYTE = 1024 * 1024


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
        header, picture = {"refusal": "image_too_large"}, b""
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + picture)


def redrawn(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The header (`refusal`, or `width` and `height` in pixels) and the JPEG."""
    import io

    from PIL import Image

    if "HEIF" in job["formats"]:
        import pillow_heif

        pillow_heif.options.DECODE_THREADS = 1
        pillow_heif.register_heif_opener(thumbnails=False)
    # Pillow only warns between 89 and 179 megapixels; we look before we load.
    Image.MAX_IMAGE_PIXELS = None
    try:
        picture = Image.open(io.BytesIO(data), formats=job["formats"])
        refusal = refusal_of(picture.size, job)
        if refusal is not None:
            return {"refusal": refusal}, b""
        picture.load()
        flat = flattened(upright(picture), picture.info.get("icc_profile"))
    except MemoryError:
        raise
    except Exception:
        # Decoders raise what they like on damaged data: ValueError, SyntaxError, struct.error, …
        return {"refusal": "image_corrupt"}, b""
    if job["max_long_side"] is not None:
        flat.thumbnail((job["max_long_side"],) * 2, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=job["quality"])
    return {"width": flat.width, "height": flat.height}, out.getvalue()


def refusal_of(size: tuple[int, int], job: dict[str, Any]) -> str | None:
    width, height = size
    if width * height > job["max_pixels"]:
        return "image_too_large"
    if min(width, height) < job["min_side"]:
        return "image_too_small"
    return None


def upright(picture: Any) -> Any:
    from PIL import ImageOps

    # Before re-encoding, which drops the orientation; in place, because a copy costs 200 MB.
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def flattened(picture: Any, profile: bytes | None) -> Any:
    """RGB in sRGB on white, with nothing attached."""
    from PIL import Image

    if picture.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        picture = Image.new("RGB", layer.size, "white")
        picture.paste(layer, mask=layer.getchannel("A"))
    elif profile and picture.mode in ("RGB", "CMYK", "L"):
        picture = in_srgb(picture, profile)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    picture.info.clear()
    return picture


def in_srgb(picture: Any, profile: bytes) -> Any:
    import io

    from PIL import ImageCms

    try:
        return ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A damaged profile is no reason to refuse the picture.
        return picture


if __name__ == "__main__":
    main()
