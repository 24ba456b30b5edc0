"""Who gives way when there is no room: the address that has the most, with its oldest.

So whatever one address brings pushes out its own, and whoever comes new finds room beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection, Row

from app.store.tables import RunRow, SessionRow


@dataclass(frozen=True)
class Room:
    """How many rows are kept, how large in all, how long, and how long they are safe."""

    most: int
    most_bytes: int
    seconds: float
    safe_seconds: float = 0.0

    def has(self, count: int, size: int) -> bool:
        """Whether there is room for that. One row may be as large as it is."""
        return count <= self.most and (size <= self.most_bytes or count <= 1)


@dataclass(frozen=True)
class Added:
    """A row that was added just now, and stays."""

    client: str
    number: int


class NoRoom(Exception):
    """There is no room, and what would have to give way is safe yet."""


@dataclass
class _Holding:
    """What one address has."""

    client: str
    count: int
    size: int
    oldest: Iterator[Row[int, int, float]]


def surplus(
    connection: Connection,
    table: type[RunRow] | type[SessionRow],
    among: ColumnElement[bool],
    room: Room,
    now: float,
    added: Added | None = None,
) -> list[int]:
    """The numbers of the rows that are to go: those that are too old, and those without room.

    Raises:
        NoRoom: whoever adds has the most already, or everybody is within their share, and what
            would have to go is safe yet.
    """
    old = table.stored_at <= now - room.seconds
    gone = list(connection.scalars(select(table.number).where(among, old)))
    held = (
        select(table.client, func.count(), func.sum(table.size))
        .where(among, ~old)
        .group_by(table.client)
    )
    rows = select(table.number, table.size, table.stored_at).order_by(table.number)

    def oldest(client: str) -> Iterator[Row[int, int, float]]:
        number = -1
        theirs = rows.where(among, ~old, table.client == client).limit(1)
        while (row := connection.execute(theirs.where(table.number > number)).first()) is not None:
            yield row
            number = row.number

    holdings = [
        _Holding(row[0], row[1], int(row[2]), oldest(row[0])) for row in connection.execute(held)
    ]
    count, size = sum(h.count for h in holdings), sum(h.size for h in holdings)
    mine = next((h for h in holdings if added is not None and h.client == added.client), None)
    while not room.has(count, size):
        if not holdings:
            if added is not None and room.safe_seconds:
                raise NoRoom
            break
        has = attrgetter("count" if count > room.most else "size")
        # Among equals it is whoever adds.
        greediest = max(holdings, key=lambda h: (has(h), h is mine))
        row = next(greediest.oldest, None)
        if row is None or (added is not None and row.number == added.number):
            holdings.remove(greediest)
            continue
        # After a crash the time may be a minute behind: what is never safe is not even then.
        if room.safe_seconds and row.stored_at > now - room.safe_seconds:
            if greediest is mine:
                raise NoRoom
            if mine is None or has(greediest) <= has(mine):
                holdings.remove(greediest)
                continue
        gone.append(row.number)
        greediest.count, greediest.size = greediest.count - 1, greediest.size - row.size
        count, size = count - 1, size - row.size
    return gone
