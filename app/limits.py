"""How much one client, and one stream, may ask for: token buckets.

One bucket for both, in thirty lines, rather than the library `limits` for REST and a bucket of our
own for the stream: `limits` counts in windows and has no token bucket, so the stream would need one
beside it, and then there would be two ways to say how fast is too fast.

What if it is full: the table of clients forgets whoever has asked for nothing for the longest. A
bucket fills while nobody asks, so forgetting an old one forgives next to nothing.
"""

import ipaddress
import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from starlette.types import Scope

from app.errors import ShallowsError, TooFast
from app.settings import Settings

log = logging.getLogger(__name__)

MOST_CLIENTS = 10_000

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
        # More than ever fit is to be had, at the price of a debt.
        return max(0.0, (min(amount, self._burst) - self._tokens) / self._rate)

    def take(self, amount: float = 1.0) -> None:
        """Take tokens that are there."""
        self._tokens -= amount


class Clients:
    """A bucket for each client."""

    def __init__(self, rate: float, burst: float, clock: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds until this client may ask again; 0 if now, and nothing is taken."""
        bucket = self._buckets.get(client)
        return bucket.wait(self._clock()) if bucket else 0.0

    def take(self, client: str) -> None:
        """Note that this client has asked for something."""
        if client not in self._buckets:
            self._buckets[client] = Bucket(self._rate, self._burst, self._clock())
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        self._buckets[client].take()


class Pace:
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


class Refusals(Counter[str]):
    """How often what was refused, by the code of the error. Only refusals that protect count."""

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

    Behind a proxy it is the address that the proxy tells; see `Settings.trusted_proxies`.
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
