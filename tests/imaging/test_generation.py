"""From payment to the stored result, through fal's real protocol."""

import json
import sqlite3

from contracts.imaging import ImageCompleted, ProjectCompleted, ProjectStarted
from tests.imaging.bench import LONG_SIDE, Bench
from tests.imaging.pictures import opened


async def test_a_paid_project_ends_with_every_image_enhanced(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project(images=3)
    assert (await member.project_now(project))["status"] == "processing"

    ended = await member.finish(project)

    assert (ended["status"], ended["completed_count"], ended["failed_count"]) == ("completed", 3, 0)
    assert ended["progress"] == {"step": "completed", "label": "3 images enhanced", "progress": 100}
    facts = await imaging.facts(member.workspace_id, ImageCompleted)
    assert len(facts) == 3
    assert len(await imaging.facts(member.workspace_id, ProjectStarted)) == 1
    assert len(await imaging.facts(member.workspace_id, ProjectCompleted)) == 1
    for attempt in await imaging.attempts(member.workspace_id):
        assert (attempt.state, attempt.number) == ("succeeded", 1)
        assert len(imaging.submissions(str(attempt.id))) == 1
    for fact in facts:
        result = opened(await imaging.outside.storage.read(fact["result_key"], max_bytes=10**7))
        assert result.format == "JPEG"
        assert max(result.size) == LONG_SIDE
        assert not result.getexif()


async def test_fal_receives_the_exact_order_once_with_an_expiry(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project(style_template_id="golden-hour")
    await member.finish(project)
    [attempt] = await imaging.attempts(member.workspace_id)
    with sqlite3.connect(imaging.fal.state / "fal.db") as heard:
        [row] = heard.execute(
            "SELECT model, input, webhook, lifecycle FROM request WHERE id = ?",
            (attempt.request_id,),
        )
    model, asked, webhook, lifecycle = row
    order = json.loads(asked)
    [image_url] = order.pop("image_urls")
    prompt = order.pop("prompt")
    assert model == "fal-ai/nano-banana-pro/edit"
    assert order == {"num_images": 1, "output_format": "jpeg", "resolution": "2K"}
    assert prompt.startswith("This is a living room. Relight at golden hour.")
    assert prompt.endswith("Keep the room layout exactly as shown.")
    assert "X-Amz-Signature=" in image_url
    assert f"/workspaces/{member.workspace_id}/projects/{project['id']}/images/original/" in (
        image_url
    )
    assert webhook == f"{imaging.address}/webhooks/fal/imaging/{attempt.id}"
    assert json.loads(lifecycle) == {"expiration_duration_seconds": 86_400}
