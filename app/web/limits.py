"""How much one client, and one stream, may ask for.

REST, the bytes of its bodies and wrong access codes are counted by the library `limits`, in a
sliding window of as many seconds as it takes to earn a burst. A stream has a token bucket, which
also weighs bytes, and whose waits are so short that an acknowledgement can wait for its turn
(docs/decisions/0013). What a stream and its client cost the event loop is counted in seconds of it
(docs/decisions/0016).

What if it is full: a client is known for two windows. If that many come within them that the table
is full, all start anew: nobody is refused for what others do. Whoever has no seconds left is not
listened to until they are earned; what it says meanwhile waits on its own side of the network.
"""

import asyncio
import ipaddress
import logging
import math
import time
from collections import Counter
from collections.abc import Callable

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import Message, Receive, Scope

from app.errors import Full, ShallowsError, TooFast
from app.fairness import Allowance
from app.sessions.spending import Spending
from app.settings import Settings

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 2_000_000
"""Of one REST request."""
MOST_COUNTS = 10_000
"""A client has at most two: for this window and the last."""
SHORTEST_WAIT = 0.001

STREAM_SHARE, STREAM_BURST = 0.1, 0.3
"""Of the event loop, for the messages of one stream: seconds a second, and at once."""
CLIENT_SHARE, CLIENT_BURST = 0.2, 1.0
"""And for those of one client; a class at one address is one."""
MESSAGE_SECONDS = 0.0001
"""The cost of passing a message on, beside that of reading it."""
ERROR_SECONDS = 0.001
"""The cost of a message that is refused."""
MOST_EARNED = 8
"""Frames under way are two."""

Clock = Callable[[], float]


class Bucket:
    """So many tokens a second, and `burst` of them at most when nobody asked for a while."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._then = burst, now

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Seconds until that many tokens are there; 0 if they are, and nothing is taken."""
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        # Whoever asks for more than `burst` gets it once that is full, and is then in debt.
        return max(0.0, (min(amount, self._burst) - self._tokens) / self._rate)

    def take(self, amount: float = 1.0) -> None:
        """Take tokens that are there."""
        self._tokens -= amount

    def owe(self, now: float, amount: float) -> float:
        """Take tokens that may not be there; seconds until the debt is paid."""
        self.wait(now)
        self.take(amount)
        return max(0.0, -self._tokens / self._rate)


class Clients:
    """How often each client has asked lately: `burst` at once, and `rate` a second in the long run.

    Whoever has used up a burst gets its rate from the next window on; windows are of whole seconds.

    Args:
        shared: Of several servers: where they tell each other what was spent,
        what: and under which name.
    """

    def __init__(
        self, rate: float, burst: float, shared: Spending | None = None, what: str = ""
    ) -> None:
        self._shared, self._what = shared, what
        if shared is not None:
            shared.others[what] = self._spent_elsewhere
        seconds = max(1, math.ceil(burst / rate))
        self._limit = RateLimitItemPerSecond(max(1, round(rate * seconds)), seconds)
        self._begin()

    def _begin(self) -> None:
        self._counts = MemoryStorage()
        self._window = SlidingWindowCounterRateLimiter(self._counts)

    def wait(self, client: str, amount: int = 1) -> float:
        """Seconds until this client may ask for so much; 0 if now, and nothing is taken."""
        client = self._name(client)
        if self._window.test(self._limit, client, cost=min(amount, self._limit.amount)):
            return 0.0
        free = self._window.get_window_stats(self._limit, client).reset_time
        return max(free - time.time(), SHORTEST_WAIT)

    def take(self, client: str, amount: int = 1) -> None:
        """Note that this client has asked for so much."""
        client = self._name(client)
        if self._shared is not None:
            self._shared.note(self._what, client, amount)
        if len(self._counts.storage) >= MOST_COUNTS:
            self._begin()
        self._window.hit(self._limit, client, cost=min(amount, self._limit.amount))

    def _name(self, client: str) -> str:
        """Servers call an address by its short name, in which it can't be found."""
        return client if self._shared is None else self._shared.name(client)

    def _spent_elsewhere(self, name: str, amount: int) -> None:
        """What does not fit was spent all the same."""
        left = self._window.get_window_stats(self._limit, name).remaining
        if left and len(self._counts.storage) < MOST_COUNTS:
            self._window.hit(self._limit, name, cost=min(amount, left))


class Bodies:
    """How many bytes of bodies each client sends, and how many are here at a time.

    What if it is full: more than a client's rate, or than may be here, is refused before it is
    read; of a body that does not say its length, as it comes.
    """

    MOST_HERE = 48_000_000
    """Bytes of the bodies whose requests are not answered yet; of one client a third of that."""

    def __init__(self, settings: Settings, shared: Spending | None = None) -> None:
        rate, burst = settings.body_bytes_per_second, settings.body_bytes_burst
        self._rate = Clients(rate, burst, shared, "bytes")
        self.here = Allowance(self.MOST_HERE // 3, self.MOST_HERE)

    def take(self, client: str, size: int) -> None:
        """Note that there are so many more.

        Raises:
            TooFast: this client sends more than its share.
            Full: too much is here already.
        """
        if wait := self._rate.wait(client, size):
            raise too_fast("this address sends more than its share", wait)
        if not self.here.has_room(client, size):
            raise Full("too much that was sent is being worked on; send it again soon", 5)
        self._rate.take(client, size)
        self.here.take(client, size)


class Body:
    """The body of one request, counted as it comes; `connections.py` bounds how long that takes."""

    def __init__(self, bodies: Bodies, client: str, receive: Receive) -> None:
        self._bodies, self._client, self._receive = bodies, client, receive
        self._taken = self._read = 0

    def expect(self, size: int) -> None:
        """So many bytes are announced, or have come.

        Raises:
            TooFast, Full: they may not be.
        """
        if size > self._taken:
            self._bodies.take(self._client, size - self._taken)
            self._taken = size

    async def receive(self) -> Message:
        """The next message.

        Raises:
            TooFast, Full: there are more bytes than may be.
        """
        message = await self._receive()
        self._read += len(message.get("body", b""))
        self.expect(self._read)
        return message

    def close(self) -> None:
        """The request is answered."""
        self._bodies.here.give(self._client, self._taken)


class Throttle:
    """How fast the messages of one stream may come, in number and in bytes."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        now = clock()
        self._clock = clock
        self._messages = Bucket(settings.messages_per_second, settings.messages_burst, now)
        self._bytes = Bucket(settings.bytes_per_second, settings.bytes_burst, now)

    def take(self, size: int) -> float:
        """Seconds until a message of that size may come; 0 if it may now, and is counted."""
        now = self._clock()
        wait = max(self._messages.wait(now), self._bytes.wait(now, size))
        if not wait:
            self._messages.take()
            self._bytes.take(size)
        return wait


class LoopTime:
    """What the messages of one stream cost the event loop, for itself and for its client.

    An acknowledgement that a frame has earned costs nothing, whoever else has the same address.
    """

    def __init__(self, client: Bucket, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._buckets = (Bucket(STREAM_SHARE, STREAM_BURST, clock()), client)
        self._earned = 0

    def earn(self) -> None:
        """A frame was sent."""
        self._earned = min(MOST_EARNED, self._earned + 1)

    def spend_earned(self) -> bool:
        """Whether there was a frame to acknowledge."""
        self._earned -= (had := self._earned > 0)
        return had

    def charge(self, seconds: float) -> None:
        """Note that something has taken so long."""
        for bucket in self._buckets:
            bucket.take(seconds)

    def wait(self) -> float:
        """Seconds until there is no debt."""
        now = self._clock()
        return max(bucket.owe(now, 0.0) for bucket in self._buckets)

    async def paid(self) -> None:
        """Until there is no debt; a client's is also made by its other streams, meanwhile."""
        wait = self.wait()
        while wait:
            await asyncio.sleep(wait)
            wait = self.wait()


class LoopTimes:
    """The loop time of every client. A client without a debt may be forgotten."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._clients: dict[str, Bucket] = {}

    def open(self, client: str) -> LoopTime:
        """For another stream of that client."""
        now = self._clock()
        if len(self._clients) >= MOST_COUNTS:
            self._clients = {
                name: bucket for name, bucket in self._clients.items() if bucket.owe(now, 0.0)
            }
        bucket = self._clients.setdefault(client, Bucket(CLIENT_SHARE, CLIENT_BURST, now))
        return LoopTime(bucket, self._clock)


class Refusals(Counter[str]):
    """How often something was refused, by the error's code; only refusals that protect count."""

    STATUSES = frozenset({401, 403, 413, 421, 429, 503})

    def note(self, error: ShallowsError) -> None:
        """Count an error, if it is one of those."""
        if error.status in self.STATUSES:
            self[error.code] += 1
            log.info("refused: %s", error.code)


def too_fast(what: str, wait: float) -> TooFast:
    """The error for whoever has to wait that many seconds."""
    seconds = math.ceil(wait * 10) / 10
    return TooFast(f"{what}; wait {seconds:g} s", seconds)


def client_of(scope: Scope) -> str:
    """Who asks: the address, of IPv6 the network of 64 bits, since one machine has all of it.

    Behind a proxy it is the address that the proxy names; see `Settings.trusted_proxies`.
    """
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
