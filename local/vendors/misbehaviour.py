"""Commits the faults a test asked for around one request, in the vendor's own error format."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from local.vendors.connection import Dropped
from local.vendors.control import StandIn


async def misbehave(
    stand_in: StandIn,
    operation: str,
    work: Callable[[], Awaitable[Response]],
    refuse: Callable[[int], Response],
) -> Response:
    """Do `work` unless a fault for `operation` says otherwise; `refuse` words a status."""
    fault = stand_in.faults.take(
        operation, "error", "rate_limited", "timeout_before", "timeout_after", "delay"
    )
    if fault is None:
        return await work()
    stand_in.journal.record("fault", kind=fault.kind, during=operation)
    if fault.kind == "error":
        return refuse(fault.status)
    if fault.kind == "rate_limited":
        response = refuse(429)
        response.headers["retry-after"] = str(max(1, round(fault.seconds)))
        return response
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return await work()
    if fault.kind == "timeout_after":
        await work()
    return Dropped(fault.seconds)
