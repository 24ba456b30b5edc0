"""Interactive sessions in the store: what is new of many of them, in one transaction.

The costs of a session only grow, so they are kept in parts, and a writing adds what is new; its
state replaces the one before. A writing may add only to what its writer knows: the row's mark
says so, or the session is to come whole.

What if it is full: by count, by bytes or by age the session that was written longest ago gives
way.
"""

import logging
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from app.settings import Settings
from app.store.rows import Unreadable, costs_row_of, session_of, session_row_of, size_of
from app.store.store import NAME, Store
from app.store.tables import CostsRow, SessionRow
from app.training.backend import HostedState, Saved

log = logging.getLogger(__name__)

HOUR = 3600.0


@dataclass(frozen=True)
class Part:
    """What is new of a session.

    Attributes:
        state: Its checkpoint; the costs in it do not count.
        after: The mark of what it follows; None if it is the whole.
        costs: Of each run, as the bytes of float64: those that follow, or all.
        costs_size: Bytes of all its costs.
        settled: Whether nothing will come after it for a while.
    """

    name: str
    state: HostedState
    after: str | None
    costs: Sequence[bytes]
    costs_size: int
    settled: bool


@dataclass(frozen=True)
class StoredSession:
    """A session as it was kept last."""

    saved: Saved
    mark: str
    settled: bool


class Sessions:
    """Those in the store, by their ids."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._most = settings.max_stored_sessions
        self._most_bytes = settings.max_stored_sessions_bytes
        self._seconds = settings.max_stored_sessions_hours * HOUR

    async def keep(self, parts: Sequence[Part], gone: Collection[str]) -> dict[str, str]:
        """Write what is new, forget what is gone, and let go what there is no room for.

        Returns:
            The new marks of what was written. What is not among them has to come whole.

        Raises:
            NotStored: the database does not answer now.
        """

        def write(connection: Connection) -> dict[str, str]:
            if gone:
                _delete(connection, gone)
            marks = _insert(connection, parts, self._store.clock())
            self._prune(connection)
            return marks

        return await self._store.write(write)

    async def take(self, name: str) -> StoredSession | None:
        """A session that is to go on: from now on what is stored of it is behind it.

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

    def _prune(self, connection: Connection) -> None:
        now = self._store.clock()
        count, size, oldest = connection.execute(
            select(func.count(), func.sum(SessionRow.size), func.min(SessionRow.stored_at))
        ).one()
        roomy = count <= self._most and (size or 0) <= self._most_bytes
        if roomy and (count == 0 or oldest > now - self._seconds):
            return
        newest_first = (SessionRow.stored_at.desc(), SessionRow.number.desc())
        column = (
            select(
                SessionRow.id,
                SessionRow.stored_at,
                func.row_number().over(order_by=newest_first).label("rank"),
                func.sum(SessionRow.size).over(order_by=newest_first).label("bytes"),
            )
            .subquery()
            .c
        )
        crowded = or_(
            column.rank > self._most, and_(column.rank > 1, column.bytes > self._most_bytes)
        )
        old = column.stored_at <= now - self._seconds
        names = connection.scalars(select(column.id).where(or_(crowded, old))).all()
        if names:
            _delete(connection, names)


def _insert(connection: Connection, parts: Sequence[Part], now: float) -> dict[str, str]:
    """Write the parts that follow what is there, and those that are whole."""
    names = [part.name for part in parts]
    marked = select(SessionRow.id, SessionRow.mark).where(SessionRow.id.in_(names))
    there = {row.id: row.mark for row in connection.execute(marked)}
    fit = [part for part in parts if part.after in (None, there.get(part.name))]
    if not fit:
        return {}
    _delete(connection, [part.name for part in fit if part.after is None])
    followed = [part.name for part in fit if part.after is not None]
    connection.execute(delete(SessionRow).where(SessionRow.id.in_(followed)))
    marks = {part.name: secrets.token_hex(8) for part in fit}
    rows = []
    for part in fit:
        columns = session_row_of(part.state)
        size = size_of(columns) + part.costs_size
        own = {"id": part.name, "mark": marks[part.name], "stored_at": now, "size": size}
        rows.append({**own, "settled": part.settled, **columns})
    connection.execute(insert(SessionRow), rows)
    costs = [
        {"session": part.name, "costs": costs_row_of(part.costs)}
        for part in fit
        if part.after is None or any(part.costs)
    ]
    if costs:
        connection.execute(insert(CostsRow), costs)
    return marks


def _delete(connection: Connection, names: Collection[str]) -> None:
    connection.execute(delete(CostsRow).where(CostsRow.session.in_(names)))
    connection.execute(delete(SessionRow).where(SessionRow.id.in_(names)))
