"""A folder as people have them: good photos among turned, tagged, broken, huge and odd files."""

from pathlib import Path

from PIL import Image

from local.demo.rooms import ROOMS, draw_room, photograph

SIZE = (1008, 756)
TURNED = 6
"""EXIF orientation: the camera was held upright, 90° clockwise restores it."""
ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = 1, 2, 3, 4
REFUSED = {
    "broken.jpg": "image_corrupt",
    "disguised.jpg": "wrong_type",
    "empty.jpg": "not_an_image",
    "huge.png": "image_too_large",
    "notes.txt": "wrong_type",
    "too-heavy.jpg": "file_too_large",
}
GOOD = ("1-living-room.jpg", "2-kitchen-turned.jpg", "3-bedroom-tagged.jpg")


def fill(directory: Path) -> None:
    """Three photos worth enhancing, and one file for every way to be refused."""
    directory.mkdir(parents=True)
    rooms = [photograph(draw_room(room), n).resize(SIZE) for n, room in enumerate(ROOMS[:3])]
    rooms[0].save(directory / GOOD[0], quality=90)
    rooms[1].save(directory / GOOD[1], quality=90, exif=_exif(TURNED))
    rooms[2].save(directory / GOOD[2], quality=90, exif=_exif(1))
    whole = (directory / GOOD[0]).read_bytes()
    (directory / "broken.jpg").write_bytes(whole[: len(whole) // 3])
    Image.new("RGB", (8, 8)).resize((640, 480)).save(directory / "disguised.jpg", "PNG")
    (directory / "empty.jpg").touch()
    Image.new("L", (8000, 8000), 200).save(directory / "huge.png", compress_level=1)
    (directory / "notes.txt").write_text("Remember the balcony.\n")
    with (directory / "too-heavy.jpg").open("wb") as heavy:
        heavy.write(whole)
        heavy.truncate(26 * 1024 * 1024)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "A telephone"
    place = exif.get_ifd(GPS)
    place[LATITUDE_REF], place[LATITUDE] = "N", (59.0, 54.0, 49.0)
    place[LONGITUDE_REF], place[LONGITUDE] = "E", (10.0, 44.0, 19.0)
    return exif
