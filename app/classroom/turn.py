"""One command that is carried out: the room, the moment, and what comes of it."""

from collections.abc import Callable, Collection, Mapping

from app.classroom.codes import Mint
from app.classroom.errors import UnknownMember
from app.classroom.events import (
    Dismiss,
    Event,
    Fresh,
    FreshMember,
    FreshStudent,
    Write,
)
from app.classroom.rows import key_of, row_of
from app.classroom.state import Member, Now, Presence, State
from app.content.lessons import Lesson
from app.errors import ShallowsError


class Around:
    """What a room knows of the server around it.

    Args:
        mint: Makes codes and secrets.
        lessons: Those of the server, by name.
        codes: Those of all rooms.
    """

    def __init__(
        self,
        mint: Mint,
        lessons: Mapping[str, Lesson],
        codes: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self.mint, self.lessons, self.codes = mint, lessons, codes


class Turn:
    """Collects what comes of a command, each thing once, what is to be written first.

    A handler refuses before it changes anything: an error leaves the room as it was.
    """

    def __init__(self, state: State, now: Now, around: Around) -> None:
        self.state, self.now, self.around = state, now, around
        self._kept: dict[str, object] = {}
        self._dropped: set[str] = set()
        self._events: dict[Event, None] = {}
        self._others: list[Event] = []

    @property
    def mint(self) -> Mint:
        """Makes codes and secrets."""
        return self.around.mint

    def keep(self, *records: object) -> None:
        """These records have changed, and are to be written."""
        for record in records:
            key = key_of(record)
            self._kept[key] = record
            self._dropped.discard(key)

    def drop(self, *records: object) -> None:
        """These records are not there any more."""
        for record in records:
            key = key_of(record)
            self._kept.pop(key, None)
            self._dropped.add(key)

    def send(self, *events: Event) -> None:
        """Events that each count for themselves, in their order."""
        self._others += events

    def dismiss(self, connection: str | None, code: int, error: ShallowsError | None) -> None:
        """Close a connection, if there is one."""
        if connection is not None:
            self._others.append(Dismiss(connection, code, error))

    def everybody(self) -> None:
        """Students, teachers and projectors see another room."""
        self.students()
        self.staff()

    def students(self) -> None:
        """Every student sees another room."""
        self._events[Fresh("students")] = None

    def staff(self) -> None:
        """Teachers and projectors see another room."""
        self._events[Fresh("teachers")] = None
        self._events[Fresh("screens")] = None

    def student(self, member: Member) -> None:
        """This student sees another room."""
        self._events[FreshStudent(member.number)] = None

    def member(self, member: Member) -> None:
        """Teachers and projectors see something else of this member."""
        self._events[FreshMember(member.number)] = None

    def somebody_in(self, number: int) -> Member:
        """A member who is in.

        Raises:
            UnknownMember: There is none of that number.
        """
        member = self.state.members.get(number)
        if member is None or member.standing != "in":
            raise UnknownMember
        return member

    def presence(self, member: Member) -> Presence:
        """What is known of a member just now."""
        return self.state.presence(member.number)

    def events(self) -> list[Event]:
        """All that came of it."""
        write: list[Event] = []
        if self._kept or self._dropped:
            put = {key: row_of(record) for key, record in self._kept.items()}
            write = [Write(put, frozenset(self._dropped))]
        return [*write, *self._others, *self._events]
