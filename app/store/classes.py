"""The rows of classes' rooms: written together, and gone without a trace when a room ends.

What a room is made of is `app.classroom`'s; here a row is a key and a text. What is deleted leaves
nothing in SQLite's files: deleted bytes are overwritten, all rows that stay are moved (a page that
was split keeps copies of what was on it), and the log is cut off. Of PostgreSQL's files and of
backups nothing is promised.

What if it is full: how many rooms there are, and how large, is bounded before a row comes here.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from app.store.owned import Held, has_code, spend
from app.store.store import Store
from app.store.tables import RoomRow, RunRow

log = logging.getLogger(__name__)

CUT_MILLISECONDS = 50
"""For which the log waits for its readers before it is cut off another time."""


@dataclass
class Changes:
    """What is new of one room.

    Attributes:
        put: Rows that are new, or take the place of what is there.
        dropped: Keys of rows that are not there any more.
        over: Whether every row of it goes.
        unkept: Names of saves that were made for it, and go.
        code: Its code; None leaves that as it is.
    """

    put: dict[str, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    over: bool = False
    unkept: set[str] = field(default_factory=set)
    code: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is something to write."""
        return bool(self.put or self.dropped or self.over or self.unkept)

    def add(self, put: Mapping[str, str], dropped: frozenset[str]) -> None:
        """What comes after that."""
        for key in dropped:
            self.put.pop(key, None)
        self.dropped = (self.dropped | dropped) - put.keys()
        self.put.update(put)


class NotOurs(Exception):
    """Another server has these rooms."""

    def __init__(self, rooms: frozenset[str]) -> None:
        super().__init__()
        self.rooms = rooms


class StoredRooms:
    """Those in the store, by their ids."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._to_cut = True
        """Whether the log may hold what was deleted; before the server's start it may have been."""

    def key_for(self, purpose: str) -> bytes:
        """A key that lasts as long as the store."""
        return self._store.notes.key_for(purpose)

    def client(self, address: str) -> str:
        """The short name of an address."""
        return self._store.notes.client(address)

    def clock(self) -> float:
        """Seconds of the store's own time, which only grows."""
        return self._store.notes.now()

    async def all(self) -> dict[str, dict[str, str]]:
        """Every room's rows.

        Raises:
            NotStored: the database does not answer now.
        """
        rooms: dict[str, dict[str, str]] = defaultdict(dict)

        def read(connection: Connection) -> None:
            for row in connection.execute(select(RoomRow.__table__)):
                rooms[row.room][row.key] = row.value

        await self._store.read(read)
        return dict(rooms)

    async def of(self, room: str) -> dict[str, str]:
        """A room's rows; none if there is no such room.

        Raises:
            NotStored: the database does not answer now.
        """
        rows = select(RoomRow.key, RoomRow.value).where(RoomRow.room == room)

        def read(connection: Connection) -> dict[str, str]:
            return {row.key: row.value for row in connection.execute(rows)}

        return await self._store.read(read)

    async def write(self, changes: Mapping[str, Changes]) -> None:
        """Write what is new of some rooms in one transaction; it is on the disk when this returns.

        Raises:
            NotStored: the database does not answer now.
            NotOurs: another server has some of them. Nothing was written.
        """
        claims = self._store.claims
        held = None if claims is None else claims.held("room", changes)

        def write(connection: Connection) -> None:
            if held is not None:
                _note(connection, held, changes)
            self._store.notes.meet(connection)
            with _overwriting(connection):
                for room, new in changes.items():
                    _write(connection, room, new)
                if any(new.over for new in changes.values()):
                    _move(connection)

        try:
            await self._store.write(write)
        except NotOurs as error:
            if claims is not None and held is not None:
                claims.lost(held, error.rooms)
            raise
        self._to_cut = self._to_cut or any(new.over for new in changes.values())

    async def cut(self) -> bool:
        """Cut off the log, so that it has nothing of what was deleted; False if it has to wait.

        Raises:
            NotStored: the database does not answer now.
        """
        if self._to_cut and await self._store.maintain(_cut):
            self._to_cut = False
        return not self._to_cut


def _note(connection: Connection, held: Held, changes: Mapping[str, Changes]) -> None:
    """Of several servers: see that these rooms are this one's, and note what is new of that.

    Raises:
        NotOurs: some are not.
    """
    theirs = {id for id, new in changes.items() if new.put or new.dropped or new.over}
    if lost := held.lost(connection) | (theirs - held.epochs.keys()):
        raise NotOurs(frozenset(lost))
    for id, new in changes.items():
        if new.code is not None and not new.over:
            has_code(connection, id, new.code)
    spend(connection, held, [id for id, new in changes.items() if new.over])


def _write(connection: Connection, room: str, new: Changes) -> None:
    for name in new.unkept:
        connection.execute(delete(RunRow).where(RunRow.id == name, RunRow.kind == "save"))
    mine = RoomRow.room == room
    if new.over:
        connection.execute(delete(RoomRow).where(mine))
        return
    keys = [*new.put, *new.dropped]
    for start in range(0, len(keys), 500):  # a statement takes so many names, and not any number
        some = keys[start : start + 500]
        connection.execute(delete(RoomRow).where(mine, RoomRow.key.in_(some)))
    if new.put:
        rows = [{"room": room, "key": key, "value": value} for key, value in new.put.items()]
        connection.execute(insert(RoomRow), rows)


# -- what only SQLite needs -----------------------------------------------------------------


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


@contextmanager
def _overwriting(connection: Connection) -> Iterator[None]:
    """What is deleted is overwritten with zeros. Elsewhere nothing of a class is deleted."""
    if not _is_sqlite(connection):
        yield
        return
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA secure_delete = OFF")


def _move(connection: Connection) -> None:
    """Write all rows anew, to pages that have had nothing else on them."""
    if not _is_sqlite(connection):
        return
    rows = [dict(row._mapping) for row in connection.execute(select(RoomRow.__table__))]
    connection.execute(delete(RoomRow))
    if rows:
        connection.execute(insert(RoomRow), rows)


def _cut(connection: Connection) -> bool:
    if not _is_sqlite(connection):
        return True
    waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {CUT_MILLISECONDS}")
    try:
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {waits}")
    return not busy
