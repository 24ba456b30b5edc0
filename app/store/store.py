"""The store: SQL in threads of its own, so that the event loop never waits for a disk.

Writes come one after the other from a single thread, each a transaction of its own, on the disk
before it is acknowledged; reads have four threads beside it.

What if it is full: by count, by bytes or by age the oldest of a kind gives way. A save is safe
from that for a while; if what is safe fills all there is room for, a new save is refused. Saves
wait for their turn; if too many do, one more is refused. A REST run that has ended is never
refused: it keeps its place among those that train until it is stored, so their bound is its own.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, and_, delete, func, insert, not_, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Full, NotFound, NotStored
from app.settings import Settings
from app.store.database import CONNECTIONS, engine_of, migrate, url_of
from app.store.rows import Kind, Stored, Unreadable, named, progress_of, row_of, stored_of
from app.store.tables import RunRow
from app.training.backend import Progress

log = logging.getLogger(__name__)

T = TypeVar("T")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Of a run. Whatever else is asked for is not there, and not every database takes it for a text."""
DAY = 86_400.0
TURNS = 4
"""Saves that are in memory at once: the largest sessions have costs of 16 MB."""


class StoreUnusable(Exception):
    """There is no store to be had as set; the message says why, and what to set."""


@dataclass(frozen=True)
class Retention:
    """How many of a kind are kept, how large in all, how long, and how long they are safe."""

    most: int
    most_bytes: int
    seconds: float
    safe_seconds: float = 0.0


class Store:
    """Runs by their id."""

    def __init__(self, engine: Engine, settings: Settings, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock
        self._writing = engine.execution_options(writes=True)
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(CONNECTIONS - 1, "store-reader")
        self._turns = asyncio.Semaphore(TURNS)
        self._waiting, self._most_waiting = 0, settings.max_waiting_saves
        self._retention: dict[Kind, Retention] = {
            "run": Retention(
                settings.max_finished_runs,
                settings.max_finished_bytes,
                settings.max_finished_days * DAY,
            ),
            "save": Retention(
                settings.max_saves,
                settings.max_saves_bytes,
                settings.max_saves_days * DAY,
                settings.saves_safe_days * DAY,
            ),
        }

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], float] = time.time) -> "Store":
        """The store of the settings, its tables up to date and its old rows gone.

        Raises:
            StoreUnusable: it can't be had.
        """
        secret = settings.database_url
        try:
            url = url_of(secret.get_secret_value() if secret else None, settings.data_folder)
        except ValueError as error:
            raise StoreUnusable(f"SHALLOWS_DATABASE_URL: {error}") from None
        engine = engine_of(url)
        try:
            if url.get_backend_name() == "sqlite":
                Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
            migrate(engine)
            store = cls(engine, settings, clock)
            with store._writing.begin() as connection:
                for kind in store._retention:
                    store._prune(connection, kind, adding=False)
        except (OSError, SQLAlchemyError) as error:
            engine.dispose()
            raise StoreUnusable(_words(error, url.render_as_string(hide_password=True))) from error
        return store

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970, UTC."""
        return self._clock

    async def close(self) -> None:
        """Write what still waits to be written, and let the database go."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()

    # -- what is asked of it ----------------------------------------------------------------

    async def add(self, run: str, stored: Stored) -> None:
        """Keep a run that has ended; it is on the disk when this returns.

        Raises:
            NotStored: the database does not take it now.
        """
        await self.write(lambda connection: self._insert(connection, run, stored))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn to save: whoever waits for it need not hold anything in memory yet.

        Raises:
            Full: too many wait already.
        """
        if self._waiting >= self._most_waiting:
            raise Full(f"{self._waiting} runs are being saved already; save again in a moment", 2)
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    async def save(self, stored: Stored) -> str:
        """Keep a session; it is on the disk when this returns the id under which it is kept.

        Raises:
            Full: what is kept may not give way yet.
            NotStored: the database does not take it now.
        """
        name = secrets.token_urlsafe(9)
        kept = named(stored, name)
        await self.write(lambda connection: self._insert(connection, name, kept))
        return name

    async def get(self, run: str) -> Stored | None:
        """All of a run, unless it was never stored or is forgotten.

        Raises:
            NotFound: another version stored it, and this one can't read it.
            NotStored: the database does not answer now.
        """
        if not NAME.fullmatch(run):
            return None
        query = select(RunRow.__table__).where(RunRow.id == run, self._fresh)

        def read(connection: Connection) -> Stored | None:
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
            return None if row is None else (progress_of(row.progress), row.iterations)

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

    async def _run(self, executor: Executor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, work)
        except SQLAlchemyError as error:
            log.error("the store failed: %s", error)
            raise NotStored(
                "the server's store does not answer just now, so nothing was kept or found there; "
                "try again in a minute"
            ) from None

    def _change(self, work: Callable[[Connection], T]) -> T:
        with self._writing.begin() as connection:
            return work(connection)

    def _insert(self, connection: Connection, run: str, stored: Stored) -> None:
        row = {"id": run, "stored_at": self._clock(), **row_of(stored)}
        connection.execute(insert(RunRow).values(row))
        self._prune(connection, stored.kind, adding=True)

    def _prune(self, connection: Connection, kind: Kind, *, adding: bool) -> None:
        """Let go what there is no room for.

        Raises:
            Full: some of that is safe yet; the transaction is to be undone.
        """
        keep, now = self._retention[kind], self._clock()
        all_of_them = select(func.count(), func.sum(RunRow.size), func.min(RunRow.stored_at))
        count, size, oldest = connection.execute(all_of_them.where(RunRow.kind == kind)).one()
        roomy = count <= keep.most and (size or 0) <= keep.most_bytes
        if roomy and (count == 0 or oldest > now - keep.seconds):
            return
        newest_first = RunRow.number.desc()
        ranked = (
            select(
                RunRow.number,
                RunRow.stored_at,
                func.row_number().over(order_by=newest_first).label("rank"),
                func.sum(RunRow.size).over(order_by=newest_first).label("bytes"),
            )
            .where(RunRow.kind == kind)
            .subquery()
        )
        column = ranked.c
        crowded = or_(
            column.rank > keep.most, and_(column.rank > 1, column.bytes > keep.most_bytes)
        )
        safe = column.stored_at > now - keep.safe_seconds
        if adding and connection.scalar(select(column.number).where(crowded, safe).limit(1)):
            raise Full(
                "the server has no room for another saved run, and may not forget the others yet; "
                "ask whoever runs it",
                3600,
            )
        old = column.stored_at <= now - keep.seconds
        gone = select(column.number).where(or_(and_(crowded, not_(safe)), old))
        connection.execute(delete(RunRow).where(RunRow.number.in_(gone)))

    @property
    def _fresh(self) -> ColumnElement[bool]:
        """What is not too old, whether or not it has been let go."""
        now = self._clock()
        return or_(
            *(
                and_(RunRow.kind == kind, RunRow.stored_at > now - keep.seconds)
                for kind, keep in self._retention.items()
            )
        )


def _words(error: Exception, url: str) -> str:
    """Why a store can't be had, in a sentence for whoever set it up."""
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return (
        f"its store {url} can't be used ({cause}). SHALLOWS_DATA_FOLDER names a folder that it may "
        "write to, SHALLOWS_DATABASE_URL another database"
    )
