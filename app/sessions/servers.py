"""One of several servers on one database: what it has, and whether it may say so.

A beat twice a second says that it is there (`app/store/owned.py`). Whoever could not say so for
`ALIVE_SECONDS`, counted from before the last beat that succeeded was sent, may have lost all to
others: until the database answers it is fenced. It closes its connections and says nothing to
anybody; with the first beat it learns what it still has, and drops the rest unwritten.

What counts for an address is noted as it is counted, and whoever opens it waits for that; what
counts for a room, and what is over, is noted in rounds.

What if it is full: what is to be noted is bounded by what a server may have, what is over by
`MOST_OVER`: beyond, it is let go with the server. However much it is, `NOTED_AT_A_TIME` go into a
transaction, so that each has its end in time on a slow database, too.
"""

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from app.errors import Elsewhere, NotStored
from app.sessions.opening import Opening, Openings
from app.sessions.owning import Alone, Beyond
from app.sessions.spending import Spending
from app.store import Store, StoredRun
from app.store.owned import (
    ALIVE_SECONDS,
    Beat,
    Held,
    Kind,
    New,
    Other,
    Owner,
    Ownership,
    Taken,
    Thing,
    Transaction,
    spend,
)
from app.store.store import NAME
from app.supervision import Background
from app.training.messages import Progress

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
ANSWER_SECONDS = 1.0
"""For a beat to be answered."""
ROUND_SECONDS = 0.05
"""Between what has begun and its note."""
LEAVE_SECONDS = 1.0
"""At the end of a server, for the database to know that it leaves."""
SWEEP_SECONDS = 5.0
"""Between two looks for what lost servers had."""
PATIENCE = 10.0
"""Seconds for which a server has been lost before that is taken up though nobody asks for it."""
UNREACHABLE_SECONDS = 3.0
"""For which what a server has may be taken from it after it could not be reached."""
MOST_OVER = 10_000
NOTED_AT_A_TIME = 250
"""A statement for each, at worst: half a second if the database is two milliseconds away."""
SAME_ADDRESS = (
    "another server that lives has the same SHALLOWS_SERVER_ADDRESS, {}: what is passed on to one "
    "of the two may come to the other, so sessions, runs and rooms can't be reached; give each "
    "server an address of its own"
)
LOST = "The server that trained this run was lost, and what it had trained with it; start it again."

T = TypeVar("T")
Ticks = Callable[[], float]


def ticks() -> float:
    """Seconds that never go back; they pass while the machine sleeps, too, where it can say so."""
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def _first(things: dict[Thing, T], most: int) -> dict[Thing, T]:
    """Take out so many."""
    return {thing: things.pop(thing) for thing in list(itertools.islice(things, most))}


def _tell(tell: Callable[..., None], *what: object) -> None:
    """Tell somebody. One who fails at it keeps it from nobody else, and ends no beats."""
    try:
        tell(*what)
    except Exception:
        log.exception("what a beat brought could not be told")


class Lease:
    """Until when a server may believe that what it had is still its."""

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._until = -float("inf")

    @property
    def holds(self) -> bool:
        """Whether it may."""
        return self._ticks() < self._until

    def renew(self, sent: float) -> None:
        """A beat that was sent then has succeeded."""
        self._until = max(self._until, sent + ALIVE_SECONDS)


class Namesakes:
    """Other servers that live, and have the address of this one.

    The one that this server takes the place of has its address, too, and what it said last may come
    to the database after it has died. So one counts only once it has been seen again.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen: dict[str, float] = {}
        self._there: set[str] = set()

    @property
    def note(self) -> str | None:
        """What an operator is told, if there are any."""
        return SAME_ADDRESS.format(self._address) if self._there else None

    def look(self, others: Mapping[str, Other]) -> None:
        """Those that live now; that there are some is logged once, and that there are none."""
        alike = {id: other for id, other in others.items() if other.address == self._address}
        self._seen = {id: self._seen.get(id, other.seen) for id, other in alike.items()}
        were = self._there
        self._there = {id for id, other in alike.items() if other.seen > self._seen[id]}
        if self._there and not were:
            log.error("%s", self.note)
        elif were and not self._there:
            log.warning("no other server has the address %s any more", self._address)


class Memory:
    """What a server believes to have: each thing with its epoch."""

    def __init__(self) -> None:
        self.epochs: dict[Thing, int] = {}

    def compare(self, beat: Beat, before: Mapping[Thing, int]) -> list[Thing]:
        """What a beat says is lost; it is not had any more.

        Args:
            before: What was had as the beat was sent. What was taken meanwhile is not in it.
        """
        if beat.mine is not None:
            gone = [thing for thing, epoch in before.items() if beat.mine.get(thing) != epoch]
        else:
            gone = [thing for thing, epoch in beat.lost.items() if before.get(thing, epoch) < epoch]
        gone = [thing for thing in gone if self.epochs.get(thing) == before[thing]]
        for thing in gone:
            del self.epochs[thing]
        return gone


class Servers(Alone):
    """This server, and what it knows of the others.

    Args:
        address: At which the others reach it.
        ticks: Seconds since whenever; they never go back.
    """

    several = True

    def __init__(self, store: Store, address: str, ticks: Ticks = ticks) -> None:
        super().__init__()
        self._store, self._ticks = store, ticks
        self.id = secrets.token_hex(6)
        self._sql, self._namesakes = Ownership(self.id, address), Namesakes(address)
        self._lane = store.lane("store-beats", ANSWER_SECONDS)
        self._lease, self._memory = Lease(ticks), Memory()
        self._new: dict[Thing, New] = {}
        self._noting: dict[Thing, New] = {}
        self._over: dict[Thing, int] = {}
        self._ending: dict[Thing, int] = {}
        self._clients: dict[Thing, str] = {}
        self._counting: dict[Thing, str] = {}
        self._openings = Openings(self._open, self._make_room)
        self._news = asyncio.Event()
        self._one_round = asyncio.Lock()
        self._unreachable: dict[str, float] = {}
        self._rooms: Mapping[str, tuple[str, str]] = {}
        self._was_fenced = True
        self.leaving = False
        """Whether this server is about to end."""
        self.others: Mapping[str, Other] = {}
        self.now = 0.0
        self._now_at = 0.0
        self.spending = Spending(store.notes.client)
        self.when_gone: list[Callable[[Collection[str]], None]] = []
        """Is told which servers live."""
        self.takes = self.fences = self.late_beats = 0
        self.backgrounds = [
            Background("beats of this server", self._beats),
            Background("notes of what this server has", self._rounds),
            Background("what lost servers had", self._sweeps),
        ]
        self.inherit["job"] = self._end_job
        store.claims = self

    # -- whether it may speak ---------------------------------------------------------------

    @property
    def note(self) -> str | None:
        """What an operator is told although all can train."""
        return self._namesakes.note

    @property
    def fenced(self) -> bool:
        """Whether it has to be silent."""
        return not self._lease.holds

    @property
    def database_now(self) -> float:
        """Seconds of the database's clock, as the servers on it agree."""
        return self.now + self._ticks() - self._now_at

    async def start(self) -> None:
        """Be there for the first time."""
        with contextlib.suppress(NotStored):  # it is fenced until the database answers
            await self._beat()
        for background in self.backgrounds:
            background.start()

    def depart(self) -> None:
        """The server is about to end: who comes now is to go to another one."""
        self.leaving = True

    async def leave(self) -> None:
        """The server ends in order: others may take what is in the store at once."""
        for background in self.backgrounds:
            await background.stop()
        if self.fenced:
            return
        with contextlib.suppress(TimeoutError):  # then it counts as lost soon
            async with asyncio.timeout(LEAVE_SECONDS):
                while not await self._left():  # noqa: ASYNC110
                    await asyncio.sleep(ROUND_SECONDS)

    async def _left(self) -> bool:
        """Whether the database knows that it leaves.

        A beat or a note that was under way as these ended is cut off, and has the thread a moment
        longer: what comes at once is refused.
        """
        try:
            await self.noted()
            await self._lane.write(self._sql.leave)
        except NotStored:
            return False
        return True

    def close(self) -> None:
        """Let the database go."""
        self._lane.close()

    async def _beats(self) -> None:
        while True:
            began = self._ticks()
            try:
                await self._beat()
            except NotStored:
                self._fence()
            await asyncio.sleep(max(0.0, began + BEAT_SECONDS - self._ticks()))

    async def _beat(self) -> None:
        if self.fenced:
            self._fence()
        # Also while it is fenced: so what was spent long ago is not said when the database is back.
        spent, before = self.spending.publish(), dict(self._memory.epochs)
        sent = self._ticks()
        beat = await self._lane.write(lambda transaction: self._sql.beat(transaction, spent))
        self.late_beats += self._ticks() - sent > BEAT_SECONDS
        self.others, self._rooms = beat.others, beat.rooms
        self.now, self._now_at = beat.now, self._ticks()
        self._namesakes.look(beat.others)
        for kind, name in self._memory.compare(beat, before):
            self._tell_lost(kind, name)
        _tell(self.spending.hear, beat.others)
        for tell in self.when_gone:
            _tell(tell, beat.others.keys())
        if sent + ALIVE_SECONDS <= self._ticks():
            return  # it has come so late that it may be over again
        self._lease.renew(sent)
        self._was_fenced = False

    def _fence(self) -> None:
        if not self.fenced or self._was_fenced:
            return
        self._was_fenced = True
        self.fences += 1
        log.error("the database has not answered for %g s: this server is silent", ALIVE_SECONDS)
        for tell in self.when_fenced:
            _tell(tell)

    def _tell_lost(self, kind: Kind, name: str) -> None:
        log.warning("a %s is another server's now", kind)
        if (tell := self.when_lost.get(kind)) is not None:
            _tell(tell, name)

    # -- what it has ------------------------------------------------------------------------

    def holds(self, kind: Kind, name: str) -> bool:
        """Whether something is this server's, and that is noted in the database."""
        return (kind, name) in self._memory.epochs

    def begin(self, kind: Kind, name: str, client: str, iterations: int = 0) -> None:
        """Something begins here; it is noted within a moment."""
        if self.fenced:
            raise Elsewhere
        if (kind, name) not in self._memory.epochs:
            self._new[kind, name] = New(self._store.notes.client(client), iterations)
            self._news.set()

    async def open(
        self, kind: Kind, name: str, client: str, most: Callable[[], int], iterations: int = 0
    ) -> None:
        """Something begins here, if its address has room for it; it is noted when this returns."""
        new, thing = New(self._store.notes.client(client), iterations), (kind, name)
        opening = Opening(name, most, new, undo=lambda: self._let_go(thing, 1))
        await self._openings.open(kind, new.client, opening)
        self._memory.epochs[thing] = 1

    async def reopen(
        self,
        kind: Kind,
        name: str,
        client: str,
        most: Callable[[], int],
        otherwise: Callable[[], str | None],
    ) -> None:
        """What is here, and has counted for nobody, is to count for an address again."""
        whose = self._store.notes.client(client)

        def note(transaction: Transaction) -> bool:
            self._sql.count(transaction, {(kind, name): whose})
            return True

        def undo() -> None:
            self.count(kind, name, otherwise())

        try:
            await self._openings.open(kind, whose, Opening(name, most, note, undo))
        except Beyond:
            undo()
            raise

    async def _open(
        self, kind: Kind, whose: str, openings: Sequence[Opening]
    ) -> Mapping[Opening, int]:
        """Note what there is room for; the rest, and how many its address has beside it.

        Raises:
            Elsewhere: this server may not begin anything now.
            NotStored: the database does not answer now.
        """
        if self.fenced:
            raise Elsewhere
        things = {(kind, opening.name) for opening in openings}
        if not things.isdisjoint(self._counting):
            async with self._one_round:  # if it fails, what it was to say is dropped here
                pass
        for thing in things:
            self._clients.pop(thing, None)
        # By their names, as others give rows to what has none: so no two wait for each other.
        rooms = [(o, o.most()) for o in sorted(openings, key=lambda opening: opening.name)]

        def write(transaction: Transaction) -> dict[Opening, int]:
            there, refused = self._sql.had(transaction, kind, whose), dict[Opening, int]()
            new: dict[Thing, New] = {}
            self._sql.lock(transaction, things, mine=False)
            for opening, room in rooms:
                if (have := len(there - {opening.name})) > room:
                    refused[opening] = have
                elif isinstance(opening.note, New):
                    new[kind, opening.name] = opening.note
                    there.add(opening.name)
                elif opening.note(transaction):
                    there.add(opening.name)
            self._sql.note(transaction, new)
            return refused

        return await self._store.aside(write)

    async def _make_room(self) -> bool:
        """Note what has ended here; whether anything had."""
        if not (self._over or self._clients):
            return False
        await self.noted()
        return True

    def release(self, kind: Kind, name: str) -> None:
        """It is nobody's from now on."""
        thing = kind, name
        if self._new.pop(thing, None) is None:
            epoch = self._memory.epochs.pop(thing, 1 if thing in self._noting else None)
            if epoch is not None:
                self._let_go(thing, epoch)
        self._noting.pop(thing, None)
        self._news.set()

    def _let_go(self, thing: Thing, epoch: int) -> None:
        """The next note says that it is nobody's."""
        if len(self._over) < MOST_OVER:
            self._over[thing] = max(epoch, self._over.get(thing, 0))
            self._news.set()

    def count(self, kind: Kind, name: str, client: str | None) -> None:
        """For whom something counts elsewhere; for nobody while it would give way to others."""
        if len(self._clients) < MOST_OVER:
            self._clients[kind, name] = "" if client is None else self._store.notes.client(client)
            self._news.set()

    async def _rounds(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(ROUND_SECONDS)
            self._news.clear()
            try:
                await self.noted()
            except NotStored:
                await asyncio.sleep(BEAT_SECONDS)
                self._news.set()

    async def noted(self) -> None:
        """Note now what has begun, and what is over."""
        async with self._one_round:
            # What comes meanwhile waits for the next round.
            waiting = len(self._over) + len(self._new) + len(self._clients)
            for _ in range(0, waiting, NOTED_AT_A_TIME):
                await self._note_some()

    async def _note_some(self) -> None:
        # What is over, then what is new, then whose it is: one thing may be all of these in turn.
        over = _first(self._over, NOTED_AT_A_TIME)
        new = _first(self._new, NOTED_AT_A_TIME - len(over))
        clients = _first(self._clients, NOTED_AT_A_TIME - len(over) - len(new))
        self._noting, self._ending, self._counting = dict(new), over, clients

        def write(transaction: Transaction) -> list[Thing]:
            self._sql.lock(transaction, {*over, *clients}, mine=True)
            self._sql.release(transaction, over)
            there = self._sql.note(transaction, new)
            self._sql.count(transaction, clients)
            return there

        try:
            there = set(await self._store.write(write))
        except BaseException:
            # What was released meanwhile is in `_over`, and harmless there.
            self._new = {**self._noting, **self._new}
            for thing, epoch in over.items():
                self._let_go(thing, epoch)
            self._clients = {**clients, **self._clients}
            raise
        finally:
            noting, self._noting, self._ending, self._counting = self._noting, {}, {}, {}
        for thing in new:
            if thing not in noting:
                continue
            if thing in there:
                self._memory.epochs[thing] = 1
            else:
                self._tell_lost(*thing)

    async def take(
        self,
        kind: Kind,
        name: str,
        client: str | None,
        *,
        from_any: bool = False,
        most: Callable[[], int] | None = None,
    ) -> None:
        """Make something this server's that no server has, or one that is lost."""
        if self.fenced or self.leaving:
            raise Elsewhere
        whose = None if client is None else self._store.notes.client(client)
        forced, thing = None if from_any else self._cut_off(), (kind, name)
        above = max(over.get(thing, 0) for over in (self._over, self._ending))
        answers = list[Taken | Owner]()

        def write(transaction: Transaction) -> bool:
            answers.append(self._sql.take(transaction, kind, name, whose, forced, above))
            return isinstance(answers[-1], Taken)

        def undo() -> None:
            if answers and isinstance(answers[-1], Taken):
                self._let_go(thing, answers[-1].epoch)  # it is not known whether it was noted

        if most is None or whose is None:
            try:
                await self._store.write(write)
            except BaseException:
                undo()
                raise
        else:
            await self._openings.open(kind, whose, Opening(name, most, write, undo))
        taken = answers[-1]
        if isinstance(taken, Owner):
            raise Elsewhere
        self._new.pop(thing, None)
        self._memory.epochs[thing] = max(taken.epoch, self._memory.epochs.get(thing, 0))
        self.takes += 1
        await asyncio.sleep(taken.wait)

    # -- for the store: `Claims` ------------------------------------------------------------

    def held(self, kind: Kind, names: Iterable[str]) -> Held:
        """Those of these that are this server's, to be looked at in a transaction."""
        epochs = self._memory.epochs
        return Held(self.id, kind, {n: epochs[kind, n] for n in names if (kind, n) in epochs})

    def lost(self, held: Held, names: Collection[str]) -> None:
        """They turned out not to be this server's any more."""
        for name in names:
            thing = held.kind, name
            if name not in held.epochs or self._memory.epochs.get(thing) == held.epochs[name]:
                self._memory.epochs.pop(thing, None)
                self._tell_lost(held.kind, name)

    def over(self, held: Held) -> None:
        """They are nobody's any more, and that is written."""
        for name, epoch in held.epochs.items():
            if self._memory.epochs.get((held.kind, name)) == epoch:
                del self._memory.epochs[held.kind, name]

    # -- the others -------------------------------------------------------------------------

    async def owner(self, kind: Kind, name: str) -> Owner | None:
        """Which other server has something, and lives, as far as is known here; None if none.

        Raises:
            NotStored: the database does not answer now.
        """
        if not NAME.fullmatch(name):
            return None
        owner = await self._store.read(lambda c: self._sql.owner(c, kind, name))
        if owner is None or (owner.server == self.id and kind != "room"):
            return None  # it has begun or was taken a moment ago
        if owner.server in ("", self.id):
            return replace(owner, alive=False)
        return replace(owner, alive=False) if owner.server in self._cut_off() else owner

    async def room_of(self, code: str) -> str | None:
        """The room of a code, wherever it is.

        Raises:
            NotStored: the database does not answer now.
        """
        if not NAME.fullmatch(code):
            return None
        return await self._store.read(lambda c: self._sql.room_of(c, code))

    def unreachable(self, server: str) -> None:
        """A server does not answer: what it has may be taken from it."""
        log.warning("a server can't be reached; what is asked of it is taken from it")
        self._unreachable[server] = self._ticks() + UNREACHABLE_SECONDS

    def _cut_off(self) -> Collection[str]:
        now = self._ticks()
        self._unreachable = {s: until for s, until in self._unreachable.items() if until > now}
        return self._unreachable.keys()

    def room_elsewhere(self, id: str) -> bool:
        """Whether another server has a room of that id."""
        return id in self._rooms

    def codes_elsewhere(self) -> Collection[str]:
        """The codes of rooms that other servers have."""
        return {code for code, _ in self._rooms.values()}

    @property
    def owned(self) -> Counter[Kind]:
        """How much this server has, by kind."""
        return Counter(kind for kind, _ in self._memory.epochs)

    # -- what lost servers had --------------------------------------------------------------

    async def _end_job(self, run: str) -> None:
        """A run whose server is lost has failed; that is kept, and said to whoever asks."""

        def write(transaction: Transaction) -> Taken | Owner | None:
            if self._sql.owner(transaction, "job", run) is None:
                return None  # another server was faster
            taken = self._sql.take(transaction, "job", run, None)
            if isinstance(taken, Taken):
                failed = Progress(run, "failed", 0, detail=LOST)
                stored = StoredRun("run", failed, taken.iterations, None)
                self._store.add_lost(transaction, run, taken.client, stored)
                spend(transaction, Held(self.id, "job", {run: taken.epoch}), [run])
            return taken

        if isinstance(await self._store.write(write), Owner):
            raise Elsewhere

    async def _sweeps(self) -> None:
        patience = 0.0
        while True:
            try:
                await self._sweep(patience)
            except NotStored:
                pass
            else:
                patience = PATIENCE
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self, patience: float) -> None:
        def look(transaction: Transaction) -> dict[Kind, list[str]]:
            self._sql.forget(transaction)
            kinds: tuple[Kind, ...] = ("job", "room")
            found = {kind: self._sql.orphans(transaction, kind, patience) for kind in kinds}
            found["room"] += self._sql.rooms_of_nobody(transaction)
            return found

        for kind, names in (await self._store.write(look)).items():
            for name in names:
                try:
                    await self.inherit[kind](name)
                except Elsewhere:
                    continue  # another server was faster
