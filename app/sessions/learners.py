"""Interactive sessions: who has one, who looks at it, and how long it waits for its connection.

One that nobody is connected to any more trains on for a while; after that only the store has it,
from where it comes back as it left.

What if it is full: the session that has been without a connection for the longest gives way; if
every session has a connection, a new one is told so. One whose points and parameters are too many
for what its address may have in all is not configured so, and stays as it was.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace

from app.errors import (
    Full,
    GoingAway,
    InvalidField,
    NotConfigured,
    NotStarted,
    NotStored,
    TooManySessions,
    UnknownSession,
)
from app.schemas import Configure, Message
from app.sessions.keeping import Keeper
from app.sessions.outbox import DONE, GOING_AWAY, REPLACED, Outbox
from app.settings import Settings
from app.store import Store, Stored
from app.supervision import Background
from app.training.checkpoints import Record, Saved
from app.training.messages import (
    Attach,
    Detach,
    Event,
    Frame,
    Position,
    Progress,
    Tell,
    Text,
)
from app.training.workers.driver import Backend

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Learner:
    """One learner's session, and the connection that looks at it, if there is one."""

    session: str
    client: str
    outbox: Outbox | None = None
    expiry: asyncio.TimerHandle | None = None
    runs: int = 0
    """How many it was configured with; 0 before."""
    size: int = 0
    """About how many bytes it takes, as configured."""
    from_checkpoint: bool = False
    """Whether its reader is to be told that it is as it was kept before the server ended."""


class Learners:
    """Every interactive session of this server."""

    def __init__(self, backend: Backend, store: Store, settings: Settings) -> None:
        self._backend = backend
        self._store = store
        self._settings = settings
        self._learners: dict[str, Learner] = {}
        self._keeper = Keeper(store, settings)
        self._leaving: dict[str, tuple[str, Saved]] = {}
        """Sessions that are given up here and not in the store yet, and whose they are."""
        self.keeping = Background("keeping of sessions", self._run)
        self._going = False

    def __len__(self) -> int:
        return len(self._learners)

    @property
    def connected(self) -> int:
        """How many of them have a connection."""
        return sum(learner.outbox is not None for learner in self._learners.values())

    async def join(self, client: str, outbox: Outbox, stored: Stored | None = None) -> Learner:
        """A new session for a connection, empty or as one was stored.

        Raises:
            TooManySessions: every place, or each that this client may have, is taken by someone
                who is there.
            GoingAway: the server is about to end.
        """
        self._make_room(client)
        learner = Learner(secrets.token_urlsafe(16), client)
        self._learners[learner.session] = learner
        if stored is not None and stored.plan is not None:
            learner.runs, learner.size = len(stored.plan.runs), stored.plan.size
        self._open(learner, stored.saved if stored else None)
        self._attach(learner, outbox, Attach(learner.session, outbox.name))
        return learner

    async def resume(self, client: str, session: str, outbox: Outbox, costs_from: int) -> Learner:
        """Take a session up again; a connection that still has it gives way.

        Raises:
            UnknownSession: it has ended, or never was.
            TooManySessions: it is in the store, and every place, or each that this client may
                have, is taken.
            NotStored: it may be in the store, which does not answer.
            GoingAway: the server is about to end.
        """
        if self._going:
            raise GoingAway
        learner = self._learners.get(session) or await self._back(client, session)
        learner.client = client
        if (old := learner.outbox) is not None:
            self.leave(learner, old)
            old.close(REPLACED)
        # What the reader has after a checkpoint may be of another future.
        position = Position(costs=0 if learner.from_checkpoint else costs_from)
        attach = Attach(session, outbox.name, position, from_checkpoint=learner.from_checkpoint)
        learner.from_checkpoint = False
        self._attach(learner, outbox, attach)
        return learner

    async def _back(self, client: str, session: str) -> Learner:
        """A session that this server has given up, or one from before it began."""
        settled = True
        _, saved = self._leaving.get(session, (client, None))
        if saved is None:
            stored = await self._keeper.load(session)
            if (there := self._learners.get(session)) is not None:
                return there  # another connection was faster
            if stored is None:
                raise UnknownSession(
                    "this session has ended, or it was too old to be kept; configure a new one"
                )
            saved, settled = stored.saved, stored.settled
        self._make_room(client)
        self._leaving.pop(session, None)
        learner = Learner(session, client, from_checkpoint=not settled)
        if (checkpoint := saved.state.checkpoint) is not None:
            learner.runs, learner.size = len(checkpoint.plan.runs), checkpoint.plan.size
        self._learners[session] = learner
        self._open(learner, saved)
        # It trains on also if whoever asked for it is gone by now.
        self._expect(learner)
        return learner

    def _known(self, session: str) -> Learner:
        learner = self._learners.get(session)
        if learner is None:
            raise UnknownSession(
                "no such session is open; it has ended, or nobody has been connected to it for "
                f"{self._settings.session_grace_seconds:g} s"
            )
        return learner

    async def record(self, session: str, run: int) -> Record:
        """All of one run of a session.

        Raises:
            UnknownSession: it has ended, or never was.
            NotConfigured: it has nothing to show yet.
            InvalidField: it has no such run.
        """
        runs = self._known(session).runs
        if runs and run >= runs:
            raise InvalidField(f"run must be from 0 to {runs - 1}; got {run}", "run")
        record = await self._backend.fetch(session, run) if runs else None
        if record is None:
            raise NotConfigured("send configure first: there is nothing to take away yet")
        return record

    async def save(self, session: str, page: str | None, client: str) -> tuple[str, int]:
        """Keep a session as it is now; the id under which it is kept, and its iteration.

        It counts as of the address that asks for it.

        Raises:
            UnknownSession: it has ended, or never was.
            NotConfigured: it has nothing to keep yet.
            NotStarted: it is on its way to an iteration.
            Full, NotStored: the store does not take it.
        """
        if not self._known(session).runs:
            raise NotConfigured("send configure first: there is nothing to save yet")
        async with self._store.turn(client):
            snapshot = await self._backend.snap(session)
            checkpoint = snapshot.state.checkpoint if snapshot else None
            if snapshot is None or checkpoint is None:
                raise NotStarted("this session is on its way elsewhere; save again in a moment")
            progress = replace(snapshot.progress, status="saved")
            iterations = checkpoint.plan.runs[0].training.iterations
            stored = Stored("save", progress, iterations, Saved.whole(snapshot.state), page)
            return await self._store.save(stored, client), checkpoint.iteration

    async def tell(self, learner: Learner, outbox: Outbox, message: Message) -> None:
        """Pass a message of the connection on to the session.

        Raises:
            Full: the sessions of this client would take too much memory.
        """
        if learner.outbox is not outbox or outbox.close_code is not None:
            return
        if isinstance(message, Configure):
            self._check_size(learner, message.size)
            learner.runs, learner.size = len(message.runs), message.size
        await self._backend.send(Tell(learner.session, outbox.name, message))

    def leave(self, learner: Learner, outbox: Outbox, code: int | None = None) -> None:
        """The connection is gone; the session waits for it a while, training on if it plays.

        One that was closed with `DONE`, or was never configured, is over at once.
        """
        if learner.outbox is not outbox:
            return
        learner.outbox = None
        if code == DONE or not learner.runs:
            self._forget(learner)
            self._keeper.forget(learner.session)
            return
        self._expect(learner)
        self._backend.put(Detach(learner.session, outbox.name))

    def _expect(self, learner: Learner) -> None:
        """Let a session wait for its connection."""
        loop = asyncio.get_running_loop()
        grace = self._settings.session_grace_seconds
        learner.expiry = loop.call_later(grace, self._give_up, learner)

    # -- the store and the end --------------------------------------------------------------

    async def _run(self) -> None:
        """Bring what is new to the store, again and again."""
        while True:
            await asyncio.sleep(self._settings.store_seconds)
            with contextlib.suppress(NotStored):  # it has been logged, and is tried again
                await self._keep_all()

    async def _keep_all(self, settled: Collection[str] = ()) -> None:
        leaving = dict(self._leaving)
        given_up = [(name, client, saved) for name, (client, saved) in leaving.items()]
        await self._keeper.keep(given_up, settled=leaving)
        for name, left in leaving.items():
            if self._leaving.get(name) is left:
                del self._leaving[name]
                self._keeper.part_with(name)
        here = [
            (learner.session, learner.client, saved)
            for learner in self._learners.values()
            if learner.runs
            if (saved := self._backend.saved(learner.session)) is not None
        ]
        await self._keeper.keep(here, settled)

    def _give_up(self, learner: Learner) -> None:
        """Nobody has come back to a session; from now on only the store has it."""
        saved = self._backend.saved(learner.session)
        self._forget(learner)
        if saved is None:
            self._keeper.part_with(learner.session)
            return
        if len(self._leaving) >= self._settings.max_sessions:
            lost = next(iter(self._leaving))
            del self._leaving[lost]
            log.error("the store does not answer, and a session that was given up is lost")
        self._leaving[learner.session] = learner.client, saved

    async def drain(self) -> None:
        """Take no one in any more, close every connection, and bring all there is to the store.

        Raises:
            NotStored: the store does not answer.
        """
        self._going = True
        for learner in self._learners.values():
            if learner.outbox is not None:
                learner.outbox.close(GOING_AWAY)
        # Of one on its way to an iteration sought there is what was kept before.
        await self._keep_all(settled=await self._backend.flush())
        self._keeper.close()

    def _open(self, learner: Learner, saved: Saved | None = None) -> None:
        def listen(event: Event) -> None:
            self._hear(learner, event)

        self._backend.open(learner.session, "learner", listen, saved)

    def _attach(self, learner: Learner, outbox: Outbox, attach: Attach) -> None:
        learner.outbox = outbox
        if learner.expiry is not None:
            learner.expiry.cancel()
            learner.expiry = None
        self._backend.put(attach)

    def _hear(self, learner: Learner, event: Event) -> None:
        outbox = learner.outbox
        match event:
            case Text() if outbox and event.reader in (None, outbox.name):
                outbox.put(event.json)
            case Frame() if outbox and event.reader == outbox.name:
                outbox.put(event.data)
            case Progress(status="failed"):
                self._begin_anew(learner)

    def _begin_anew(self, learner: Learner) -> None:
        """What was trained is lost, and has been told; the session itself goes on, empty."""
        self._backend.close(learner.session)
        self._keeper.forget(learner.session)
        self._open(learner)
        if (outbox := learner.outbox) is not None:
            self._backend.put(Attach(learner.session, outbox.name))

    def _make_room(self, client: str) -> None:
        if self._going:
            raise GoingAway
        theirs = [learner for learner in self._learners.values() if learner.client == client]
        if len(theirs) >= self._settings.max_sessions_per_client:
            self._give_place(theirs)
        elif len(self._learners) >= self._settings.max_sessions:
            self._give_place(self._learners.values())

    def _give_place(self, among: Collection[Learner]) -> None:
        waiting = [learner for learner in among if learner.expiry is not None]
        if not waiting:
            raise TooManySessions(f"all {len(among)} places are taken; try again in a minute", 60)
        self._give_up(min(waiting, key=lambda learner: learner.expiry.when()))  # type: ignore[union-attr]

    def _check_size(self, learner: Learner, size: int) -> None:
        others = sum(
            other.size
            for other in self._learners.values()
            if other.client == learner.client and other is not learner
        )
        if others + size > self._settings.max_session_bytes_per_client:
            raise Full(
                "the sessions of this address hold as many points and parameters as they may; "
                "close one, or take fewer points",
                60,
            )

    def _forget(self, learner: Learner) -> None:
        if learner.expiry is not None:
            learner.expiry.cancel()
        if self._learners.pop(learner.session, None) is not None:
            self._backend.close(learner.session)
