"""Codes that people type: who tries many is answered slowly, and nobody is refused for it.

A class behind one address makes some mistakes, and is not to notice that somebody there guesses. So
wrong codes are counted by address; beyond its limit, what comes from an address waits in a line,
one try after the other, the right ones too: else the waiting would tell them apart.

What if it is full: of one address `MOST_WAITING` tries wait, as many as it may have connections;
one more is refused. Whoever has gone when it is their turn takes none.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.classroom.errors import NobodyOfThatName, NoRoom, NotATeacher, WrongKey
from app.settings import Settings
from app.web.limits import Clients, too_fast

WRONG = (NoRoom, NobodyOfThatName, NotATeacher, WrongKey)
"""What counts as a wrong try."""
SLOW_SECONDS = 0.5
"""That a try takes, once an address has made too many wrong ones."""
MOST_WAITING = 1_000


if TYPE_CHECKING:
    from app.sessions.servers import Spending


class Tries:
    """How often each address has typed something wrong lately."""

    def __init__(self, settings: Settings, shared: "Spending | None" = None) -> None:
        rate, burst = settings.wrong_codes_per_second, settings.wrong_codes_burst
        self._wrong = Clients(rate, burst, shared, "tries")
        self._under_way: Counter[str] = Counter()
        self._lines: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, client: str, gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
        """A try: at once, or when its turn comes; an error that says it was wrong is counted.

        Args:
            gone: Whether whoever tries is not there any more.

        Raises:
            TooFast: too many of this address wait already.
        """
        # Those that are under way may all turn out to be wrong.
        if self._wrong.wait(client, 1 + self._under_way[client]):
            await self._turn(client, gone)
        self._under_way[client] += 1
        try:
            yield
        except WRONG:
            self._wrong.take(client)
            raise
        finally:
            self._less(self._under_way, client)

    def wrong(self, client: str) -> None:
        """A try was wrong, as another server has found out."""
        self._wrong.take(client)

    async def _turn(self, client: str, gone: Callable[[], Awaitable[bool]]) -> None:
        if self._waiting[client] >= MOST_WAITING:
            raise too_fast("too many tries from this address wait already", 60)
        self._waiting[client] += 1
        line = self._lines.setdefault(client, asyncio.Lock())
        try:
            async with line:
                if not await gone():
                    await asyncio.sleep(SLOW_SECONDS)
        finally:
            self._less(self._waiting, client)
            if client not in self._waiting:
                del self._lines[client]

    @staticmethod
    def _less(counts: Counter[str], client: str) -> None:
        counts[client] -= 1
        if not counts[client]:
            del counts[client]
