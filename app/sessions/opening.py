"""What an address opens on several servers: it is counted and noted together, in one transaction.

Of an address one transaction at a time opens things of a kind here; who comes meanwhile waits, and
all who wait go into the next one. So a class that comes back at once, from one address, takes a
transaction or two, not one each in a row. What is under way is not cut off by somebody who leaves:
the others wait for the same. What was opened for somebody who has gone is undone after it.

What if it is full: so many of `MOST_TOGETHER` go into a transaction, the rest into the next one.
While another server that has its turn is slow, or frozen, the same ones are tried again; who has
waited for `OPENING_SECONDS` is told that the store does not answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.errors import NotStored, Occupied
from app.sessions.owning import Beyond
from app.store.owned import Kind, New, Transaction

OPENING_SECONDS = 2.5
"""For what is opened to be counted and noted, its turn included."""
MOST_TOGETHER: Mapping[Kind, int] = {"session": 25, "room": 25, "job": 1}
"""One that is not new takes four statements at worst, while other servers wait for their turn
(`TURN_SECONDS`). A run joins the queue of its server before the next one is counted."""


@dataclass(eq=False)
class Opening:
    """Something that an address opens.

    Attributes:
        most: How many of the kind it may have beside this one. Asked when it is this one's turn.
        note: Note it, in a transaction; whether it counts from now on. What is new is said
            instead: all of that goes into one statement.
        undo: It may have been noted, and is not wanted any more.
        answer: None, or how many it has, if that is too much.
    """

    name: str
    most: Callable[[], int]
    note: Callable[[Transaction], bool] | New
    undo: Callable[[], None]
    answer: asyncio.Future[int | None] = field(default_factory=asyncio.Future)


CarryOut = Callable[[Kind, str, Sequence[Opening]], Awaitable[Mapping[Opening, int]]]


class Openings:
    """What waits to be opened, by kind and address.

    Args:
        carry_out: Counts and notes some of an address; those that are too many, and how much it
            has.
        make_room: Notes what has ended here; whether anything had.
    """

    def __init__(self, carry_out: CarryOut, make_room: Callable[[], Awaitable[bool]]) -> None:
        self._carry_out, self._make_room = carry_out, make_room
        self._waiting: dict[tuple[Kind, str], list[Opening]] = {}
        self._tasks: dict[tuple[Kind, str], asyncio.Task[None]] = {}

    async def open(self, kind: Kind, whose: str, opening: Opening) -> None:
        """Open something when it is its turn; it is noted when this returns.

        Raises:
            Beyond: the address has no room for it.
            NotStored: it takes too long.
        """
        self._waiting.setdefault((kind, whose), []).append(opening)
        if (kind, whose) not in self._tasks:
            self._tasks[kind, whose] = asyncio.create_task(self._go_on(kind, whose))
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                have = await opening.answer
        except BaseException as error:
            if not opening.answer.cancelled():  # else it is undone once the transaction has ended
                opening.undo()
            if isinstance(error, TimeoutError):
                raise NotStored(
                    "the server's store does not answer in time; try again in a moment"
                ) from None
            raise
        if have is not None:
            raise Beyond(have)

    async def _go_on(self, kind: Kind, whose: str) -> None:
        waiting = self._waiting[kind, whose]
        together: list[Opening] = []
        try:
            while together := _next(waiting, MOST_TOGETHER[kind]):
                await self._do(kind, whose, together)
                await asyncio.sleep(0)  # whose turn it was goes on before the next one is asked
        finally:
            del self._waiting[kind, whose], self._tasks[kind, whose]
            for opening in (*together, *waiting):
                opening.answer.cancel()

    async def _do(self, kind: Kind, whose: str, together: Sequence[Opening]) -> None:
        """Answer each. Those that are too many are tried again, and nobody else waits for that."""
        left = together
        try:
            refused = await self._try(kind, whose, left)
            for opening in together:
                if opening not in refused:
                    _answer(opening)
            left = list(refused)
            if left and await self._make_room():
                refused = await self._try(kind, whose, left)
        except Exception as error:
            for opening in left:
                _answer(opening, error=error)
            return
        for opening in left:
            _answer(opening, refused.get(opening))

    async def _try(
        self, kind: Kind, whose: str, openings: Sequence[Opening]
    ) -> Mapping[Opening, int]:
        """Carry out, again and again while another server is at it and somebody waits for this."""
        while True:
            try:
                return await self._carry_out(kind, whose, openings)
            except Occupied:
                if all(opening.answer.cancelled() for opening in openings):
                    raise


def _answer(opening: Opening, have: int | None = None, error: Exception | None = None) -> None:
    """Tell whoever waits for it; of one who has gone, undo it, however it ended."""
    if opening.answer.cancelled():
        opening.undo()
    elif error is not None:
        opening.answer.set_exception(error)
    else:
        opening.answer.set_result(have)


def _next(waiting: list[Opening], most: int) -> list[Opening]:
    """Take out those that are opened next. Of two with one name the second waits."""
    together: dict[str, Opening] = {}
    later = []
    for opening in waiting:
        if opening.answer.cancelled():
            continue
        if opening.name in together or len(together) == most:
            later.append(opening)
        else:
            together[opening.name] = opening
    waiting[:] = later
    return list(together.values())
