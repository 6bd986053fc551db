"""The whole promise: a folder of photos in; better photos, a film, an invoice, a commission out."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from local.infrastructure import find_ffmpeg
from local.up import Running
from tests.chaos.invariants import INVARIANTS
from tests.chaos.quiet import unrest, until_quiet
from tests.chaos.world import World
from tests.stories.conftest import MainJob
from tests.stories.photos import GOOD, GPS, ORIENTATION, REFUSED, SIZE

pytestmark = pytest.mark.timeout(180)
PRICE_ORE, COMMISSION_ORE = 100_000, 20_000
PRICE_CENTS, COMMISSION_CENTS = 9_900, 1_980


@pytest.fixture
def by_name(main_job: MainJob) -> dict[str, dict[str, Any]]:
    return {photo["file"]: photo for photo in main_job.summary["photos"]}


def test_every_file_of_the_folder_is_enhanced_or_refused_by_name(
    by_name: dict[str, dict[str, Any]],
) -> None:
    assert {name: by_name[name]["status"] for name in GOOD} == dict.fromkeys(GOOD, "completed")
    refused = {name: photo["error"] for name, photo in by_name.items() if name not in GOOD}
    assert refused == REFUSED
    assert all(by_name[name]["after"] is None for name in REFUSED)


@pytest.mark.parametrize("name", GOOD)
def test_enhanced_photo_is_brighter(by_name: dict[str, dict[str, Any]], name: str) -> None:
    before, after = (brightness(by_name[name][side]) for side in ("before", "after"))
    assert after > before * 1.15


@pytest.mark.parametrize("name", GOOD)
def test_no_served_photo_says_where_it_was_taken(
    by_name: dict[str, dict[str, Any]], name: str
) -> None:
    for side in ("before", "after"):
        with Image.open(by_name[name][side]) as picture:
            exif = picture.getexif()
            assert not exif.get_ifd(GPS)
            assert exif.get(ORIENTATION, 1) == 1
        assert b"A telephone" not in Path(by_name[name][side]).read_bytes()


def test_turned_photo_stands_upright(by_name: dict[str, dict[str, Any]]) -> None:
    for side in ("before", "after"):
        with Image.open(by_name["2-kitchen-turned.jpg"][side]) as picture:
            assert picture.width / picture.height == pytest.approx(SIZE[1] / SIZE[0], abs=0.01)


def test_film_plays(main_job: MainJob) -> None:
    film = main_job.summary["film"]
    assert (film["width"], film["height"]) == (320, 180)
    # Three clips and two transitions of five seconds.
    assert film["duration_seconds"] == pytest.approx(25, abs=0.5)
    told = decode(Path(film["path"]))
    assert re.search(r"Video: h264 \(High\).*yuv420p.* 320x180.* 30 fps", told)
    assert re.search(r"Audio: aac .*48000 Hz, stereo", told)
    assert "Duration: 00:00:2" in told


def test_invoice_is_paid_and_the_commission_right_to_the_ore(main_job: MainJob) -> None:
    invoice, commission = main_job.summary["invoice"], main_job.summary["commission"]
    assert invoice["status"] == "paid"
    assert invoice["number"]
    assert (invoice["total_minor_units"], invoice["currency"]) == (PRICE_ORE, "nok")
    assert commission == {"amount_minor_units": COMMISSION_ORE, "currency": "nok"}


def test_each_card_payment_earned_its_share(main_job: MainJob) -> None:
    charged = [payment["amount_minor_units"] for payment in main_job.outcome.charged]
    assert charged == [PRICE_CENTS, PRICE_CENTS]
    earned = [
        earning["earning_amount_minor_units"]
        for earning in main_job.outcome.commission
        if earning["currency"] == "usd"
    ]
    assert earned == [COMMISSION_CENTS, COMMISSION_CENTS]


def test_every_fact_was_heard_once(main_job: MainJob) -> None:
    expected = {
        "ClipGenerated": 3,
        "ClipsCompiled": 1,
        "CommissionEarned": 3,
        "ImageCompleted": 4,
        "ImageUploaded": 4,
        "InvoicePaid": 1,
        "InvoiceSent": 1,
        "ProjectCompleted": 2,
        "ProjectCreated": 2,
        "ProjectPaid": 3,
        "ProjectStarted": 2,
        "VideoCreated": 1,
        "VideoStarted": 1,
    }
    heard = main_job.summary["events"]
    assert {name: heard.get(name) for name in expected} == expected


def test_summary_has_what_was_promised(main_job: MainJob) -> None:
    assert set(main_job.summary) == {"photos", "film", "invoice", "commission", "events", "seconds"}
    assert set(main_job.summary["photos"][0]) == {"file", "status", "before", "after", "error"}
    assert set(main_job.summary["film"]) == {"path", "duration_seconds", "width", "height"}


async def test_every_invariant_holds_afterwards(
    main_job: MainJob, up: Running, world: World
) -> None:
    await until_quiet(lambda: unrest(world, up.rabbitmq_url), 30)
    broken = {one.id: found for one in INVARIANTS if (found := await one.check(world))}
    assert broken == {}


def brightness(path: str) -> float:
    """Mean of the grey picture, 0 to 255."""
    with Image.open(path) as picture:
        return float(np.asarray(picture.convert("L")).mean())


def decode(film: Path) -> str:
    """What FFmpeg says of the file after decoding all of it; any error fails."""
    command = [str(find_ffmpeg().ffmpeg), "-v", "info", "-xerror", "-i", str(film)]
    done = subprocess.run(
        [*command, "-f", "null", "-"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stderr
