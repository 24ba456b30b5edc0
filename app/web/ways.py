"""What comes up where WebSockets are blocked: messages in numbered POSTs, until they are heard.

A page has a way as long as its streamed answer comes down (`app/routes/second_way.py`). What it
sends up says by a token, in a header, whose it is; it counts against that way and not against the
address, since thirty pages behind one address send four POSTs a second each.

What if it is full: a way takes `POSTS_PER_SECOND`, and keeps `MOST_WAITING` messages and as many
bytes as a stream takes at once; `MOST_EARLY` POSTs may come before their turn, since a page does
not wait for the answers. A POST that is one more, or too early, is refused (429) and nothing
of it is taken, so it can be sent again under its number. One that came already is answered again.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable

from app.errors import Full, NotFound
from app.web.limits import Bucket, too_fast

RELAYED = "shallows.relayed"
"""In the scope of a request: another server has let it in and passed it on; see `relay.py`."""
POSTS_PER_SECOND, POSTS_BURST = 20.0, 60.0
MOST_WAITING = 1_200
MOST_EARLY = 8
SILENT_SECONDS = 60.0
"""A page that sends nothing up for so long is not there any more; a POST may be empty."""


class Way:
    """One page's, from its first message on.

    Args:
        most_bytes: That may wait to be heard, of one POST too.
    """

    def __init__(
        self, client: str, most_bytes: int, clock: Callable[[], float], token: str | None = None
    ) -> None:
        self.client = client
        self.token = token or secrets.token_urlsafe(24)
        self._most, self._clock = most_bytes, clock
        self._pace = Bucket(POSTS_PER_SECOND, POSTS_BURST, clock())
        self._messages: deque[bytes] = deque()
        self._early: dict[int, list[bytes]] = {}
        self._size = 0
        self._next = 1
        self._news = asyncio.Event()
        self._gone = False
        self.heard_at = clock()

    def take(self, number: int, body: bytes) -> None:
        """A POST: its messages, a line each.

        Raises:
            Full, TooFast: not now; nothing was taken.
            NotFound: too many before it are missing, or the page has gone.
        """
        now = self._clock()
        if wait := self._pace.wait(now):
            raise too_fast("this page sends more often than it may", wait)
        self._pace.take()
        self.heard_at = now
        if number < self._next or number in self._early:
            return
        if number > self._next + MOST_EARLY or self._gone:
            raise NotFound(f"send number {self._next} first: it has not come")
        lines = [line for line in body.split(b"\n") if line.strip()]
        waiting = len(self._messages) + sum(map(len, self._early.values()))
        full = self._size + len(body) > self._most or waiting + len(lines) > MOST_WAITING
        # One whose turn it is waits for no other's.
        taken = number == self._next and not self._messages and len(lines) <= MOST_WAITING
        if full and not taken:
            raise Full("what this page has sent is not heard yet; send it again in a moment", 1)
        self._early[number] = lines
        self._size += sum(map(len, lines))
        while self._next in self._early:
            self._messages.extend(self._early.pop(self._next))
            self._next += 1
        self._news.set()

    async def hear(self) -> bytes | None:
        """The next message; None once the page has gone."""
        while not self._messages:
            if self._gone:
                return None
            self._news.clear()
            await self._news.wait()
        message = self._messages.popleft()
        self._size -= len(message)
        return message

    def close(self) -> None:
        """The page has gone."""
        self._gone = True
        self._news.set()


class Ways:
    """Those of all pages, by their tokens."""

    def __init__(self) -> None:
        self._ways: dict[str, Way] = {}
        self.new_token: Callable[[], str] = lambda: secrets.token_urlsafe(24)
        self.elsewhere: Callable[[str], bool] = lambda token: False
        """Whether a token is of a page at another server."""

    def __contains__(self, token: object) -> bool:
        return token in self._ways or (isinstance(token, str) and self.elsewhere(token))

    def add(self, way: Way) -> None:
        """A page is there."""
        self._ways[way.token] = way

    def remove(self, way: Way) -> None:
        """It is not there any more."""
        way.close()
        self._ways.pop(way.token, None)

    def of(self, token: str) -> Way:
        """The way of a token.

        Raises:
            NotFound: there is none, or none any more.
        """
        way = self._ways.get(token)
        if way is None:
            raise NotFound("this stream is not there any more; begin another one")
        return way
