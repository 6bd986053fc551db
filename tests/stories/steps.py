"""What several stories do first: an affiliate refers somebody, who pays for a project."""

import asyncio

from local.demo.pay import press
from local.product import ADMINISTRATOR
from local.up import Running
from tests.chaos.job import granted, small_photos, upload
from tests.support.client import Client


async def refer(up: Running, client: Client, affiliate: Client) -> None:
    """Both sign up, one on the other's word."""
    async with Client(up.product.addresses["gateway"]) as administrator:
        await administrator.sign_in(ADMINISTRATOR, up.product.administrator_password)
        await affiliate.sign_up("affiliate")
        place = f"/v1/admin/workspaces/{affiliate.workspace_id}"
        await administrator.patch(place, {"plan": "enterprise"})
    code = await granted(affiliate, "/v1/affiliate/referral-code")
    await client.sign_up("agent", referral_code=code["referral_code"])


async def pay_for_a_project(client: Client) -> str:
    """A project with one photo, paid by card; its id."""
    body = {"name": "A home", "style_template_id": "scandinavian"}
    project = await client.create("project", "/v1/projects", body)
    await upload(client, project["id"], small_photos()[0])
    order = {"billable_kind": "photo_project", "billable_id": project["id"], "method": "stripe"}
    payment = await client.create("payment", "/v1/payments", order)
    await press(payment["checkout_url"], "pay")
    return str(project["id"])


async def until_earned(affiliate: Client, count: int) -> list[int]:
    """Amounts, once there are `count` of them."""
    async with asyncio.timeout(30):
        while True:
            earnings = (await affiliate.get("/v1/affiliate/earnings"))["items"]
            if len(earnings) >= count:
                return [earning["earning_amount_minor_units"] for earning in earnings]
            await asyncio.sleep(0.2)
