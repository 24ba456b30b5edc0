"""The store: SQL in threads of its own, so that the event loop never waits for a disk.

Writes come one after the other from a single thread, each a transaction of its own, on the disk
before it is acknowledged; reads have four threads beside it. Each is answered within
`ANSWER_SECONDS`, in the worst case by saying that the store does not answer (`threads.py`); what
was given up so is not committed later, unless its COMMIT was under way.

What if it is full: by count, by bytes or by age the oldest of a kind gives way, of the address
that has the most of it (`room.py`). A save can be lost to a newer one only when it is a while old,
or its address has more than its share. If no save can be lost, a new save of the address that has
the most is refused. Saves wait for their turn, address by address; if too many of one do, or of
all, one more is refused. A REST run that has ended is never refused: it keeps its place among those
that train until it is stored, so their bound is its own.
"""

import asyncio
import contextlib
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import URL, ColumnElement, Engine, and_, delete, event, insert, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Elsewhere, Full, GoingAway, NotFound, NotStored
from app.fairness import Allowance, Places
from app.settings import Settings
from app.store import threads
from app.store.database import (
    CONNECTIONS,
    STARTING_SECONDS,
    engine_of,
    is_current,
    migrate,
    take_turn,
    url_of,
)
from app.store.notes import Notes
from app.store.owned import Held, Kind, spend
from app.store.room import Added, NoRoom, Room, surplus
from app.store.rows import PROGRESS, StoredAs, StoredRun, Unreadable, row_of, stored_of
from app.store.tables import RunRow
from app.store.threads import Threads, TooLate
from app.training.messages import Progress

log = logging.getLogger(__name__)

T = TypeVar("T")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Of a run. No other name is there, and not every database takes any text."""
DAY = 86_400.0
TURNS = 4
"""Saves that are in memory at once: the largest sessions have costs of 16 MB."""
CLIENTS_WORTH = 4
"""So many addresses may have as many saves waiting as one may."""
ANSWER_SECONDS = 2.5
"""After which a read or a write is given up, the time that it waits for its turn included."""
OPEN_SECONDS = 4.5
"""After which a server that starts says that its database does not answer."""
CLOSE_SECONDS = 1.0
"""The store is closed after that, also if its last write has not been answered."""


class StoreUnusable(Exception):
    """The store can't be opened as set; the message says why, and what to set."""


class Claims(Protocol):
    """What of the store is one server's, of several."""

    def held(self, kind: Kind, names: Iterable[str]) -> Held:
        """Those of these that are its, to be looked at in a transaction."""

    def lost(self, held: Held, names: Collection[str]) -> None:
        """They turned out not to be its any more."""

    def over(self, held: Held) -> None:
        """They are nobody's any more, and that is written."""


class Store:
    """Runs by their id."""

    def __init__(self, engine: Engine, settings: Settings, notes: Notes) -> None:
        self._engine, self.notes = engine, notes
        self._writing = engine.execution_options(writes=True)
        failures = (SQLAlchemyError,)
        self._writer = Threads("store-writer", 1, ANSWER_SECONDS, failures)
        self._readers = Threads("store-reader", CONNECTIONS - 1, ANSWER_SECONDS, failures)
        self._turns = Places(TURNS)
        most = settings.max_waiting_saves
        self._saves = Allowance(most, CLIENTS_WORTH * most)
        """Those under way."""
        self._going = False
        self._room = rooms(settings)
        self.claims: Claims | None = None
        """What of the store is this server's, if there are several."""

    @classmethod
    def open(cls, settings: Settings, ticks: Callable[[], float] = time.monotonic) -> "Store":
        """The store of the settings, its tables up to date and its old rows gone.

        Args:
            ticks: Seconds since whenever, which never go back; see `notes.py`.

        Raises:
            StoreUnusable: it can't be had.
        """
        url = _url(settings)
        if settings.server_address and url.get_backend_name() == "sqlite":
            raise StoreUnusable(
                "SHALLOWS_SERVER_ADDRESS is for several servers that share a database, so "
                "SHALLOWS_DATABASE_URL has to begin with postgresql://"
            )
        migrating = False

        def begins() -> None:
            nonlocal migrating
            migrating = True
            log.info("the tables of the store are brought up to date")

        def prepare() -> Notes:
            if url.get_backend_name() == "sqlite":
                Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
            engine = engine_of(url, STARTING_SECONDS)
            try:
                migrate(engine, begins)
                notes = Notes(ticks)
                writing = engine.execution_options(writes=True)
                with writing.begin() as connection:
                    notes.read(connection)
                    notes.meet(connection, patience=0)  # so it can be written to
                for kind, room in rooms(settings).items():
                    with writing.begin() as connection:
                        _prune(connection, kind, room, notes.now())
                return notes
            finally:
                engine.dispose()

        try:
            notes = threads.within(OPEN_SECONDS, prepare, patient=lambda: migrating)
        except Exception as error:
            raise StoreUnusable(_words(error, url.render_as_string(hide_password=True))) from error
        return cls(engine_of(url), settings, notes)

    @staticmethod
    def look(settings: Settings) -> str:
        """What a server would find, in a few words; nothing is made or changed.

        Raises:
            StoreUnusable: it would not start with it.
        """
        url = _url(settings)
        shown = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
            return f"{shown}, which is made at the first start"

        def look() -> bool:
            engine = engine_of(url, STARTING_SECONDS)
            try:
                return is_current(engine)
            finally:
                engine.dispose()

        try:
            current = threads.within(OPEN_SECONDS, look)
        except Exception as error:
            raise StoreUnusable(_words(error, shown)) from error
        return shown if current else f"{shown}, whose tables the next start brings up to date"

    async def finish(self) -> None:
        """Take no saves any more, and wait for all that is under way."""
        self._going = True
        await self._turns.quiet()
        await self._writer.quiet()
        await self._readers.quiet()

    def lane(self, name: str, seconds: float) -> "Lane":
        """Another way to the same database, which waits for nothing that is written or read."""
        return Lane(name, self._engine.url, seconds)

    def give_up(self) -> None:
        """The server ends: from now on nobody waits for the store."""
        self._going = True
        self._turns.refuse(_away())
        self._writer.close()
        self._readers.close()

    async def close(self) -> None:
        """Write what still waits to be written, and let the database go."""
        with contextlib.suppress(NotStored, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.finish()
                await self.write(lambda connection: self.notes.meet(connection, patience=0))
        self.give_up()
        # A thread that hangs may have a connection, which is closed when the thread gives it back.
        event.listen(self._engine, "checkin", lambda _, record: record.invalidate())
        # Even this may hang.
        with contextlib.suppress(TooLate):
            threads.within(CLOSE_SECONDS / 2, self._engine.dispose)

    # -- what is asked of it ----------------------------------------------------------------

    async def add(self, run: str, stored: StoredRun, client: str) -> None:
        """Keep a run that has ended; it is on the disk when this returns.

        Adding it twice does no harm: it may be there although the first try seemed to fail.

        Raises:
            NotStored: the database does not take it now.
        """

        held = None if self.claims is None else self.claims.held("job", [run])

        def change(connection: Connection) -> bool:
            lost = held is not None and (run not in held.epochs or bool(held.lost(connection)))
            if connection.scalar(select(RunRow.number).where(RunRow.id == run)) is not None:
                return True
            if not lost:
                spend(connection, held, [run])
                self._insert(connection, run, stored, self.notes.client(client))
            return not lost

        added = await self.write(change)
        if held is not None and self.claims is not None:
            if added:
                self.claims.over(held)
            else:
                self.claims.lost(held, [run])

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """A turn to save: whoever waits for it need not hold anything in memory yet.

        Raises:
            Full: too many wait already, of this address or of all.
            NotStored: the database does not answer those before, or the server ended meanwhile.
            GoingAway: the server is about to end.
        """
        if self._going:
            raise GoingAway
        if not self._saves.has_room(client):
            raise Full(
                f"{self._saves.of(client)} runs are being saved already; save again in a moment", 2
            )
        self._saves.take(client)
        try:
            async with self._turns.turn(client):
                yield
        finally:
            self._saves.give(client)

    async def save(self, stored: StoredRun, client: str, session: str = "") -> str:
        """Keep a session; it is on the disk when this returns the id under which it is kept.

        Args:
            session: Of which it was made: of several servers only the one that has it may.

        Raises:
            Full: what is kept may not give way yet.
            Elsewhere: the session is another server's by now.
            NotStored: the database does not take it now.
        """
        name = secrets.token_urlsafe(9)
        # A save is no session any more.
        kept = replace(stored, progress=replace(stored.progress, session=name))
        held = None if self.claims is None else self.claims.held("session", [session])

        def change(connection: Connection) -> bool:
            if held is not None and held.lost(connection):
                return False
            self._insert(connection, name, kept, self.notes.client(client))
            return True

        if not await self.write(change):
            raise Elsewhere
        return name

    async def get(self, run: str) -> StoredRun | None:
        """All of a run, unless it was never stored or is forgotten.

        Raises:
            NotFound: another version stored it, and this one can't read it.
            NotStored: the database does not answer now.
        """
        if not NAME.fullmatch(run):
            return None
        query = select(RunRow.__table__).where(RunRow.id == run, self._fresh)

        def read(connection: Connection) -> StoredRun | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else stored_of(row)

        try:
            return await self.read(read)
        except Unreadable:
            log.exception("run %s can't be read", run)
            raise NotFound(
                f"run {run!r:.80} was stored by another version, which this one can't read"
            ) from None

    async def progress(self, run: str) -> tuple[Progress, int] | None:
        """How a run does, and how many iterations were planned of it."""
        if not NAME.fullmatch(run):
            return None
        query = select(RunRow.progress, RunRow.iterations).where(RunRow.id == run, self._fresh)

        def read(connection: Connection) -> tuple[Progress, int] | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else (PROGRESS.validate_json(row.progress), row.iterations)

        return await self.read(read)

    async def delete(self, run: str) -> bool:
        """Forget a REST run; whether there was one. A save stays."""

        def change(connection: Connection) -> bool:
            gone = delete(RunRow).where(RunRow.id == run, RunRow.kind == "run")
            return connection.execute(gone).rowcount > 0

        return bool(NAME.fullmatch(run)) and await self.write(change)

    # -- within -----------------------------------------------------------------------------

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do something in a transaction, which is on the disk when this returns.

        Raises:
            NotStored: the database does not answer now.
        """
        return await self._run(self._writer, lambda: self._change(work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Look something up.

        Raises:
            NotStored: the database does not answer now.
        """

        def read() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await self._run(self._readers, read)

    async def aside(self, work: Callable[[Connection], T]) -> T:
        """Do something short in a transaction, which waits for nothing that is written meanwhile.

        Raises:
            NotStored: the database does not answer now.
        """
        return await self._run(self._readers, lambda: self._change(work))

    async def maintain(self, work: Callable[[Connection], T]) -> T:
        """Do something with the database itself, in no transaction; what is written waits for it.

        Raises:
            NotStored: the database does not answer now.
        """

        def maintain() -> T:
            with self._engine.execution_options(bare=True).connect() as connection:
                return work(connection)

        return await self._run(self._writer, maintain)

    async def _run(self, lane: Threads, work: Callable[[], T]) -> T:
        try:
            return await lane.run(work)
        except SQLAlchemyError as error:
            log.error("the store failed: %s", error)
            raise _away() from None
        except TooLate:
            if lane is self._writer:
                # Otherwise those who wait for a turn would find out four by four.
                self._turns.refuse(_away())
            raise _away() from None

    def _change(self, work: Callable[[Connection], T]) -> T:
        with self._writing.begin() as connection:
            result = work(connection)
            threads.check()
            return result

    def add_lost(self, connection: Connection, run: str, whose: str, stored: StoredRun) -> None:
        """Keep what became of a run whose server was lost, in a transaction.

        Args:
            whose: As `Notes.client` names an address.
        """
        if connection.scalar(select(RunRow.number).where(RunRow.id == run)) is None:
            self._insert(connection, run, stored, whose)

    def _insert(self, connection: Connection, run: str, stored: StoredRun, whose: str) -> None:
        now = self.notes.meet(connection)
        row = {"id": run, "client": whose, "stored_at": now, **row_of(stored)}
        number = connection.scalar(insert(RunRow).values(row).returning(RunRow.number))
        assert number is not None
        try:
            _prune(connection, stored.kind, self._room[stored.kind], now, Added(whose, number))
        except NoRoom:
            raise Full(
                "the server has no room for another saved run from this address, and may not "
                "forget the others yet; ask whoever runs it",
                3600,
            ) from None

    @property
    def _fresh(self) -> ColumnElement[bool]:
        """What is not too old, whether or not it has been let go."""
        now = self.notes.now()
        return or_(
            *(
                and_(RunRow.kind == kind, RunRow.stored_at > now - room.seconds)
                for kind, room in self._room.items()
            )
        )


class Lane:
    """A connection and a thread of its own to a database, for what is short and may not wait."""

    def __init__(self, name: str, url: URL, seconds: float) -> None:
        self._engine = engine_of(url, seconds)
        self._writing = self._engine.execution_options(writes=True)
        self._thread = Threads(name, 1, seconds, (SQLAlchemyError,))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do something in a transaction.

        Raises:
            NotStored: the database does not answer now.
        """

        def change() -> T:
            with self._writing.begin() as connection:
                result = work(connection)
                threads.check()
                return result

        try:
            return await self._thread.run(change)
        except (SQLAlchemyError, TooLate) as error:
            log.info("%s: %r", self._thread.name, error)
            raise _away() from None

    def close(self) -> None:
        """Let the database go; a thread that hangs closes its connection when it is free."""
        self._thread.close()
        event.listen(self._engine, "checkin", lambda _, record: record.invalidate())
        with contextlib.suppress(TooLate):
            threads.within(CLOSE_SECONDS / 2, self._engine.dispose)


def rooms(settings: Settings) -> dict[StoredAs, Room]:
    """How much is kept of each kind."""
    return {
        "run": Room(
            settings.max_finished_runs,
            settings.max_finished_bytes,
            settings.max_finished_days * DAY,
        ),
        "save": Room(
            settings.max_saves,
            settings.max_saves_bytes,
            settings.max_saves_days * DAY,
            settings.saves_safe_days * DAY,
        ),
    }


def _prune(
    connection: Connection, kind: StoredAs, room: Room, now: float, added: Added | None = None
) -> None:
    """Let go what there is no room for; of several servers one after the other counts.

    Raises:
        NoRoom: that may not go yet; the transaction is to be undone.
    """
    take_turn(connection, f"room for a {kind}")
    gone = surplus(connection, RunRow, RunRow.kind == kind, room, now, added)
    if gone:
        connection.execute(delete(RunRow).where(RunRow.number.in_(gone)))


def _away() -> NotStored:
    return NotStored(
        "the server's store does not answer just now, so nothing was kept or found there; try "
        "again in a minute"
    )


def _url(settings: Settings) -> URL:
    """Where the database is.

    Raises:
        StoreUnusable: the setting says it in no way that can be understood.
    """
    secret = settings.database_url
    try:
        return url_of(secret.get_secret_value() if secret else None, settings.data_folder)
    except ValueError as error:
        raise StoreUnusable(f"SHALLOWS_DATABASE_URL: {error}") from None


def _words(error: Exception, url: str) -> str:
    """Why a store can't be had, in a sentence for whoever set it up."""
    cause = "it does not answer"
    if not isinstance(error, TooLate):
        said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
        cause = said.splitlines()[0]
    return (
        f"its store {url} can't be used ({cause}). --data or SHALLOWS_DATA_FOLDER names a folder "
        "that it may write to, SHALLOWS_DATABASE_URL another database"
    )
