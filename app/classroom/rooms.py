"""All rooms of a server: by code, by id, and who gives way when there is no place for another.

What if it is full: the empty room whose teacher has been gone longest gives way; if somebody is in
every one, or its teacher is there, the new one is refused. A room that is opened in this moment
does not give way: nobody could have come yet.
"""

import math
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from app.classroom.codes import Mint, read_code
from app.classroom.commands import Command, Tick
from app.classroom.errors import NoRoom, RoomFull
from app.classroom.events import Ended, Event
from app.classroom.room import Room
from app.classroom.rows import Unreadable
from app.classroom.state import Now
from app.classroom.turn import Around
from app.content.lessons import Lesson


@dataclass(frozen=True)
class NewRoom:
    """A room that was opened just now. Its keys are known here and never again.

    Attributes:
        rows: To be written before anybody hears of it.
        gone: The room that gave way, if one did, and its last words.
    """

    room: Room
    key: str
    screen_key: str
    rows: Mapping[str, str]
    gone: tuple[str, list[Event]] | None = None


class Rooms:
    """Every room of this server.

    Args:
        most: How many there may be.
        new_id: Makes an id that nobody guesses.
        others: Codes of rooms that other servers have.
    """

    def __init__(
        self,
        mint: Mint,
        lessons: Mapping[str, Lesson],
        most: int,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(9),
        others: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._others = others
        self._around = Around(mint, lessons, self._codes)
        self._most, self.new_id = most, new_id
        self._rooms: dict[str, Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def _codes(self) -> set[str]:
        return {room.state.door.code for room in self._rooms.values()} | {*self._others()}

    def opened_by(self, client: str) -> int:
        """How many were opened by one client, before this server's start too."""
        return sum(room.state.door.client == client for room in self._rooms.values())

    def open(self, title: str, now: Now, client: str = "", id: str | None = None) -> NewRoom:
        """A new room; `new_id` makes its id, unless it has one already.

        Raises:
            RoomFull: Every place is taken by a room that is in use.
        """
        gone = None if len(self._rooms) < self._most else self._give_way(now)
        room, key, screen_key = Room.opened(id or self.new_id(), title, self._around, now, client)
        self._rooms[room.state.door.id] = room
        return NewRoom(room, key, screen_key, room.rows, gone)

    def _give_way(self, now: Now) -> tuple[str, list[Event]]:
        def alone(name: str) -> float:
            since = self._rooms[name].state.door.alone_since
            return math.inf if since is None else since

        empty = [
            name
            for name, room in self._rooms.items()
            if room.is_empty and room.state.door.opened_at < now.clock
        ]
        if not empty:
            raise RoomFull("This server has as many rooms as it can. Try again later.")
        name = min(empty, key=alone)
        return name, self._rooms.pop(name).end("gave_way")

    def restore(self, id: str, rows: Mapping[str, str], now: Now) -> Room | None:
        """A room that was kept; None if another version wrote it."""
        try:
            room = Room.restored(rows, self._around, now)
        except Unreadable:
            return None
        self._rooms[id] = room
        return room

    def put_back(self, room: Room) -> None:
        """A room goes on: its end could not be written."""
        self._rooms[room.state.door.id] = room

    def forget(self, id: str) -> None:
        """A room was never there: its beginning could not be written."""
        self._rooms.pop(id, None)

    def of_code(self, typed: str) -> Room:
        """The room whose code somebody has typed.

        Raises:
            NoRoom: There is none.
        """
        code = read_code(typed)
        for room in self._rooms.values():
            if code and room.state.door.code == code:
                return room
        raise NoRoom

    def of_id(self, id: str) -> Room:
        """The room of an id.

        Raises:
            NoRoom: There is none.
        """
        room = self._rooms.get(id)
        if room is None:
            raise NoRoom
        return room

    def due(self) -> float | None:
        """When `tick` is to be called at the latest, by the clock; None while there is no room."""
        return min((room.due() for room in self._rooms.values()), default=None)

    def tick(self, now: Now) -> dict[str, list[Event]]:
        """Let time pass in every room for which something is due: by id what comes of it."""
        due = [name for name, room in self._rooms.items() if room.due() <= now.clock]
        return {name: self.handle(name, Tick(), now) for name in due}

    def handle(self, id: str, command: Command, now: Now) -> list[Event]:
        """Carry out a command in a room; one that is over then is forgotten.

        Raises:
            NoRoom: There is none of this id.
            ShallowsError: The command can't be carried out.
        """
        events = self.of_id(id).handle(command, now)
        if any(isinstance(event, Ended) for event in events):
            del self._rooms[id]
        return events
