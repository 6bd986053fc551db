"""What happens to a message whose reaction failed: longer waits, then rest for a person."""

import random
from dataclasses import dataclass
from typing import Any, cast

import structlog
from faststream.rabbit import RabbitBroker, RabbitExchange, RabbitMessage
from pydantic import ValidationError

from chassis import topology
from chassis.messages import ATTEMPT, ERROR, REACTION

log = structlog.get_logger()

TIMEOUT_SECONDS = 5.0
LONGEST_ERROR = 1000


def reason_of(error: Exception) -> str:
    """Why it failed, for a person; never the input of a validation, which may be a secret."""
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, f['loc']))} {f['msg']}".strip() for f in faults)[
        :LONGEST_ERROR
    ]


@dataclass(frozen=True)
class Retries:
    """The way back and the way out for the messages of one reaction; each settles its message."""

    reaction: str
    broker: RabbitBroker
    delays_seconds: tuple[float, ...]

    async def retry(self, message: RabbitMessage, error: Exception) -> None:
        """Let it return after the next delay, or give it up after the last."""
        attempt = int(cast(int, message.headers.get(ATTEMPT, 0)))
        if attempt >= len(self.delays_seconds):
            await self.give_up(message, error)
            return
        delay = self.delays_seconds[attempt]
        # Jitter spreads the return of messages that failed together; it keeps no secret.
        wait = delay * random.uniform(0.5, 1.0)  # noqa: S311
        exchange = topology.retry_exchange(delay)
        added = {ATTEMPT: attempt + 1, ERROR: reason_of(error)}
        await self._move(message, exchange, added, wait)

    async def give_up(self, message: RabbitMessage, error: Exception) -> None:
        """Send it to the dead letters with the reason."""
        log.error("reaction.dead_lettered", reaction=self.reaction, event_id=message.message_id)
        await self._move(message, topology.DEAD_LETTERS, {ERROR: reason_of(error)})

    async def _move(
        self,
        message: RabbitMessage,
        exchange: str,
        added: dict[str, Any],
        expiration: float | None = None,
    ) -> None:
        """Publish a confirmed copy and acknowledge the original, or put the original back."""
        kept = {name: value for name, value in message.headers.items() if name != "x-death"}
        try:
            await self.broker.publish(
                message.body,
                exchange=RabbitExchange(exchange, declare=False),
                routing_key=self.reaction,
                headers={**kept, REACTION: self.reaction, **added},
                content_type="application/json",
                message_id=message.message_id,
                message_type=message.raw_message.type,
                expiration=expiration,
                persist=True,
                timeout=TIMEOUT_SECONDS,
            )
        except Exception as failure:
            log.warning("retry.not_published", error=type(failure).__name__)
            # A reject counts toward the delivery limit on every RabbitMQ; a nack not from 4.3 on.
            await message.reject(requeue=True)
        else:
            await message.ack()
