"""Interactive sessions: who has one, who looks at it, and how long it waits for its connection.

A session that has lost its connection trains on for a while; after that only the store has it, and
it comes back from there as it left.

What if it is full: the session that has been without a connection for the longest gives way; if
every session has a connection, a new one is refused. Sessions of a room's members have places of
their own: they count for the room, and not for the address of whoever has them. On several servers
the places of an address are those of all together; who waits there for a connection has none. A
configuration with more points and parameters than its address, or room, may have in all is refused
too, and the session stays as it was.
"""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace

from app.errors import (
    Full,
    GoingAway,
    InvalidField,
    NotConfigured,
    NotStarted,
    NotStored,
    ShallowsError,
    TooManySessions,
    UnknownSession,
)
from app.schemas import Ack, Configure, Message, View
from app.sessions.keeping import Keeper
from app.sessions.outbox import DONE, GOING_AWAY, REPLACED, Outbox
from app.sessions.owning import MOVED, Alone, Beyond
from app.settings import Settings
from app.store import Store, StoredRun
from app.supervision import Background
from app.training.checkpoints import Latest, Record
from app.training.messages import (
    Attach,
    Detach,
    Event,
    Expect,
    Frame,
    Glimpse,
    Hold,
    Listener,
    Look,
    Position,
    Progress,
    Tell,
    Text,
    Until,
)
from app.training.workers.backend import Backend

log = logging.getLogger(__name__)

ATTACH_SECONDS = 1.0
"""For whoever has asked for a session that is in the store, once it is here."""
NOTED_SECONDS = 0.5
"""At the end of a server, for what began last to be noted."""


@dataclass(eq=False)
class InteractiveSession:
    """One that trains live, and the connection that looks at it, if there is one."""

    name: str
    client: str
    room: str | None = None
    """Of a class, if it is a member's."""
    outbox: Outbox | None = None
    view: View = field(default_factory=View)
    """What that connection wants to see."""
    expiry: asyncio.TimerHandle | None = None
    runs: int = 0
    """How many it was configured with; 0 before."""
    size: int = 0
    """About how many bytes it takes, as configured."""
    from_checkpoint: bool = False
    """Whether its reader shall learn that it is as it was stored before the server ended. That has
    been learned once something is acknowledged: a connection may be gone before it has heard."""
    watchers: dict[str, tuple[View, Listener]] = field(default_factory=dict)
    """Readers that its class has, beside its own."""

    @property
    def whose(self) -> str:
        """For what it counts: its room, or the address of whoever has it."""
        return self.client if self.room is None else f"room {self.room}"


@dataclass
class InClass:
    """What a class wants of a session, whether it is here or not.

    Attributes:
        held: Whether it waits.
        until: What it is looked at for; None if nothing is asked of it.
    """

    held: bool = False
    until: Until | None = None


class InteractiveSessions:
    """Every interactive session of this server.

    Attributes:
        glimpsed: Hears of sessions that a class looks at.
    """

    glimpsed: Callable[[Glimpse], None]

    def __init__(self, backend: Backend, store: Store, settings: Settings, owning: Alone) -> None:
        self._owning = owning
        self._owning.when_lost["session"] = self.drop
        self._owning.when_fenced.append(self._part)
        self._backend = backend
        self._store = store
        self._settings = settings
        self._sessions: dict[str, InteractiveSession] = {}
        self._keeper = Keeper(store, settings)
        self._coming: dict[
            str, tuple[tuple[str, str | None], asyncio.Task[InteractiveSession]]
        ] = {}
        """Sessions that are fetched from the store, by name: for whom and which room."""
        self._leaving: dict[str, tuple[str, Latest]] = {}
        """Sessions that are given up here and not in the store yet, and whose they are."""
        self._finished: set[str] = set()
        """Those that are over, until that is written: no more than the keeper remembers."""
        self._in_class: dict[str, InClass] = {}
        """By name: as many as the rooms of this server have members, and their labs."""
        self.glimpsed = lambda glimpse: None
        self.keeping = Background("keeping of sessions", self._run)
        self._going = False

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def connected(self) -> int:
        """How many of them have a connection."""
        return sum(session.outbox is not None for session in self._sessions.values())

    async def join(
        self,
        client: str,
        outbox: Outbox,
        stored: StoredRun | None = None,
    ) -> InteractiveSession:
        """A new session for a connection, empty or as one was stored.

        Raises:
            TooManySessions: every place, or each that this client may have, is taken by someone
                who is there.
            GoingAway: the server is about to end.
            Elsewhere, NotStored: of several servers this one can't begin anything now.
        """
        latest = Latest(stored.checkpoint) if stored and stored.checkpoint else None
        name = secrets.token_urlsafe(16)
        with _places():
            await self._owning.open("session", name, client, self._most)
        return self._begin(client, outbox, latest, name, None)

    def _begin(
        self,
        client: str,
        outbox: Outbox,
        latest: Latest | None,
        name: str,
        room: str | None,
    ) -> InteractiveSession:
        session = InteractiveSession(name, client, room)
        try:
            self._make_room(client, room)
            if room is not None:
                self._owning.begin("session", name, session.whose)
        except ShallowsError:
            self._owning.release("session", name)
            raise
        self._sessions[session.name] = session
        self._open(session, latest)
        self._attach(session, outbox, Attach(session.name, outbox.name, setup=room is not None))
        return session

    async def enter(
        self, client: str, name: str, outbox: Outbox, costs_from: int, room: str
    ) -> InteractiveSession:
        """A session of a room's member, as the room has named it: again, or for the first time.

        Raises:
            TooManySessions, NotStored, GoingAway: as `resume`.
        """
        try:
            return await self.resume(client, name, outbox, costs_from, room=room)
        except UnknownSession:
            if name in self._sessions:  # another page of theirs was faster
                return await self.resume(client, name, outbox, costs_from, room=room)
            return self._begin(client, outbox, None, name, room)

    def free(self, name: str) -> None:
        """A session is no room's any more; it goes on as that of whoever has it."""
        self.hold(name, False)
        self._in_class.pop(name, None)
        if (session := self._sessions.get(name)) is not None:
            session.room = None
            for reader in list(session.watchers):
                self.unwatch(name, reader)

    # -- what a class wants of its members' sessions ----------------------------------------

    def hold(self, name: str, held: bool) -> None:
        """Let a session wait, now or when it comes, or go on as it was."""
        known = self._in_class.setdefault(name, InClass())
        if known.held != held:
            known.held = held
            self._backend.put(Hold(name, held))

    def expect(self, name: str, until: Until) -> None:
        """Be told of a session as soon as all of one of these lists holds; see `Expect`."""
        known = self._in_class.setdefault(name, InClass())
        if known.until != until:
            known.until = until
            self._backend.put(Expect(name, until))

    def look(self, name: str, resolution: int | None) -> bool:
        """Ask for a glimpse of a session; whether it is here."""
        session = self._sessions.get(name)
        if session is None or not session.runs:
            return False
        self._backend.put(Look(name, resolution))
        return True

    def watch(self, name: str, reader: str, view: View, listener: Listener) -> bool:
        """Let a reader of a class look at a session; whether it is here."""
        session = self._sessions.get(name)
        if session is None:
            return False
        session.watchers[reader] = view, listener
        self._backend.put(Attach(name, reader, view=view))
        return True

    def watched(self, name: str, reader: str) -> bool:
        """Whether a reader of a class looks at a session."""
        session = self._sessions.get(name)
        return session is not None and reader in session.watchers

    def acknowledge(self, name: str, reader: str, frame: int) -> None:
        """A reader of a class has had a frame."""
        self._backend.put(Tell(name, reader, Ack(type="ack", frame=frame)))

    def unwatch(self, name: str, reader: str) -> None:
        """It looks no more."""
        session = self._sessions.get(name)
        if session is not None and session.watchers.pop(reader, None) is not None:
            self._backend.put(Detach(name, reader))

    async def resume(
        self,
        client: str,
        name: str,
        outbox: Outbox,
        costs_from: int,
        *,
        room: str | None = None,
    ) -> InteractiveSession:
        """Take a session up again; a connection that still has it gives way.

        Args:
            room: Of which it is a member's; None leaves that as it is.

        Raises:
            UnknownSession: it has ended, or never was.
            TooManySessions: it is in the store, and every place, or each that this client may
                have, is taken.
            NotStored: it may be in the store, which does not answer.
            GoingAway: the server is about to end.
        """
        await self._count_again(client, name, room)
        if self._going:
            raise GoingAway
        session = self._sessions.get(name)
        if session is None:
            session = await self._back(client, name, room)
        session.client, session.room = client, room or session.room
        if (old := session.outbox) is not None:
            self._backend.put(Detach(name, old.name))
            old.close(REPLACED)
        # What the reader has after a checkpoint may be of another future.
        position = Position(costs=0 if session.from_checkpoint else costs_from)
        attach = Attach(
            name,
            outbox.name,
            position,
            from_checkpoint=session.from_checkpoint,
            setup=session.room is not None,
        )
        self._attach(session, outbox, attach)
        return session

    async def _count_again(self, client: str, name: str, room: str | None) -> None:
        """One that is here and has no connection, or is another address's, is to have a place.

        Raises:
            TooManySessions: there is none.
        """
        session = self._sessions.get(name)
        if room or not self._owning.several or (session is not None and session.room):
            return
        waits = name in self._leaving if session is None else session.outbox is None
        if waits or (session is not None and session.client != client):
            with _places():
                await self._owning.reopen(
                    "session", name, client, self._most, lambda: self._counts_for(name)
                )

    def _counts_for(self, name: str) -> str | None:
        """The address of whoever looks at a session; None if nobody does."""
        session = self._sessions.get(name)
        return None if session is None or session.outbox is None else session.whose

    def _most(self) -> int:
        """How many sessions an address may have beside one that gets a connection."""
        return self._settings.max_sessions_per_client - 1

    async def _back(self, client: str, name: str, room: str | None) -> InteractiveSession:
        """A session that this server has given up, or one from before it began.

        Whoever comes for it while it is on its way gets the same: a page whose server was lost asks
        again before the first answer. Another address, or room, waits for that: if it were refused
        meanwhile, it would let go what the first is about to have.
        """
        whose = client, room
        while (coming := self._coming.get(name)) is not None and coming[0] != whose:
            await asyncio.wait([coming[1]])
            await self._count_again(client, name, room)
            if (there := self._sessions.get(name)) is not None:
                return there
        if coming is None:
            coming = whose, asyncio.create_task(self._fetched(client, name, room))
            self._coming[name] = coming
            coming[1].add_done_callback(lambda _: self._coming.pop(name))
        return await asyncio.shield(coming[1])

    async def _fetched(self, client: str, name: str, room: str | None) -> InteractiveSession:
        _, latest = self._leaving.get(name, (client, None))
        settled = latest is not None
        try:
            if latest is None:
                if self._owning.several and (room or await self._keeper.has(name)):
                    # A member's session is where the room is, whoever has it.
                    with _places():
                        await self._owning.take(
                            "session",
                            name,
                            client,
                            from_any=room is not None,
                            most=None if room else self._most,
                        )
                loaded = await self._keeper.load(name)
                if (there := self._sessions.get(name)) is not None:
                    return there  # another connection was faster
                if loaded is None:
                    raise UnknownSession(
                        "this session has ended, or it was too old to be kept; configure a new one"
                    )
                latest, settled = loaded
            self._make_room(client, room)
        except BaseException as error:
            # Of a room's member another begins in its place.
            begins = room is not None and isinstance(error, UnknownSession)
            if not begins and name not in self._leaving and name not in self._sessions:
                self._owning.release("session", name)
            raise
        self._leaving.pop(name, None)
        session = InteractiveSession(name, client, room, from_checkpoint=not settled)
        self._sessions[name] = session
        self._open(session, latest)
        # It trains on even if whoever asked for it has gone by now; who has not is about to attach.
        self._expect(session, ATTACH_SECONDS)
        return session

    def _known(self, name: str) -> InteractiveSession:
        session = self._sessions.get(name)
        if session is None:
            raise UnknownSession(
                "no such session is open; it has ended, or nobody has been connected to it for "
                f"{self._settings.session_grace_seconds:g} s"
            )
        return session

    async def record(self, name: str, run: int) -> Record:
        """All of one run of a session.

        Raises:
            UnknownSession: it has ended, or never was.
            NotConfigured: it has nothing to show yet.
            InvalidField: it has no such run.
        """
        runs = self._known(name).runs
        if runs and run >= runs:
            raise InvalidField(f"run must be from 0 to {runs - 1}; got {run}", "run")
        record = await self._backend.fetch(name, run) if runs else None
        if record is None:
            raise NotConfigured("send configure first: there is nothing to take away yet")
        return record

    async def save(self, name: str, page: str | None, client: str) -> tuple[str, int]:
        """Keep a session as it is now; the id under which it is kept, and its iteration.

        It counts as one of the address that asks for it.

        Raises:
            UnknownSession: it has ended, or never was.
            NotConfigured: it has nothing to keep yet.
            NotStarted: it is on its way to an iteration.
            Full, NotStored: the store does not take it.
        """
        if not self._known(name).runs:
            raise NotConfigured("send configure first: there is nothing to save yet")
        async with self._store.turn(client):
            snapshot = await self._backend.snap(name)
            if snapshot is None:
                raise NotStarted("this session is on its way elsewhere; save again in a moment")
            progress = replace(snapshot.progress, status="saved")
            checkpoint = snapshot.checkpoint
            iterations = checkpoint.plan.runs[0].training.iterations
            stored = StoredRun("save", progress, iterations, checkpoint, page)
            return await self._store.save(stored, client, name), checkpoint.iteration

    async def tell(
        self,
        session: InteractiveSession,
        outbox: Outbox,
        message: Message,
        experiment: int | None = None,
    ) -> None:
        """Pass a message of the connection on to the session.

        Args:
            experiment: The number of what was sent, if this sets it up.

        Raises:
            Full: the sessions of this client would take too much memory.
        """
        if session.outbox is not outbox or outbox.close_code is not None:
            return
        if isinstance(message, Configure):
            self._check_size(session, message.size)
            session.runs, session.size = len(message.runs), message.size
        elif isinstance(message, View):
            session.view = message
        if isinstance(message, Configure | Ack):
            session.from_checkpoint = False
        await self._backend.send(Tell(session.name, outbox.name, message, experiment))

    def leave(self, session: InteractiveSession, outbox: Outbox, code: int | None = None) -> None:
        """The connection is gone; the session waits for it a while, training on if it plays.

        One that was closed with `DONE`, or was never configured, is over at once.
        """
        if session.outbox is not outbox:
            return
        session.outbox = None
        if self._sessions.get(session.name) is not session:
            return  # it was let go, and may be here again already, as another one
        if code == DONE or not session.runs:
            self._forget(session)
            self._keeper.forget(session.name)
            if self._keeper.forgets(session.name):
                self._finished.add(session.name)
                self._owning.count("session", session.name, None)
            else:
                self._owning.release("session", session.name)
            return
        self._expect(session)
        self._backend.put(Detach(session.name, outbox.name))

    def _expect(self, session: InteractiveSession, least: float = 0.0) -> None:
        """Let a session wait for its connection, for so many seconds at least."""
        self._owning.count("session", session.name, None)
        loop = asyncio.get_running_loop()
        grace = max(least, self._settings.session_grace_seconds)
        session.expiry = loop.call_later(grace, self._give_up, session)

    # -- the store and the end --------------------------------------------------------------

    async def _run(self) -> None:
        """Bring what is new to the store, again and again."""
        while True:
            await asyncio.sleep(self._settings.store_seconds)
            with contextlib.suppress(NotStored):  # it has been logged, and is tried again
                await self._keep_all()

    async def _keep_all(self, settled: Collection[str] = ()) -> None:
        await self._owning.noted()
        leaving = dict(self._leaving)
        given_up = [(name, whose, latest) for name, (whose, latest) in leaving.items()]
        await self._keeper.keep(given_up, settled=leaving)
        for name, left in leaving.items():
            if self._leaving.get(name) is left:
                del self._leaving[name]
                self._keeper.part_with(name)
                self._owning.release("session", name)
        here = [
            (session.name, session.whose, latest)
            for session in self._sessions.values()
            if session.runs and self._owning.holds("session", session.name)
            if (latest := self._backend.latest(session.name)) is not None
        ]
        await self._keeper.keep(here, settled)
        for name in [name for name in self._finished if not self._keeper.forgets(name)]:
            self._finished.discard(name)
            if name not in self._sessions:
                self._owning.release("session", name)

    def _give_up(self, session: InteractiveSession) -> None:
        """Nobody has come back to a session; from now on only the store has it."""
        latest = self._backend.latest(session.name)
        self._forget(session)
        if latest is None:
            self._keeper.part_with(session.name)
            self._owning.release("session", session.name)
            return
        if len(self._leaving) >= self._settings.max_sessions:
            lost = next(iter(self._leaving))
            del self._leaving[lost]
            self._owning.release("session", lost)
            log.error("the store does not answer, and a session that was given up is lost")
        self._leaving[session.name] = session.whose, latest

    def drop(self, name: str) -> None:
        """Another server has the session from now on; nothing more is written or said of it."""
        self._leaving.pop(name, None)
        self._keeper.part_with(name)
        if (session := self._sessions.get(name)) is not None:
            self._forget(session)
            if session.outbox is not None:
                session.outbox.close(MOVED)

    def yield_up(self, name: str) -> None:
        """A session is wanted at another server: the next writing is the last here."""
        self._in_class.pop(name, None)
        if (session := self._sessions.get(name)) is not None:
            if session.outbox is not None:
                session.outbox.close(MOVED)
            self._give_up(session)

    def _part(self) -> None:
        """This server has to be silent for a while: everybody may go on at another."""
        for session in self._sessions.values():
            if session.outbox is not None:
                session.outbox.close(MOVED)

    async def drain(self) -> None:
        """Take no one in any more, close every connection, and bring all there is to the store.

        Raises:
            NotStored: the store does not answer.
        """
        self._going = True
        # First, so that whoever goes to another server is told there to wait for what is here.
        with contextlib.suppress(NotStored, TimeoutError):
            await asyncio.wait_for(self._owning.noted(), NOTED_SECONDS)
        for session in self._sessions.values():
            if session.outbox is not None:
                session.outbox.close(GOING_AWAY)
        # A session on its way to an iteration is stored as it was kept before that.
        await self._keep_all(settled=await self._backend.flush())
        self._keeper.close()

    def _open(self, session: InteractiveSession, latest: Latest | None = None) -> None:
        if latest is not None:
            plan = latest.checkpoint.plan
            session.runs, session.size = len(plan.runs), plan.size
        listener = functools.partial(self._hear, session)
        known = self._in_class.get(session.name, InClass())
        self._backend.open(session.name, "interactive", listener, latest, held=known.held)
        if known.until is not None:
            self._backend.put(Expect(session.name, known.until))

    def _attach(self, session: InteractiveSession, outbox: Outbox, attach: Attach) -> None:
        session.outbox, session.view = outbox, attach.view
        self._owning.count("session", session.name, session.whose)
        if session.expiry is not None:
            session.expiry.cancel()
            session.expiry = None
        self._backend.put(attach)

    def _hear(self, session: InteractiveSession, event: Event) -> None:
        outbox = session.outbox
        match event:
            case Text():
                if outbox and event.reader in (None, outbox.name):
                    outbox.put(event.json)
                for reader, (_, listener) in session.watchers.items():
                    if event.reader in (None, reader):
                        listener(event)
            case Frame() if outbox and event.reader == outbox.name:
                outbox.put(event.data)
            case Frame() if event.reader in session.watchers:
                session.watchers[event.reader][1](event)
            case Glimpse():
                self.glimpsed(event)
            case Progress(status="failed"):
                self._begin_anew(session)

    def _begin_anew(self, session: InteractiveSession) -> None:
        """What was trained is lost, and its reader knows; the session itself goes on, empty."""
        self._backend.close(session.name)
        self._keeper.forget(session.name)
        session.runs = session.size = 0
        self._open(session)
        if (outbox := session.outbox) is not None:
            self._backend.put(Attach(session.name, outbox.name, view=session.view))
        for reader, (view, _) in session.watchers.items():
            self._backend.put(Attach(session.name, reader, view=view))

    def _make_room(self, client: str, room: str | None) -> None:
        if self._going:
            raise GoingAway
        settings = self._settings
        most_of_one, most = settings.max_sessions_per_client, settings.max_sessions
        if room is not None:
            most_of_one, most = settings.max_sessions_per_room, settings.max_room_sessions
        alike = [each for each in self._sessions.values() if (each.room is None) == (room is None)]
        theirs = [each for each in alike if (each.room or each.client) == (room or client)]
        if len(theirs) >= most_of_one:
            self._give_place(theirs)
        elif len(alike) >= most:
            self._give_place(alike)

    def _give_place(self, among: Collection[InteractiveSession]) -> None:
        waiting = [session for session in among if session.expiry is not None]
        if not waiting:
            raise _full(len(among))
        self._give_up(min(waiting, key=lambda session: session.expiry.when()))  # type: ignore[union-attr]

    def _check_size(self, session: InteractiveSession, size: int) -> None:
        others = sum(
            other.size
            for other in self._sessions.values()
            if other.whose == session.whose and other is not session
        )
        if others + size > self._settings.max_session_bytes_per_client:
            raise Full(
                "the sessions of this address or room hold as many points and parameters as they "
                "may; "
                "close one, or take fewer points",
                60,
            )

    def _forget(self, session: InteractiveSession) -> None:
        if session.expiry is not None:
            session.expiry.cancel()
        if self._sessions.pop(session.name, None) is not None:
            self._backend.close(session.name)


@contextlib.contextmanager
def _places() -> Iterator[None]:
    """Say that an address has no place left."""
    try:
        yield
    except Beyond as beyond:
        raise _full(beyond.have) from None


def _full(taken: int) -> TooManySessions:
    return TooManySessions(f"all {taken} places are taken; try again in a minute", 60)
