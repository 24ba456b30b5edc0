"""What waits to be sent to one connection.

What if it is full, in number or in bytes: frames are at most two by flow control, so a full outbox
means a reader that takes no answers to its own commands; its connection is closed, its session is
kept.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

_numbers = itertools.count()

REPLACED = 4001
GOING_AWAY = 1001
DONE = 4002
"""From the reader: its session is not needed any more."""
TOO_SLOW = 1008
TRY_AGAIN_LATER = 1013
MOST_MESSAGES = 64
MOST_BYTES = 8_000_000


class Outbox:
    """A bounded queue of messages for one connection, and the code it is to be closed with."""

    def __init__(self) -> None:
        self.name = f"reader-{next(_numbers)}"
        self._waiting: list[str | bytes] = []
        self._size = 0
        self._news = asyncio.Event()
        self.close_code: int | None = None
        self.when_taken: Callable[[], None] | None = None
        """Called once, when what waits has been taken."""

    @property
    def waiting(self) -> int:
        """How many messages wait to be taken."""
        return len(self._waiting)

    def text(self, message: dict[str, Any]) -> None:
        """Queue a JSON message."""
        self.put(json.dumps(message, allow_nan=False))

    def put(self, message: str | bytes) -> None:
        """Queue a message that is written already: JSON, or a frame."""
        # A single message always fits: the host has bounded its size.
        if self.close_code is not None:
            return
        full = self._waiting and self._size + len(message) > MOST_BYTES
        if full or len(self._waiting) >= MOST_MESSAGES:
            self.close(TOO_SLOW)
            return
        self._waiting.append(message)
        self._size += len(message)
        self._news.set()

    def close(self, code: int, last: dict[str, Any] | None = None) -> None:
        """Close the connection as soon as its sender looks.

        Args:
            last: Is sent before, instead of all that waits.
        """
        if self.close_code is None:
            self.close_code = code
            self._waiting = [] if last is None else [json.dumps(last, allow_nan=False)]
        self._news.set()

    async def take(self) -> list[str | bytes]:
        """What has been queued since the last call; waits for something, empty once closed."""
        await self._news.wait()
        waiting, self._waiting, self._size = self._waiting, [], 0
        if self.close_code is None:
            self._news.clear()
        if (taken := self.when_taken) is not None:
            self.when_taken = None
            taken()
        return waiting
