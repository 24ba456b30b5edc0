"""A conversation over any line: what comes goes to whoever it is for, what they say comes back.

A line is a WebSocket (`stream.py`), or what takes its place where those are blocked
(`second_way.py`). How fast messages may come, and what they cost, is the same on both.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import anyio
import anyio.lowlevel

from app.classroom.messages import RoomMessage
from app.errors import Elsewhere, InvalidJson, ShallowsError, TooFast, TooSlow
from app.schemas import Ack, Message, parse_message
from app.services import AllServices
from app.sessions.outbox import TRY_AGAIN_LATER, Outbox
from app.sessions.owning import MOVED
from app.web.limits import ERROR_SECONDS, MESSAGE_SECONDS, LoopTime, Throttle, too_fast

REFUSED = 1008
LONGEST_ACK = 60
"""Characters of the longest message that is read although it came too fast."""
LONGEST_FIRST = 2_000
"""Characters of the message that says who somebody is."""
FIRST_SECONDS = 10.0
"""For that message."""
ROOM_SECONDS = 0.0004
"""The cost of a message to a room, beside that of reading it: it is written, and others hear."""

Kinds = Mapping[str, type[Message]]
"""Messages that somebody may say, by their type."""
PassOn = Callable[[Message], Awaitable[float | None]]
"""Passes a message on; gives the seconds of the event loop that it costs beside its own length."""


class Closed(Exception):
    """The other side is not there any more, or has broken the line's protocol."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__()
        self.code = code


class Line(Protocol):
    """Messages both ways, in their order."""

    client: str
    """The address of the other side."""

    async def hear(self) -> str | bytes:
        """The next message.

        Raises:
            Closed: there is none.
        """

    async def say(self, message: str | bytes) -> None:
        """Send a message.

        Raises:
            Closed: nobody takes it.
        """

    async def end(self, code: int) -> None:
        """Close it."""


async def refuse(line: Line, services: AllServices, error: ShallowsError) -> None:
    """Say why there will be no conversation, and whether trying again may help."""
    services.refusals.note(error)
    last = Outbox()
    if isinstance(error, Elsewhere):
        last.close(MOVED)
    last.close(TRY_AGAIN_LATER if error.status in (429, 503) else REFUSED, error.message())
    with contextlib.suppress(Closed):  # a client that has gone meanwhile is no error
        await _send(line, None, last, services.settings.slow_reader_seconds)


async def first(line: Line, kinds: Kinds) -> Message:
    """The message that says who somebody is; nothing is done for them before.

    Raises:
        ShallowsError: it does not come, or is something else.
        Closed: they have gone.
    """
    with anyio.move_on_after(FIRST_SECONDS):
        said = await line.hear()
        if len(said) > LONGEST_FIRST:
            raise InvalidJson(f"the first message may have at most {LONGEST_FIRST} characters")
        return parse_message(said, kinds, kinds)
    raise TooSlow(f"the first message, {' or '.join(kinds)}, did not come in {FIRST_SECONDS:g} s")


async def converse(
    line: Line,
    services: AllServices,
    outbox: Outbox,
    tell: PassOn,
    kinds: Kinds,
    heard: int = 0,
) -> int | None:
    """Carry messages both ways until one side closes; the code, if it was the other side.

    Args:
        heard: How many messages have been heard before.
    """
    code: int | None = None
    loop_time = services.loop_times.open(line.client)
    async with anyio.create_task_group() as group:

        async def until_closed(work: Awaitable[None]) -> None:
            nonlocal code
            try:
                await work
            except Closed as closed:
                code = closed.code
            group.cancel_scope.cancel()

        patience = services.settings.slow_reader_seconds
        hearing = _hear(line, services, loop_time, outbox, tell, kinds, heard)
        group.start_soon(until_closed, hearing)
        group.start_soon(until_closed, _send(line, loop_time, outbox, patience))
    return code


async def _hear(
    line: Line,
    services: AllServices,
    loop_time: LoopTime,
    outbox: Outbox,
    tell: PassOn,
    kinds: Kinds,
    number: int,
) -> None:
    pace = Throttle(services.settings)
    while True:
        data = await line.hear()
        number += 1
        try:
            if cost := await tell(await _in_time(pace, loop_time, data, kinds)):
                loop_time.charge(cost)
        except ShallowsError as error:
            services.refusals.note(error)
            # A client that has sent more meanwhile knows by this which one to send again.
            which = {"message": number} if isinstance(error, TooFast) else {}
            outbox.text({**error.message(), **which})
            loop_time.charge(ERROR_SECONDS)
            # Answers go out between messages, however many have come at once.
            await anyio.lowlevel.checkpoint()


async def _in_time(pace: Throttle, loop_time: LoopTime, data: str | bytes, kinds: Kinds) -> Message:
    """The message, if it did not come too fast. It waits until those before it are paid for.

    An `ack` waits for its turn instead: nobody says it again, and without it no frame is sent.

    Raises:
        ShallowsError: it came too fast, or is no message.
    """
    wait = pace.take(len(data))
    message = parse_message(data, kinds, kinds) if len(data) <= LONGEST_ACK else None
    if isinstance(message, Ack):
        if wait:
            await anyio.sleep(wait)
            pace.take(len(data))
        if not loop_time.spend_earned():
            loop_time.charge(MESSAGE_SECONDS)
            await loop_time.paid()
        return message
    await loop_time.paid()
    if wait:
        raise too_fast("these messages come faster than a server for a class takes them", wait)
    began = time.thread_time()
    try:
        message = message or parse_message(data, kinds, kinds)
    finally:
        loop_time.charge(time.thread_time() - began + MESSAGE_SECONDS)
    if isinstance(message, RoomMessage):
        loop_time.charge(ROOM_SECONDS)
    return message


async def _send(line: Line, loop_time: LoopTime | None, outbox: Outbox, patience: float) -> None:
    """Send what is queued, until the outbox is closed or a message is not taken in time."""
    while messages := await outbox.take():
        for message in messages:
            if loop_time is not None and isinstance(message, bytes):
                loop_time.earn()
            with anyio.move_on_after(patience) as waited:
                await line.say(message)
            if waited.cancelled_caught:
                return  # and not even a goodbye would be taken
    with anyio.move_on_after(patience):
        await line.end(outbox.close_code or 1000)
