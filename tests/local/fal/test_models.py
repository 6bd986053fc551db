"""What fal's stand-in does to pixels, measured on pictures drawn here and on real photos."""

import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from local.vendors.fal.models import inpaint, photo
from local.vendors.fal.models.pictures import BadInput
from local.vendors.fal.models.tilt import lean_of, straightened
from tests.support.fal import job, room

Picture = npt.NDArray[np.uint8]
LISTING = Path(__file__).parents[4] / "shared" / "data" / "listing"
PHOTO = {
    "prompt": "a bright living room",
    "resolution": "1K",
    "num_images": 1,
    "output_format": "png",
    "aspect_ratio": "auto",
}


def edited(folder: Path, picture: Picture, **arguments: Any) -> Picture:
    task = job(folder, PHOTO | arguments, image_urls__0=picture)
    [output] = photo.run(task)
    return read(folder / output["file_name"])


def read(path: Path) -> Picture:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def test_a_photo_is_no_larger_than_this_machine_wants(tmp_path: Path) -> None:
    task = replace(job(tmp_path, PHOTO, image_urls__0=room()), max_long_side=320)
    [output] = photo.run(task)
    assert max(read(tmp_path / output["file_name"]).shape) == 320


def tilted(picture: Picture, degrees: float) -> Picture:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.15)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height)), np.uint8)


def sharpness(picture: Picture) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def test_a_dark_photo_becomes_brighter_and_fills_the_resolution_asked_for(tmp_path: Path) -> None:
    source = (room() * 0.5).astype(np.uint8)
    result = edited(tmp_path, source)
    assert result.shape[:2] == (683, 1024)
    assert result.mean() > source.mean() + 50


@pytest.mark.parametrize("degrees", [-4.0, -1.5, 1.0, 3.0])
def test_a_tilted_photo_is_put_upright(degrees: float) -> None:
    source = tilted(room(1200, 800), degrees)
    assert lean_of(source) == pytest.approx(degrees, abs=0.3)
    assert abs(lean_of(straightened(source, 1024, 683))) < 0.3


def test_converging_verticals_are_not_taken_for_a_tilt() -> None:
    source, height, width = room(1200, 800), 800, 1200
    there = np.array([[90, 0], [width - 90, 0], [width, height], [0, height]], np.float32)
    here = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    pitched = cv2.warpPerspective(source, cv2.getPerspectiveTransform(here, there), (width, height))
    assert abs(lean_of(np.asarray(pitched, np.uint8))) < 0.5


def test_a_soft_photo_becomes_sharper(tmp_path: Path) -> None:
    source = np.asarray(cv2.GaussianBlur(room(1024, 683), (0, 0), 1.5), np.uint8)
    assert sharpness(edited(tmp_path, source)) > 1.5 * sharpness(source)


def test_a_colour_cast_shrinks(tmp_path: Path) -> None:
    source = np.clip(room() * np.array([0.9, 1.0, 1.1]) + [0, 0, 8], 0, 255).astype(np.uint8)
    before = np.ptp(source.mean((0, 1))) / source.mean()
    result = edited(tmp_path, source)
    assert np.ptp(result.mean((0, 1))) / result.mean() < before


def test_the_prompt_decides_the_mood(tmp_path: Path) -> None:
    sunset = edited(tmp_path, room(), prompt="Golden hour light")
    evening = edited(tmp_path, room(), prompt="Blue hour evening")
    assert sunset.mean() > evening.mean() + 8
    assert np.diff(sunset.mean((0, 1)))[1] > np.diff(evening.mean((0, 1)))[1]


def test_an_asked_ratio_is_kept_and_so_is_the_number_of_images(tmp_path: Path) -> None:
    task = job(tmp_path, PHOTO | {"aspect_ratio": "1:1", "num_images": 2}, image_urls__0=room())
    outputs = photo.run(task)
    assert [(out["width"], out["height"]) for out in outputs] == [(683, 683), (683, 683)]


def test_inpainting_changes_the_mask_and_nothing_else(tmp_path: Path) -> None:
    source, mask = room(), np.zeros((320, 480), np.uint8)
    cv2.circle(source, (240, 160), 30, (0, 0, 255), -1)
    cv2.circle(mask, (240, 160), 36, 255, -1)
    arguments = {"prompt": "remove", "num_images": 1, "output_format": "png"}
    [output] = inpaint.run(job(tmp_path, arguments, image_url=source, mask_url=mask))
    result = read(tmp_path / output["file_name"])
    assert np.array_equal(result[mask == 0], source[mask == 0])
    red = result[..., 2].astype(int) - result[..., 0]
    assert red[mask > 0].max() < 120


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    task = job(tmp_path, {}, image_url=room(), mask_url=np.zeros((10, 10), np.uint8))
    with pytest.raises(BadInput) as refusal:
        inpaint.run(task)
    assert refusal.value.detail["loc"] == ["body", "mask_url"]


def test_words_inside_words_set_no_mood(tmp_path: Path) -> None:
    plain = edited(tmp_path, room(), prompt="a bedroom")
    assert np.array_equal(edited(tmp_path, room(), prompt="a bedroom with a nightstand"), plain)


def test_a_2k_photo_costs_less_than_a_second(tmp_path: Path) -> None:
    task = job(tmp_path, PHOTO | {"resolution": "2K"}, image_urls__0=room(1920, 1440))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    photo.run(task)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 1.0


@pytest.mark.skipif(not LISTING.is_dir(), reason="the listing photos are not on this machine")
@pytest.mark.parametrize("name", ["living-balcony", "hallway", "kitchen"])
def test_real_phone_photos_become_upright_brighter_and_sharper(tmp_path: Path, name: str) -> None:
    source = read(LISTING / f"{name}.jpg")
    result = edited(tmp_path, source, resolution="2K", output_format="jpeg")
    assert max(result.shape) == 2048
    assert result.mean() > source.mean()
    assert sharpness(result) > sharpness(source)
    assert abs(lean_of(result)) <= max(0.5, abs(lean_of(source)) * 0.5)
