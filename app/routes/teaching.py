"""The conversation of a teacher's page, or a projector's, with its room."""

import contextlib

from app.classroom.commands import OpenPage, Said
from app.classroom.messages import OF_TEACHERS, FromATeacher, Open
from app.errors import ShallowsError
from app.routes.conversing import Closed, Kinds, Line, converse, first, refuse
from app.schemas import Message
from app.services import AllServices
from app.sessions.outbox import Outbox

OPENING: Kinds = {"open": Open}


async def teach(line: Line, services: AllServices, id: str) -> None:
    """Talk until one side closes."""
    rooms, outbox = services.rooms, Outbox()
    with contextlib.ExitStack() as ends:
        try:
            said = await first(line, OPENING)
            assert isinstance(said, Open)
            await rooms.listen(id, outbox)
            ends.callback(rooms.gone, id, outbox)
            await rooms.do(id, OpenPage(outbox.name, said.key))
        except Closed:
            return
        except ShallowsError as error:
            ends.close()
            await refuse(line, services, error)
            return
        if said.wall is not None:
            services.wall.open(id, outbox.name, outbox, said.wall.resolution)

        async def tell(message: Message) -> None:
            assert isinstance(message, FromATeacher)
            await rooms.do(id, Said(outbox.name, message))

        await converse(line, services, outbox, tell, OF_TEACHERS, heard=1)
