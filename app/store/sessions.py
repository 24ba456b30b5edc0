"""Interactive sessions in the store: what is new of many of them, in one transaction.

The costs of a session only grow, so they are kept in parts, and a writing adds what is new; its
state replaces the one before. A writing may only add to a row whose mark its
writer knows; otherwise the whole session has to be written.

What if it is full: by count, by bytes or by age the session that was written longest ago gives
way, of the address that has the most.
"""

import logging
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, insert, select, true, update
from sqlalchemy.engine import Connection

from app.errors import NotStored
from app.settings import Settings
from app.store.notes import Notes
from app.store.room import Room, surplus
from app.store.rows import Unreadable, costs_row_of, session_of, session_row_of, size_of
from app.store.store import NAME, Store
from app.store.tables import CostsRow, SessionRow
from app.training.checkpoints import Checkpoint

log = logging.getLogger(__name__)

HOUR = 3600.0
MOST_AT_A_TIME = 64
BYTES_AT_A_TIME = 4_000_000
UPDATE_BYTES = 10_000
"""About so much is written of a session beside its costs."""


@dataclass(frozen=True)
class SessionUpdate:
    """What is new of a session.

    Attributes:
        client: The address of whoever has it.
        checkpoint: As it is now; the costs in it do not count.
        after: The mark of what it follows; None if it is the whole.
        costs: Of each run, as the bytes of float64: those that follow, or all.
        costs_size: Bytes of all its costs.
        settled: Whether nothing will come after it for a while.
    """

    name: str
    client: str
    checkpoint: Checkpoint
    after: str | None
    costs: Sequence[bytes]
    costs_size: int
    settled: bool


@dataclass(frozen=True)
class StoredSession:
    """A session as it was kept last."""

    checkpoint: Checkpoint
    mark: str
    settled: bool


class StoredSessions:
    """Those in the store, by their ids."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._room = Room(
            settings.max_stored_sessions,
            settings.max_stored_sessions_bytes,
            settings.max_stored_sessions_hours * HOUR,
        )

    async def keep(self, updates: Sequence[SessionUpdate], gone: Collection[str]) -> dict[str, str]:
        """Write what is new, forget what is gone, and let go what there is no room for.

        They are written a few at a time, so that saves can come in between.

        Returns:
            The new marks of what was written. What is not among them has to come whole.

        Raises:
            NotStored: the database does not answer now, and nothing was written.
        """
        first, *rest = _few_at_a_time(updates)
        marks = await self._write(first, gone)
        for some in rest:
            try:
                marks |= await self._write(some, ())
            except NotStored:
                break
        return marks

    async def _write(
        self, updates: Sequence[SessionUpdate], gone: Collection[str]
    ) -> dict[str, str]:
        claims = self._store.claims
        names = [new.name for new in updates]
        held = None if claims is None else claims.held("session", names)
        over = None if claims is None else claims.held("session", gone)

        def write(connection: Connection) -> tuple[dict[str, str], frozenset[str]]:
            lost: frozenset[str] = frozenset()
            mine, mine_gone = updates, gone
            if held is not None and over is not None:
                # All at once: in the order of all who lock several.
                lost = replace(held, epochs={**held.epochs, **over.epochs}).lost(connection)
                mine = [new for new in updates if new.name in held.epochs.keys() - lost]
                mine_gone = over.epochs.keys() - lost
            if mine_gone:
                _delete(connection, mine_gone)
            now = self._store.notes.meet(connection)
            marks = _insert(connection, mine, self._store.notes, now)
            if numbers := surplus(connection, SessionRow, true(), self._room, now):
                gone_too = select(SessionRow.id).where(SessionRow.number.in_(numbers))
                _delete(connection, connection.scalars(gone_too).all())
            return marks, lost

        marks, lost = await self._store.write(write)
        if claims is not None and held is not None and over is not None:
            claims.lost(held, lost & held.epochs.keys())
            claims.lost(over, lost & over.epochs.keys())
        return marks

    async def has(self, name: str) -> bool:
        """Whether there is something of a session.

        Raises:
            NotStored: the database does not answer now.
        """
        there = select(SessionRow.number).where(SessionRow.id == name)
        return bool(NAME.fullmatch(name)) and await self._store.read(
            lambda connection: connection.scalar(there) is not None
        )

    async def take(self, name: str) -> StoredSession | None:
        """A session that is to go on: what is stored is older than the session from now on.

        Raises:
            NotStored: the database does not answer now.
        """
        stored = await self.get(name)
        if stored is not None and stored.settled:
            goes_on = update(SessionRow).where(SessionRow.id == name).values(settled=False)

            def write(connection: Connection) -> None:
                connection.execute(goes_on)

            await self._store.write(write)
        return stored

    async def get(self, name: str) -> StoredSession | None:
        """A session, unless it was never stored, is forgotten, or is another version's.

        Raises:
            NotStored: the database does not answer now.
        """
        if not NAME.fullmatch(name):
            return None

        def read(connection: Connection) -> StoredSession | None:
            row = connection.execute(
                select(SessionRow.__table__).where(SessionRow.id == name)
            ).one_or_none()
            if row is None:
                return None
            costs = select(CostsRow.costs).where(CostsRow.session == name)
            parts = connection.scalars(costs.order_by(CostsRow.number)).all()
            return StoredSession(session_of(row, parts), row.mark, row.settled)

        try:
            return await self._store.read(read)
        except Unreadable:
            log.exception("a stored session can't be read")
            return None


def _few_at_a_time(updates: Sequence[SessionUpdate]) -> list[list[SessionUpdate]]:
    """At least one list; the updates of each can be written in a moment."""
    lists: list[list[SessionUpdate]] = [[]]
    size = 0
    for new in updates:
        own = sum(map(len, new.costs)) + UPDATE_BYTES
        if lists[-1] and (len(lists[-1]) >= MOST_AT_A_TIME or size + own > BYTES_AT_A_TIME):
            lists.append([])
            size = 0
        lists[-1].append(new)
        size += own
    return lists


def _insert(
    connection: Connection, updates: Sequence[SessionUpdate], notes: Notes, now: float
) -> dict[str, str]:
    """Write the updates that follow what is there, and those that are whole."""
    names = [new.name for new in updates]
    marked = select(SessionRow.id, SessionRow.mark).where(SessionRow.id.in_(names))
    there = {row.id: row.mark for row in connection.execute(marked)}
    fit = [new for new in updates if new.after in (None, there.get(new.name))]
    written = {new.name: columns for new in fit if (columns := _columns(new)) is not None}
    fit = [new for new in fit if new.name in written]
    if not fit:
        return {}
    _delete(connection, [new.name for new in fit if new.after is None])
    followed = [new.name for new in fit if new.after is not None]
    connection.execute(delete(SessionRow).where(SessionRow.id.in_(followed)))
    marks = {new.name: secrets.token_hex(8) for new in fit}
    rows = []
    for new in fit:
        columns = written[new.name]
        size = size_of(columns) + new.costs_size
        own = {"id": new.name, "client": notes.client(new.client), "mark": marks[new.name]}
        now_there = {"stored_at": now, "size": size, "settled": new.settled}
        rows.append({**own, **now_there, **columns})
    connection.execute(insert(SessionRow), rows)
    costs = [
        {"session": new.name, "costs": costs_row_of(new.costs)}
        for new in fit
        if new.after is None or any(new.costs)
    ]
    if costs:
        connection.execute(insert(CostsRow), costs)
    return marks


def _columns(new: SessionUpdate) -> dict[str, Any] | None:
    """What is written of a session; None if it can't be; the others are written all the same."""
    try:
        return session_row_of(new.checkpoint)
    except Exception:
        log.exception("session %.6s can't be stored", new.name)
        return None


def _delete(connection: Connection, names: Collection[str]) -> None:
    connection.execute(delete(CostsRow).where(CostsRow.session.in_(names)))
    connection.execute(delete(SessionRow).where(SessionRow.id.in_(names)))
