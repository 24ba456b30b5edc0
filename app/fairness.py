"""Turns that are fair: between addresses by number, between whoever shares a processor by time."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First come, first served within one address; between addresses each has its turn.

    It has no bound of its own: whoever puts something in looks at `len` and `of` before.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[T]] = {}
        """By address; whose turn is next comes first."""

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[T]:
        for queue in self._queues.values():
            yield from queue

    @property
    def clients(self) -> Iterable[str]:
        """The addresses of which something waits."""
        return self._queues.keys()

    def of(self, client: str) -> int:
        """How many of an address wait."""
        return len(self._queues.get(client, ()))

    def newest(self, client: str) -> T:
        """What an address has put in last."""
        return self._queues[client][-1]

    def put(self, client: str, item: T) -> None:
        """Let something wait."""
        self._queues.setdefault(client, deque()).append(item)

    def take(self, may: Callable[[str], bool] = lambda client: True) -> T | None:
        """The next one, of the first address that may have a turn; None if there is none."""
        client = next(filter(may, self._queues), None)
        if client is None:
            return None
        queue = self._queues.pop(client)
        item = queue.popleft()
        if queue:
            self._queues[client] = queue
        return item

    def remove(self, client: str, item: T) -> None:
        """Take something out, if it is there."""
        queue = self._queues.get(client)
        if queue is None or item not in queue:
            return
        queue.remove(item)
        if not queue:
            del self._queues[client]


class Allowance:
    """How much each address has of something, and all of them together.

    It refuses nothing by itself: whoever takes looks at `has_room` before.
    """

    def __init__(self, most_of_one: int, most: int) -> None:
        self._most_of_one, self._most = most_of_one, most
        self._had: Counter[str] = Counter()

    def of(self, client: str) -> int:
        """How much an address has."""
        return self._had[client]

    def has_room(self, client: str, amount: int = 1) -> bool:
        """Whether an address may have so much more."""
        mine, all_of_them = self._had[client], self._had.total()
        return mine + amount <= self._most_of_one and all_of_them + amount <= self._most

    def take(self, client: str, amount: int = 1) -> None:
        """Note that it has more."""
        self._had[client] += amount

    def give(self, client: str, amount: int = 1) -> None:
        """Note that it has less; whoever has nothing is forgotten."""
        self._had[client] -= amount
        if not self._had[client]:
            del self._had[client]


class Places:
    """So many at a time, and whose turn is next goes round the addresses."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._most = most
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._quiet = asyncio.Event()

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """A turn, when it comes."""
        await self._wait(client)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(client, turn)
        try:
            await turn
        except BaseException:
            self._waiting.remove(client, turn)
            if not turn.cancelled() and turn.exception() is None:
                self._pass_on()  # it was let in as it went away
            raise

    def _pass_on(self) -> None:
        while (turn := self._waiting.take()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
        if self._free == self._most:
            self._quiet.set()

    def refuse(self, error: Exception) -> None:
        """Whoever waits, waits no more."""
        for turn in list(self._waiting):
            if not turn.done():
                turn.set_exception(error)

    async def quiet(self) -> None:
        """Wait until nobody has a turn, or waits for one."""
        while self._free < self._most:
            self._quiet.clear()
            await self._quiet.wait()


class Turns:
    """Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), with equal weights.

    Everybody has a time of their own, which passes only while they are served; whoever's is the
    earliest comes next. Whoever was not there meanwhile begins at the time of the one that was
    served last: nobody saves up turns, and nobody pays for time that no one else wanted.

    Args:
        shortest: Seconds that a turn counts at least, and until it is known how long it takes.
    """

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest
        self._now = 0.0
        self._until: dict[str, float] = {}

    def order(self, names: Iterable[str]) -> list[str]:
        """Those who wait, in the order of their turns; of equals, in that in which they came."""
        return sorted(names, key=self._start)

    def begins(self, name: str) -> None:
        """A turn begins."""
        self._now = self._start(name)
        self._until[name] = self._now + self._shortest

    def took(self, name: str, seconds: float) -> None:
        """That turn is over; it took so long."""
        extra = max(0.0, seconds - self._shortest)
        self._until[name] = self._until.get(name, self._now) + extra

    def forget(self, name: str) -> None:
        """Somebody is gone."""
        self._until.pop(name, None)

    def rest(self) -> None:
        """Nobody waits, so nobody has had more than a share: all begin anew."""
        self._until.clear()
        self._now = 0.0

    def _start(self, name: str) -> float:
        return max(self._now, self._until.get(name, 0.0))
