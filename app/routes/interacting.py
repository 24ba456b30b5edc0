"""One student's conversation with their session, and with their room if they are in one."""

import contextlib
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.classroom.commands import Come, Said
from app.classroom.errors import UnknownThing
from app.classroom.events import Entered
from app.classroom.holding import refusal, sent
from app.classroom.messages import OF_MEMBERS, Enter, FromAMember
from app.classroom.room import Room
from app.classroom.teaching import plan_for
from app.errors import InvalidField, NotFound, ShallowsError, UnknownSession
from app.routes.conversing import Closed, Kinds, Line, converse, first, refuse
from app.schemas import MESSAGES, Configure, FromUrl, Message
from app.services import AllServices
from app.sessions.interactive import InteractiveSession
from app.sessions.outbox import Outbox
from app.store import StoredRun
from app.training.messages import LOOKING

ENTERING: Kinds = {"enter": Enter}
IN_A_ROOM: Kinds = {
    **MESSAGES,
    **{type: kind for type, kind in OF_MEMBERS.items() if type not in ENTERING},
}


PLAN_SECONDS = 1.2e-10
"""The cost of a plan that the server has, for each byte of its size: it is written for a host.

0.5 ms of ten thousand points of six numbers, for a message of sixty characters.
"""


class Begins(FromUrl):
    """What the address of a conversation says.

    Attributes:
        session: The name of one that is taken up again.
        iteration: The costs before it are there already.
        saved: The name of a save, as which a new one begins.
        room: Of which somebody is a member; they say so in their first message.
    """

    session: Annotated[str, Field(max_length=64)] | None = None
    iteration: Annotated[int, Field(ge=0)] = 0
    saved: Annotated[str, Field(max_length=64)] | None = None
    room: Annotated[str, Field(max_length=64)] | None = None


async def interact(line: Line, services: AllServices, begins: Begins) -> None:
    """Talk until one side closes."""
    if begins.room is not None:
        await _as_a_member(line, services, begins, begins.room)
        return
    sessions, outbox = services.sessions, Outbox()
    try:
        try:
            if begins.session is not None:
                # It may be a room's, which is to be known before it trains on.
                await services.rooms.here()
                async with services.reading(line.client) as read:
                    mine = await sessions.resume(
                        line.client, begins.session, outbox, begins.iteration
                    )
                    read(mine.size)
            else:
                stored = await _stored(services, line.client, begins.saved)
                mine = await sessions.join(line.client, outbox, stored)
        except (UnknownSession, NotFound) as error:
            outbox.text(error.message())
            mine = await sessions.join(line.client, outbox)
    except ShallowsError as error:
        await refuse(line, services, error)
        return

    async def tell(message: Message) -> None:
        if isinstance(message, Configure) and message.experiment is not None:
            raise InvalidField("experiment is of a room, and this is the stream of none", "room")
        await sessions.tell(mine, outbox, message)

    code = None
    try:
        code = await converse(line, services, outbox, tell, MESSAGES)
    finally:
        sessions.leave(mine, outbox, code)


async def _stored(services: AllServices, client: str, saved: str | None) -> StoredRun | None:
    """What is stored under that name, if a name is given."""
    if saved is None:
        return None
    stored = await services.stored(client, saved)
    if stored is None or stored.checkpoint is None:
        raise NotFound(f"nothing is saved under {saved!r:.80}; it may have been too old to keep")
    return stored


# -- in a room ------------------------------------------------------------------------------


async def _as_a_member(line: Line, services: AllServices, begins: Begins, id: str) -> None:
    """Talk with a room too, once it knows who it is."""
    rooms, sessions, outbox = services.rooms, services.sessions, Outbox()
    with contextlib.ExitStack() as ends:
        try:
            said = await first(line, ENTERING)
            assert isinstance(said, Enter)
            if said.room != id:
                raise InvalidField("room must be that of the address", "room")
            await rooms.listen(id, outbox)
            ends.callback(rooms.gone, id, outbox)
            come = Come(outbox.name, said.secret, said.lab, begins.session)
            entered = next(e for e in await rooms.do(id, come) if isinstance(e, Entered))
            mine = await _session(line, services, begins, id, outbox, entered)
        except Closed:
            return
        except ShallowsError as error:
            ends.close()
            await refuse(line, services, error)
            return

        async def tell(message: Message) -> float | None:
            if isinstance(message, FromAMember):
                await rooms.do(id, Said(outbox.name, message))
                return None
            # What only looks needs no leave of the room, which may be over by now.
            looks = isinstance(message, LOOKING)
            allowed = (
                Allowed(message) if looks else _allowed(rooms.room(id), entered.member, message)
            )
            await sessions.tell(mine, outbox, allowed.message, allowed.experiment)
            return allowed.seconds

        code = None
        try:
            code = await converse(line, services, outbox, tell, IN_A_ROOM, heard=1)
        finally:
            sessions.leave(mine, outbox, code)


async def _session(
    line: Line,
    services: AllServices,
    begins: Begins,
    id: str,
    outbox: Outbox,
    entered: Entered,
) -> InteractiveSession:
    """The session that the room says is theirs: again, or for the first time."""
    iteration = begins.iteration if begins.session == entered.session else 0
    async with services.reading(line.client) as read:
        mine = await services.sessions.enter(line.client, entered.session, outbox, iteration, id)
        read(mine.size)
    if begins.session and not mine.runs:
        # A page that had a session waits for it, and does not set it up.
        outbox.text(UnknownSession("this session has ended; configure a new one").message())
    return mine


@dataclass(frozen=True)
class Allowed:
    """A message for a session, and the number of the sent experiment that it sets up, if so.

    Attributes:
        seconds: What it costs the event loop, however short the message is that asks for it.
    """

    message: Message
    experiment: int | None = None
    seconds: float = 0.0


def _allowed(room: Room, member: int, message: Message) -> Allowed:
    """What may be told a member's session now.

    What was sent is set up as it was sent, with a seed of their own if that was wanted: whatever
    else the message says, no page can make it something else.

    Raises:
        Held: the room is held.
        UnknownThing: something else was sent meanwhile.
    """
    if (error := refusal(room.state, message)) is not None:
        raise error
    if not isinstance(message, Configure) or message.experiment is None:
        return Allowed(message)
    experiment, number = room.state.experiment, sent(room.state, message)
    if experiment is None or number is None:
        raise UnknownThing("Another experiment was sent meanwhile, or none was.", "experiment")
    plan = plan_for(experiment, room.state.members[member])
    mine = Configure(
        type="configure",
        data=plan.data,
        runs=plan.runs,
        playing=message.playing,
        experiment=number,
    )
    return Allowed(mine, number, PLAN_SECONDS * mine.size)
