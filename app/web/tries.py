"""Codes that people type: who tries many is answered slowly, and nobody is refused for it.

A class behind one address makes some mistakes, and is not to notice that somebody there guesses. So
wrong codes are counted by address, each of them once: thirty who type last week's code have made
one mistake. Beyond its limit, what comes from an address waits in a line, the right ones too: else
the waiting would tell them apart. A turn is a code's, whoever waits with it. So a class waits for
one turn, and whoever guesses learns of one code a turn, however many connections there are. Every
second turn is that of the code that most wait with, of these the newest; the others go to the code
that has waited longest. So a class passes those who guess, each time something else.

What if it is full: of one address `MOST_WAITING` tries wait, as many as it may have connections;
one more is refused. Whoever has gone when it is their turn takes none. Of several servers each has
a line of its own, and turns at the others take as long here. Of wrong codes the last
`MOST_KNOWN` of an address are known, and of addresses the last `MOST_CLIENTS`: others count again.
"""

import asyncio
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.classroom.errors import NobodyOfThatName, NoRoom, NotATeacher, WrongKey
from app.sessions.spending import Spending
from app.settings import Settings
from app.web.limits import Clients, too_fast

WRONG = (NoRoom, NobodyOfThatName, NotATeacher, WrongKey)
"""What counts as a wrong try."""
SLOW_SECONDS = 0.5
"""That a turn takes, once an address has made too many wrong tries."""
MOST_WAITING = 1_000
MOST_KNOWN = 20
MOST_CLIENTS = 1_000
MOST_AHEAD = 10.0
"""Seconds that turns at other servers put off one here, at most."""

Gone = Callable[[], Awaitable[bool]]


@dataclass(eq=False)
class Waiting:
    """Somebody who waits.

    Attributes:
        gone: Whether they are not there any more.
        turn: Is done when it is their turn.
    """

    gone: Gone
    turn: "asyncio.Future[None]"


class Pace:
    """When turns of each address are over, those at other servers counted."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def turn(self, client: str, now: float) -> float:
        """Seconds until a turn is over that begins as soon as those before it are."""
        return self._add(client, now, SLOW_SECONDS) - now

    def elsewhere(self, client: str, turns: int, now: float) -> None:
        """Another server has given so many."""
        self._add(client, now, turns * SLOW_SECONDS)

    def _add(self, client: str, now: float, seconds: float) -> float:
        until = max(now, min(self._until.pop(client, now), now + MOST_AHEAD)) + seconds
        self._until[client] = until
        if len(self._until) > MOST_CLIENTS:  # what is over says nothing
            self._until = {name: end for name, end in self._until.items() if end > now}
        return until


Line = dict[int, list[Waiting]]
"""By what they try, in the order in which that was tried first."""


class Tries:
    """How often each address has typed something wrong lately."""

    def __init__(self, settings: Settings, shared: Spending | None = None) -> None:
        rate, burst = settings.wrong_codes_per_second, settings.wrong_codes_burst
        self._wrong = Clients(rate, burst, shared, "tries")
        self._shared, self._pace = shared, Pace()
        if shared is not None:
            shared.others["turns"] = self._turns_elsewhere
        self._known: dict[str, deque[int]] = {}
        """What was wrong lately, as hashes."""
        self._under_way: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._lines: dict[str, Line] = {}
        self._serving: dict[asyncio.Task[None], tuple[str, Line]] = {}

    @asynccontextmanager
    async def one(self, client: str, typed: Hashable, gone: Gone) -> AsyncIterator[None]:
        """A try: at once, or when its turn comes; an error that says it was wrong is counted.

        Args:
            typed: All that makes it right or wrong.
            gone: Whether whoever tries is not there any more.

        Raises:
            TooFast: too many of this address wait already.
        """
        what = hash(typed)
        # What was wrong tells nobody anything; those that are under way may all turn out to be so.
        others = len(self._under_way[client].keys() - {what}) if client in self._under_way else 0
        known = what in self._known.get(client, ())
        if not known and self._wrong.wait(client, 1 + others):
            await self._turn(client, what, gone)
        self._under_way[client][what] += 1
        try:
            yield
        except WRONG:
            self._note(client, what)
            raise
        finally:
            mine = self._under_way[client]
            mine[what] -= 1
            if not mine[what]:
                del mine[what]
            if not mine:
                del self._under_way[client]

    def wrong(self, client: str, typed: Hashable) -> None:
        """A try was wrong, as another server has found out."""
        self._note(client, hash(typed))

    def _note(self, client: str, what: int) -> None:
        known = self._known.pop(client, None) or deque(maxlen=MOST_KNOWN)
        if what not in known:
            self._wrong.take(client)
            known.append(what)
        self._known[client] = known
        if len(self._known) > MOST_CLIENTS:
            del self._known[next(iter(self._known))]

    async def _turn(self, client: str, what: int, gone: Gone) -> None:
        line = self._lines.get(client)
        if line is None:
            line = self._lines[client] = {}
            serving = asyncio.create_task(self._serve(client, line))
            self._serving[serving] = client, line
            serving.add_done_callback(self._served)
        if sum(map(len, line.values())) >= MOST_WAITING:
            raise too_fast("too many tries from this address wait already", 60)
        one = Waiting(gone, asyncio.get_running_loop().create_future())
        line.setdefault(what, []).append(one)
        await one.turn

    async def _serve(self, client: str, line: Line) -> None:
        """Give everybody in a line their turn, until nobody is in it."""
        for number in itertools.count():
            if not line:
                break
            what = _most_wait_with(line) if number % 2 == 0 else next(iter(line))
            if await _somebody_is_there(line[what]):
                await asyncio.sleep(self._turn_of(client))
            for one in line.pop(what):
                if not one.turn.done():
                    one.turn.set_result(None)
        del self._lines[client]

    def _turn_of(self, client: str) -> float:
        """Seconds that the next turn of an address takes."""
        if self._shared is None:
            return SLOW_SECONDS
        client = self._shared.name(client)
        self._shared.note("turns", client, 1)
        return self._pace.turn(client, asyncio.get_running_loop().time())

    def _turns_elsewhere(self, client: str, turns: int) -> None:
        self._pace.elsewhere(client, turns, asyncio.get_running_loop().time())

    def _served(self, task: "asyncio.Task[None]") -> None:
        """A line has come to its end; or the server does, and nobody waits any longer."""
        client, line = self._serving.pop(task)
        if self._lines.get(client) is line:
            del self._lines[client]
        for one in itertools.chain(*line.values()):
            one.turn.cancel()


def _most_wait_with(line: Line) -> int:
    return max(reversed(line), key=lambda what: len(line[what]))


async def _somebody_is_there(some: list[Waiting]) -> bool:
    for one in list(some):
        if not one.turn.done() and not await one.gone():
            return True
    return False
