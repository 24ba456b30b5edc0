"""Which of several servers owns what, by SQL: sessions, REST runs that have not ended, and rooms.

A server says by a beat, several times a second, that it is there; the database's clock counts. A
thing has one owner, and an epoch that grows whenever it is taken. It is taken from a server that
has not been seen for `ALIVE_SECONDS`, or that whoever takes can't reach (`forced`). Whoever writes
something of it looks in the same transaction whether it is still theirs (`Held`), and holds the row
until the end: so who takes it waits for that, and reads what was written. What was taken from a
server is in its next beat; if it was away for so long that it counted as dead, all that it has is.

What if it is full: a row is there for each thing that has a server, so they are as many as servers
may have. Rows of sessions that a dead server had are let go after `FORGET_SECONDS`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from app.store.database import take_turn
from app.store.tables import OwnedRow, RoomRow, ServerRow

T = TypeVar("T")
Kind = Literal["session", "job", "room"]
Thing = tuple[Kind, str]
Transaction = Connection
"""For those who pass one on, and know nothing of SQL."""

ALIVE_SECONDS = 2.5
"""A server that was not seen for so long is dead."""
CALM_SECONDS = 5.0
"""For which a thing is not taken again from a server that lives, though it can't be reached: two
that do not reach each other would take it from each other all the time."""
FORGET_SECONDS = 3600.0
MOST_AT_A_TIME = 1_000


def database_clock(connection: Connection) -> float:
    """Seconds of the database's clock."""
    return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)


@dataclass(frozen=True)
class Owner:
    """Who has something."""

    server: str
    address: str
    epoch: int
    alive: bool


@dataclass(frozen=True)
class Taken:
    """Something is this server's from now on.

    Attributes:
        wait: Seconds until a server that lives, and had it, says nothing of it any more: by then it
            has heard of that with a beat, or is dead.
        client: Whose it is, as `Notes.client` names an address.
        iterations: How many were planned of a REST run.
    """

    epoch: int
    client: str
    wait: float = 0.0
    iterations: int = 0


@dataclass(frozen=True)
class New:
    """Something that begins here.

    Attributes:
        client: Whose it is, as `Notes.client` names an address.
    """

    client: str
    iterations: int = 0


@dataclass(frozen=True)
class Other:
    """Another server that lives.

    Attributes:
        seen: When it was here last, in seconds of the database's clock.
    """

    address: str
    spent: str
    seen: float = 0.0


@dataclass(frozen=True)
class Beat:
    """What a server learns with a beat.

    Attributes:
        now: The database's clock.
        others: Those that live, by their ids.
        lost: What was taken from this server, and the epoch that it has now.
        mine: All that it has, with epochs, if it counted as dead meanwhile; else None.
        rooms: Code and server of each room that another server has, by the room's id.
    """

    now: float
    others: Mapping[str, Other]
    lost: Mapping[Thing, int]
    mine: Mapping[Thing, int] | None
    rooms: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Held:
    """Some things of a server that a transaction is about to write."""

    server: str
    kind: Kind
    epochs: Mapping[str, int]

    def lost(self, connection: Connection) -> frozenset[str]:
        """Those that are not its any more; the others stay its until the transaction ends."""
        mine = OwnedRow.name.in_(sorted(self.epochs))
        rows = (
            select(OwnedRow.name, OwnedRow.epoch)
            .where(OwnedRow.kind == self.kind, OwnedRow.server == self.server, mine)
            .order_by(OwnedRow.name)  # as `Ownership.lock`
            .with_for_update(read=True)
        )
        there = {row.name: row.epoch for row in connection.execute(rows)}
        return frozenset(name for name, epoch in self.epochs.items() if there.get(name) != epoch)


class Ownership:
    """What one server does with the tables; each call is a part of a transaction.

    Args:
        server: Its id, of this start alone.
        address: At which the others reach it.
        clock: In tests another than the database's.
    """

    def __init__(
        self, server: str, address: str, clock: Callable[[Connection], float] = database_clock
    ) -> None:
        self.server, self.address = server, address
        self._clock = clock

    # -- that a server is there -------------------------------------------------------------

    def beat(self, connection: Connection, spent: str = "{}") -> Beat:
        """Say that this server is there, and learn what there is to know."""
        seen = connection.scalar(
            select(ServerRow.seen).where(ServerRow.id == self.server).with_for_update()
        )
        now = self._clock(connection)
        if seen is None:
            # Whoever had the address before is not there any more.
            gone = update(ServerRow).where(ServerRow.address == self.address).values(seen=0.0)
            connection.execute(gone)
            here = {"id": self.server, "address": self.address, "seen": now, "spent": spent}
            connection.execute(insert(ServerRow).values(here))
        else:
            mine = update(ServerRow).where(ServerRow.id == self.server)
            connection.execute(mine.values(seen=now, spent=spent))
        others = self._others(connection, now)
        away = seen is None or now - seen > ALIVE_SECONDS
        return Beat(
            now,
            others,
            {} if away else self._epochs(connection, OwnedRow.before == self.server),
            self._epochs(connection, OwnedRow.server == self.server) if away else None,
            self._rooms(connection, others),
        )

    def _others(self, connection: Connection, now: float) -> dict[str, Other]:
        alive = ServerRow.seen > now - ALIVE_SECONDS
        rows = select(ServerRow.id, ServerRow.address, ServerRow.spent, ServerRow.seen)
        rows = rows.where(alive, ServerRow.id != self.server)
        return {row.id: Other(row.address, row.spent, row.seen) for row in connection.execute(rows)}

    @staticmethod
    def _epochs(connection: Connection, which: ColumnElement[bool]) -> dict[Thing, int]:
        rows = select(OwnedRow.kind, OwnedRow.name, OwnedRow.epoch).where(which)
        return {(row.kind, row.name): row.epoch for row in connection.execute(rows)}

    @staticmethod
    def _rooms(connection: Connection, others: Collection[str]) -> dict[str, tuple[str, str]]:
        if not others:
            return {}
        rows = select(OwnedRow.name, OwnedRow.code, OwnedRow.server).where(
            OwnedRow.kind == "room", OwnedRow.server.in_(others)
        )
        return {row.name: (row.code or "", row.server) for row in connection.execute(rows)}

    def leave(self, connection: Connection) -> None:
        """This server ends in order: what it still has is nobody's."""
        mine, heard = OwnedRow.server == self.server, self._heard(self._clock(connection))
        connection.execute(delete(OwnedRow).where(mine, heard, OwnedRow.kind == "session"))
        connection.execute(update(OwnedRow).where(mine).values(server=""))
        connection.execute(delete(ServerRow).where(ServerRow.id == self.server))

    # -- whose something is -----------------------------------------------------------------

    def owner(self, connection: Connection, kind: Kind, name: str) -> Owner | None:
        """Who has it; None if nobody does."""
        rows = (
            select(OwnedRow.server, OwnedRow.epoch, ServerRow.address, ServerRow.seen)
            .join(ServerRow, ServerRow.id == OwnedRow.server, isouter=True)
            .where(OwnedRow.kind == kind, OwnedRow.name == name)
        )
        row = connection.execute(rows).one_or_none()
        if row is None:
            return None
        alive = row.seen is not None and row.seen > self._clock(connection) - ALIVE_SECONDS
        return Owner(row.server, row.address or "", row.epoch, alive)

    def room_of(self, connection: Connection, code: str) -> str | None:
        """The room of a code."""
        return connection.scalar(select(OwnedRow.name).where(OwnedRow.code == code))

    def take(
        self,
        connection: Connection,
        kind: Kind,
        name: str,
        client: str | None,
        forced: Collection[str] | None = (),
        above: int = 0,
    ) -> Taken | Owner:
        """Make it this server's, unless another that lives has it: then who that is.

        Args:
            client: Whose it is now; None leaves that as it is.
            forced: Servers from which it is taken all the same; None: from any.
            above: The epoch up to which this server lets it go, which may be yet to be noted, or
                noted for the second time: it gets a later one, so that this lets it not go again.
        """
        this = (OwnedRow.kind == kind, OwnedRow.name == name)
        row = connection.execute(
            select(OwnedRow.__table__).where(*this).with_for_update()
        ).one_or_none()
        if row is None:
            if self.note(connection, {(kind, name): New(client or "")}, above + 1):
                return Taken(above + 1, client or "")
            return self.take(connection, kind, name, client, forced, above)  # somebody was faster
        whose = row.client if client is None else client
        epoch = max(row.epoch, above) + 1
        new = {"server": self.server, "epoch": epoch, "client": whose}
        update_it = update(OwnedRow).where(*this)
        if row.server in ("", self.server):
            connection.execute(update_it.values(new))
            wait = self._until_heard(row.before, row.since, self._clock(connection))
            return Taken(epoch, whose, wait, row.iterations)
        # Its beat waits until this transaction ends: it is dead, or it lives, for both.
        had = connection.execute(
            select(ServerRow.address, ServerRow.seen)
            .where(ServerRow.id == row.server)
            .with_for_update(read=True)
        ).one_or_none()
        now = self._clock(connection)
        lives = had is not None and had.seen > now - ALIVE_SECONDS
        if had is not None and lives:
            by_force = forced is None or row.server in forced
            calm = ALIVE_SECONDS if forced is None else CALM_SECONDS
            if not by_force or (row.before is not None and now - row.since < calm):
                return Owner(row.server, had.address, row.epoch, True)
            # It hears of that with its next beat, or speaks no longer than the last one lets it.
            connection.execute(update_it.values(since=now, before=row.server, **new))
            wait = had.seen + ALIVE_SECONDS - now
        elif wait := self._until_heard(row.before, row.since, now):
            connection.execute(update_it.values(new))
        else:
            # The dead learn all that they have when they come back, so this row need not say it.
            connection.execute(update_it.values(since=now, before=None, **new))
        return Taken(epoch, whose, wait, row.iterations)

    @staticmethod
    def _heard(now: float) -> ColumnElement[bool]:
        """Whether no server is yet to hear, from a row, that it was taken from it."""
        return or_(OwnedRow.before.is_(None), OwnedRow.since <= now - ALIVE_SECONDS)

    @staticmethod
    def _until_heard(before: str | None, since: float, now: float) -> float:
        """Seconds until whoever it was taken from has heard of that, or is dead."""
        return 0.0 if before is None else max(0.0, since + ALIVE_SECONDS - now)

    def note(
        self, connection: Connection, begun: Mapping[Thing, New], epoch: int = 1
    ) -> list[Thing]:
        """Things that begin here; those that are not another's already."""
        if not begun:
            return []
        now = self._clock(connection)
        rows = [
            {
                "kind": kind,
                "name": name,
                "server": self.server,
                "epoch": epoch,
                "since": now,
                "client": new.client,
                "iterations": new.iterations,
            }
            for (kind, name), new in begun.items()
        ]
        dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(OwnedRow).values(rows).on_conflict_do_nothing())
        # What was noted before by a try whose answer was lost counts, too.
        names = OwnedRow.name.in_([name for _, name in begun])
        mine = select(OwnedRow.kind, OwnedRow.name).where(names, OwnedRow.server == self.server)
        return [(row.kind, row.name) for row in connection.execute(mine)]

    def had(self, connection: Connection, kind: Kind, client: str) -> set[str]:
        """What a client has of a kind.

        Of sessions and rooms that is all, of runs what is on other servers: which of them train
        here is known there alone. What a dead server had counts no more; but rooms do, they outlive
        it. Of those who count for a client and note something at once, on whichever server, each
        counts what those before it have noted.
        """
        take_turn(connection, f"{kind} of {client}")
        alive = ServerRow.seen > self._clock(connection) - ALIVE_SECONDS
        others = select(ServerRow.id).where(alive, ServerRow.id != self.server)
        elsewhere, here = OwnedRow.server.in_(others), OwnedRow.server == self.server
        where = {"job": elsewhere, "session": or_(here, elsewhere), "room": true()}[kind]
        this = (OwnedRow.kind == kind, OwnedRow.client == client, where)
        return set(connection.scalars(select(OwnedRow.name).where(*this)))

    def lock(self, connection: Connection, things: Collection[Thing], *, mine: bool) -> None:
        """Whoever is about to change several locks them before, in the order that the database
        has for names: so no two wait for each other.

        Args:
            mine: Only those that are this server's.
        """
        if len(things) < 2:
            return
        these = tuple_(OwnedRow.kind, OwnedRow.name).in_(sorted(things))
        rows = select(OwnedRow.name).where(
            these, OwnedRow.server == self.server if mine else true()
        )
        rows = rows.order_by(OwnedRow.kind, OwnedRow.name).with_for_update()
        connection.execute(rows).all()

    def count(self, connection: Connection, clients: Mapping[Thing, str]) -> None:
        """From now on these things count for these clients; for nobody, if that is empty."""
        for these, client in _alike(clients):
            mine = OwnedRow.server == self.server
            connection.execute(update(OwnedRow).where(*these, mine).values(client=client))

    def release(self, connection: Connection, things: Mapping[Thing, int]) -> None:
        """These are nobody's any more, as far as they are still this server's.

        Args:
            things: Each with the latest epoch in which this server may have had it.
        """
        heard = self._heard(self._clock(connection) if things else 0.0)
        for these, epoch in _alike(things):
            still = (*these, OwnedRow.server == self.server, OwnedRow.epoch <= epoch)
            connection.execute(delete(OwnedRow).where(*still, heard, ~self._is_kept()))
            # It was taken from a server which is yet to hear of that: from this row. Or it is a
            # room: whoever takes it up needs to know its code, and for whom it counts.
            connection.execute(update(OwnedRow).where(*still).values(server=""))

    @staticmethod
    def _is_kept() -> ColumnElement[bool]:
        """Whether it is a room that has not ended."""
        rooms = select(RoomRow.room).where(RoomRow.key == literal("room"))
        return and_(OwnedRow.kind == "room", OwnedRow.name.in_(rooms))

    # -- what dead servers had --------------------------------------------------------------

    def orphans(self, connection: Connection, kind: Kind, patience: float = 0.0) -> list[str]:
        """What belongs to a server that is dead, and has been for so long, or to none."""
        since = self._clock(connection) - ALIVE_SECONDS - patience
        alive = select(ServerRow.id).where(ServerRow.seen > since)
        other = (OwnedRow.server != self.server, OwnedRow.server.not_in(alive))
        rows = select(OwnedRow.name).where(OwnedRow.kind == kind, *other)
        return list(connection.scalars(rows.order_by(OwnedRow.name).limit(MOST_AT_A_TIME)))

    def rooms_of_nobody(self, connection: Connection) -> list[str]:
        """Rooms from when there was one server, which nobody has noted."""
        noted = select(OwnedRow.name).where(OwnedRow.kind == "room")
        rows = select(RoomRow.room).where(
            RoomRow.key == literal("room"), RoomRow.room.not_in(noted)
        )
        return list(connection.scalars(rows.limit(MOST_AT_A_TIME)))

    def forget(self, connection: Connection) -> None:
        """Let go what is left of servers that have been dead for long."""
        now = self._clock(connection)
        old = now - FORGET_SECONDS
        known = select(ServerRow.id).where(ServerRow.seen > old)
        names = (
            select(OwnedRow.name)
            .where(OwnedRow.kind == "session", OwnedRow.server.not_in(known), self._heard(now))
            .limit(MOST_AT_A_TIME)
        )
        gone = list(connection.scalars(names))
        this = (OwnedRow.kind == "session", OwnedRow.name.in_(gone), OwnedRow.server.not_in(known))
        connection.execute(delete(OwnedRow).where(*this))
        theirs = select(OwnedRow.server)
        connection.execute(
            delete(ServerRow).where(ServerRow.seen <= old, ServerRow.id.not_in(theirs))
        )


def _alike(things: Mapping[Thing, T]) -> Iterator[tuple[list[ColumnElement[bool]], T]]:
    """Which rows are of things of a kind that have the same: one statement is enough for them."""
    groups: dict[tuple[Kind, T], list[str]] = {}
    for (kind, name), what in things.items():
        groups.setdefault((kind, what), []).append(name)
    for (kind, what), names in groups.items():
        yield [OwnedRow.kind == kind, OwnedRow.name.in_(sorted(names))], what


def spend(connection: Connection, held: Held | None, names: Iterable[str]) -> None:
    """These are over: nobody has them any more. Said with what is written of their end."""
    if held is not None:
        this = (OwnedRow.kind == held.kind, OwnedRow.name.in_(sorted(names)))
        connection.execute(delete(OwnedRow).where(*this, OwnedRow.server == held.server))


def has_code(connection: Connection, room: str, code: str) -> None:
    """A room has that code from now on."""
    this = (OwnedRow.kind == "room", OwnedRow.name == room)
    other = or_(OwnedRow.code.is_(None), OwnedRow.code != code)
    connection.execute(update(OwnedRow).where(*this, other).values(code=code))
