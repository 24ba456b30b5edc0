"""Every member's network as a link, kept until the room ends.

What if it is full: one room is worked on at a time for each that asks, some members at once; whom
the store has no room for has no link, as has who has trained nothing or is away for long.
"""

import asyncio

from app.classroom import views
from app.classroom.commands import Linked
from app.classroom.errors import NoRoom
from app.classroom.room import Room
from app.errors import Busy, ShallowsError
from app.rooms.live import LiveRooms
from app.sessions.interactive import InteractiveSessions

AT_A_TIME = 4
MOST_SECONDS = 60.0


class Linking:
    """Keeps networks for rooms."""

    def __init__(self, rooms: LiveRooms, sessions: InteractiveSessions) -> None:
        self._rooms, self._sessions = rooms, sessions
        self._under_way: set[str] = set()

    async def keep(self, room: str) -> list[tuple[int, str, str | None]]:
        """Of every member the number, the name, and where the network can be seen.

        Raises:
            NoRoom: there is no such room.
            Busy: it is being done already.
            NotStored: it can't be written now.
        """
        if room in self._under_way:
            raise Busy("the networks of this room are being kept already; try again in a moment")
        self._under_way.add(room)
        links: dict[int, str] = {}
        try:
            await self._save_all(room, links)
        finally:
            self._under_way.discard(room)
            await self._note(room, links)
        return await self._rooms.look(room, _seen)

    async def _note(self, room: str, links: dict[int, str]) -> None:
        """Also what was kept before something went wrong is known, and goes when the room does."""
        try:
            await self._rooms.do(room, Linked(links))
        except NoRoom:
            await self._rooms.unkeep(room, links.values())
            raise

    async def _save_all(self, room: str, links: dict[int, str]) -> None:
        who = await self._rooms.look(room, _sessions)
        places = asyncio.Semaphore(AT_A_TIME)

        async def save(member: int, session: str) -> None:
            async with places:
                try:
                    name, _ = await self._sessions.save(session, None, f"room {room}")
                except ShallowsError:
                    return
                links[member] = name

        waiting = [asyncio.create_task(save(*one)) for one in who.items()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=MOST_SECONDS)
            for task in late:
                task.cancel()


def _sessions(room: Room) -> dict[int, str]:
    return {member.number: member.session for member in room.state.members_in}


def _seen(room: Room) -> list[tuple[int, str, str | None]]:
    members = room.state.members_in
    return [(member.number, member.name, views.link_of(member)) for member in members]
