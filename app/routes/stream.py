"""The WebSockets: what a connection says goes to its session, what the session says comes back."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import anyio
import anyio.lowlevel
from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from app.errors import NotFound, ShallowsError, TooFast, UnknownSession
from app.schemas import MESSAGES, Ack, Message, parse_message
from app.services import AllServices, Services
from app.sessions.outbox import TRY_AGAIN_LATER, Outbox
from app.store import StoredRun
from app.web.limits import ERROR_SECONDS, MESSAGE_SECONDS, LoopTime, Throttle, client_of, too_fast

router = APIRouter()

ALL_MESSAGES = tuple(MESSAGES)
WATCHERS_MESSAGES = ("view", "ack", "inspect", "describe")
REFUSED = 1008
LONGEST_ACK = 60
"""Characters of the longest message that is read although it came too fast."""


class ClosedMeanwhile(Exception):
    """The socket was closed under us, by a message that breaks its protocol."""


PassOn = Callable[[Message], Awaitable[None]]


@router.websocket("/ws")
async def interact(
    websocket: WebSocket,
    services: Services,
    session: Annotated[str | None, Query(max_length=64)] = None,
    iteration: Annotated[int, Query(ge=0)] = 0,
    saved: Annotated[str | None, Query(max_length=64)] = None,
) -> None:
    """One interactive session: that of the name `session` again, one as `saved`, or a new one."""
    await websocket.accept()
    sessions, outbox = services.sessions, Outbox()
    client = client_of(websocket.scope)
    try:
        try:
            if session is not None:
                async with services.reading(client) as read:
                    mine = await sessions.resume(client, session, outbox, iteration)
                    read(mine.size)
            else:
                stored = await _stored(services, client, saved)
                mine = await sessions.join(client, outbox, stored)
        except (UnknownSession, NotFound) as error:
            outbox.text(error.message())
            mine = await sessions.join(client, outbox)
    except ShallowsError as error:
        await _refuse(websocket, services, error)
        return

    async def tell(message: Message) -> None:
        await sessions.tell(mine, outbox, message)

    code = None
    try:
        code = await converse(websocket, services, outbox, tell, ALL_MESSAGES)
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


@router.websocket("/train/{run}/stream")
async def watch(websocket: WebSocket, services: Services, run: str) -> None:
    """Watch a run that was started over REST."""
    await websocket.accept()
    watches, outbox = services.watches, Outbox()
    client = client_of(websocket.scope)
    try:
        async with services.reading(client) as read:
            watched = await watches.watch(run, outbox, client)
            read(watched.size)
    except ShallowsError as error:
        await _refuse(websocket, services, error)
        return

    async def tell(message: Message) -> None:
        await watches.tell(watched, message)

    try:
        await converse(websocket, services, outbox, tell, WATCHERS_MESSAGES)
    finally:
        with anyio.CancelScope(shield=True):
            await watches.unwatch(watched)


async def _refuse(websocket: WebSocket, services: AllServices, error: ShallowsError) -> None:
    """Say why there will be no conversation, and whether trying again may help."""
    services.refusals.note(error)
    with contextlib.suppress(WebSocketDisconnect):  # a client that has gone meanwhile is no error
        await websocket.send_json(error.message())
        await websocket.close(TRY_AGAIN_LATER if error.status in (429, 503) else REFUSED)


async def converse(
    websocket: WebSocket,
    services: AllServices,
    outbox: Outbox,
    tell: PassOn,
    allowed: Sequence[str],
) -> int | None:
    """Carry messages both ways until one side closes; the code, if it was the other side."""
    code: int | None = None
    loop_time = services.loop_times.open(client_of(websocket.scope))
    async with anyio.create_task_group() as group:

        async def until_closed(work: Awaitable[int | None]) -> None:
            nonlocal code
            # Uvicorn closes by itself what breaks the protocol, and takes nothing more.
            with contextlib.suppress(WebSocketDisconnect, ClosedMeanwhile):
                code = await work
            group.cancel_scope.cancel()

        group.start_soon(until_closed, _hear(websocket, services, loop_time, outbox, tell, allowed))
        group.start_soon(
            until_closed, _send(websocket, loop_time, outbox, services.settings.slow_reader_seconds)
        )
    return code


async def _hear(
    websocket: WebSocket,
    services: AllServices,
    loop_time: LoopTime,
    outbox: Outbox,
    tell: PassOn,
    allowed: Sequence[str],
) -> int | None:
    pace = Throttle(services.settings)
    number = 0
    while True:
        received = await websocket.receive()
        number += 1
        if received["type"] == "websocket.disconnect":
            code: int | None = received.get("code")
            return code
        try:
            data = received.get("text") or received.get("bytes") or ""
            await tell(await _in_time(pace, loop_time, data, allowed))
        except ShallowsError as error:
            services.refusals.note(error)
            # A client that has sent more meanwhile knows by this which one to send again.
            which = {"message": number} if isinstance(error, TooFast) else {}
            outbox.text({**error.message(), **which})
            loop_time.charge(ERROR_SECONDS)
            # Answers go out between messages, however many have come at once.
            await anyio.lowlevel.checkpoint()


async def _in_time(
    pace: Throttle, loop_time: LoopTime, data: str | bytes, allowed: Sequence[str]
) -> Message:
    """The message, if it did not come too fast. It waits until those before it are paid for.

    An `ack` waits for its turn instead: nobody says it again, and without it no frame is sent.

    Raises:
        ShallowsError: it came too fast, or is no message.
    """
    wait = pace.take(len(data))
    message = parse_message(data, allowed) if len(data) <= LONGEST_ACK else None
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
        return message or parse_message(data, allowed)
    finally:
        loop_time.charge(time.thread_time() - began + MESSAGE_SECONDS)


async def _send(websocket: WebSocket, loop_time: LoopTime, outbox: Outbox, patience: float) -> None:
    """Send what is queued, until the outbox is closed or a message is not taken in time."""
    while messages := await outbox.take():
        for message in messages:
            if isinstance(message, bytes):
                loop_time.earn()
            with anyio.move_on_after(patience) as waited:
                await _send_one(websocket, message)
            if waited.cancelled_caught:
                return  # and not even a goodbye would be taken
    with anyio.move_on_after(patience):
        await websocket.close(outbox.close_code or 1000)


async def _send_one(websocket: WebSocket, message: str | bytes) -> None:
    send = websocket.send_text if isinstance(message, str) else websocket.send_bytes
    try:
        await send(message)  # type: ignore[arg-type]
    except RuntimeError as error:
        raise ClosedMeanwhile from error
