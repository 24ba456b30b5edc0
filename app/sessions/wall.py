"""A stand-in until the wall is there."""

from collections.abc import Callable, Iterable

from app.classroom.commands import Measured
from app.classroom.events import Event
from app.classroom.room import Room
from app.sessions.outbox import Outbox


class Wall:
    """Nothing yet."""

    measured: Callable[[str, Measured], None]

    def heed(self, room: Room, events: Iterable[Event]) -> None:
        """Nothing yet."""

    def take_up(self, room: Room) -> None:
        """Nothing yet."""

    def lab(self, room: str, member: int, session: str) -> None:
        """Nothing yet."""

    def open(self, room: str, connection: str, outbox: Outbox, resolution: int) -> None:
        """Nothing yet."""

    def close(self, connection: str) -> None:
        """Nothing yet."""
