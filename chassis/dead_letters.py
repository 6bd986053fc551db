"""The operator's tool for messages that failed for good: list, show, redrive, discard.

    python -m chassis.dead_letters list
    python -m chassis.dead_letters show EVENT_ID
    python -m chassis.dead_letters redrive EVENT_ID | --all
    python -m chassis.dead_letters discard EVENT_ID --reason "the customer was refunded by hand"

The broker's address is read from RABBITMQ_URL. A redriven message returns to the queue of the
reaction that failed, and to no other; the inbox still makes it happen once.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from chassis.messages import ATTEMPT, ERROR, REACTION
from chassis.topology import DEAD_LETTERS

log = structlog.get_logger()

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class DeadLetter:
    """One message that waits for a person."""

    event_id: str
    routing_key: str
    reaction: str
    error: str
    body: bytes

    @classmethod
    def of(cls, message: AbstractIncomingMessage) -> "DeadLetter":
        headers: dict[str, Any] = dict(message.headers)
        # Rejected by the broker itself (delivery limit): it names the queue it came from.
        queue = headers.get(REACTION) or headers.get("x-first-death-queue") or "unknown"
        reason = headers.get(ERROR) or headers.get("x-first-death-reason") or "unknown"
        return cls(
            message.message_id or "", message.type or "", str(queue), str(reason), message.body
        )


class DeadLetters:
    """Works through the graveyard with its messages locked, and puts back what it leaves."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    async def waiting(self) -> list[DeadLetter]:
        async with self._locked() as messages:
            return [DeadLetter.of(message) for message in messages]

    async def redrive(self, event_id: str | None = None) -> int:
        """Send back the one, or all when none is named; answers how many."""
        count = 0
        async with self._locked() as messages:
            for message in messages:
                if event_id in (None, message.message_id):
                    await self._send_back(message)
                    await message.ack()
                    count += 1
        return count

    async def discard(self, event_id: str, *, reason: str) -> int:
        """Drop one message for ever; the reason goes to the log."""
        count = 0
        async with self._locked() as messages:
            for message in messages:
                if message.message_id == event_id:
                    letter = DeadLetter.of(message)
                    log.warning(
                        "dead_letter.discarded",
                        event_id=event_id,
                        reaction=letter.reaction,
                        reason=reason,
                    )
                    await message.ack()
                    count += 1
        return count

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[list[AbstractIncomingMessage]]:
        """Every waiting message, unacknowledged; what stays so returns to the queue at the end."""
        queue = await self._channel.get_queue(DEAD_LETTERS)
        messages: list[AbstractIncomingMessage] = []
        while message := await queue.get(fail=False, timeout=TIMEOUT_SECONDS):
            messages.append(message)
        try:
            yield messages
        finally:
            for message in messages:
                if not message.processed:
                    await message.reject(requeue=True)

    async def _send_back(self, message: AbstractIncomingMessage) -> None:
        letter = DeadLetter.of(message)
        headers = {
            name: value
            for name, value in message.headers.items()
            if name not in (ATTEMPT, ERROR, "x-death")
        }
        copy = aio_pika.Message(
            message.body,
            headers=headers,
            message_id=message.message_id,
            type=message.type,
            app_id=message.app_id,
            content_type=message.content_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        # Mandatory: a queue that is gone must not swallow the message.
        await self._channel.default_exchange.publish(
            copy, letter.reaction, mandatory=True, timeout=TIMEOUT_SECONDS
        )


@asynccontextmanager
async def open_dead_letters(rabbitmq_url: str) -> AsyncIterator[DeadLetters]:
    async with await aio_pika.connect(rabbitmq_url, timeout=TIMEOUT_SECONDS) as connection:
        yield DeadLetters(await connection.channel(on_return_raises=True))


async def _run(arguments: argparse.Namespace) -> str:
    async with open_dead_letters(os.environ["RABBITMQ_URL"]) as letters:
        if arguments.verb == "redrive":
            return f"{await letters.redrive(arguments.event_id)} redriven"
        if arguments.verb == "discard":
            count = await letters.discard(arguments.event_id, reason=arguments.reason)
            return f"{count} discarded"
        found = await letters.waiting()
        if arguments.verb == "show":
            chosen = [letter for letter in found if letter.event_id == arguments.event_id]
            return "\n".join(f"{_line(one)}\n{one.body.decode()}" for one in chosen)
        return "\n".join(map(_line, found)) or "no dead letters"


def _line(letter: DeadLetter) -> str:
    return f"{letter.event_id}  {letter.routing_key}  {letter.reaction}  {letter.error}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chassis.dead_letters")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list")
    verbs.add_parser("show").add_argument("event_id")
    redrive = verbs.add_parser("redrive")
    which = redrive.add_mutually_exclusive_group(required=True)
    which.add_argument("event_id", nargs="?")
    which.add_argument("--all", action="store_true")
    discard = verbs.add_parser("discard")
    discard.add_argument("event_id")
    discard.add_argument("--reason", required=True)
    sys.stdout.write(asyncio.run(_run(parser.parse_args())) + "\n")


if __name__ == "__main__":
    main()
