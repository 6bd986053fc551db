"""A fact on the wire: CloudEvents 1.0, binary mode, over AMQP 0-9-1.

The body is the whole event, so that a stored or dead-lettered message explains itself; the
CloudEvents attributes stand in the headers for those who route or filter without reading bodies.
"""

import json
from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import HeadersType

PREFIX = "cloudEvents:"
ATTEMPT = "x-attempt"
REACTION = "x-reaction"
ERROR = "x-error"


def message_of(
    *, source: str, routing_key: str, body: dict[str, Any], trace: dict[str, str]
) -> Message:
    """The persistent message of one event; `source` is the publishing service."""
    headers: HeadersType = {
        f"{PREFIX}specversion": "1.0",
        f"{PREFIX}id": body["event_id"],
        f"{PREFIX}type": routing_key,
        f"{PREFIX}source": f"/services/{source}",
        f"{PREFIX}time": body["occurred_at"],
        f"{PREFIX}datacontenttype": "application/json",
        f"{PREFIX}dataschema": f"/schemas/{routing_key}.json",
        f"{PREFIX}workspaceid": body["workspace_id"],
        **trace,
    }
    return Message(
        json.dumps(body, separators=(",", ":")).encode(),
        headers=headers,
        message_id=body["event_id"],
        type=routing_key,
        app_id=source,
        content_type="application/json",
        # Transient messages vanish with the broker, even from durable queues.
        delivery_mode=DeliveryMode.PERSISTENT,
    )
