"""The WebSockets: who begins to talk, with whom."""

from collections.abc import Sequence
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from app.errors import ShallowsError
from app.routes.conversing import Closed, converse, refuse
from app.routes.interacting import Begins, interact
from app.routes.teaching import teach
from app.schemas import MESSAGES, Message
from app.services import Services
from app.sessions.outbox import Outbox
from app.web.limits import client_of

router = APIRouter()

WATCHERS: Sequence[str] = ("view", "ack", "inspect", "describe")
WATCHERS_MESSAGES = {type: MESSAGES[type] for type in WATCHERS}


class Socket:
    """A WebSocket as a line."""

    def __init__(self, websocket: WebSocket) -> None:
        self.client = client_of(websocket.scope)
        self._socket = websocket

    async def hear(self) -> str | bytes:
        """The next message."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise Closed(received.get("code"))
        return received.get("text") or received.get("bytes") or ""

    async def say(self, message: str | bytes) -> None:
        """Send a message."""
        send = self._socket.send_text if isinstance(message, str) else self._socket.send_bytes
        try:
            await send(message)  # type: ignore[arg-type]
        # Uvicorn closes by itself what breaks the protocol, and takes nothing more.
        except (RuntimeError, WebSocketDisconnect) as error:
            raise Closed from error

    async def end(self, code: int) -> None:
        """Close it."""
        try:
            await self._socket.close(code)
        except (RuntimeError, WebSocketDisconnect) as error:
            raise Closed from error


@router.websocket("/ws")
async def one_session(
    websocket: WebSocket, services: Services, begins: Annotated[Begins, Query()]
) -> None:
    """One interactive session: that of the name `session` again, one as `saved`, or a new one."""
    await websocket.accept()
    await interact(Socket(websocket), services, begins)


@router.websocket("/rooms/{room}/stream")
async def one_room(websocket: WebSocket, services: Services, room: str) -> None:
    """A teacher's page of a room, or a projector's."""
    await websocket.accept()
    await teach(Socket(websocket), services, room)


@router.websocket("/train/{run}/stream")
async def watch(websocket: WebSocket, services: Services, run: str) -> None:
    """Watch a run that was started over REST."""
    await websocket.accept()
    line, watches, outbox = Socket(websocket), services.watches, Outbox()
    try:
        async with services.reading(line.client) as read:
            watched = await watches.watch(run, outbox, line.client)
            read(watched.size)
    except ShallowsError as error:
        await refuse(line, services, error)
        return

    async def tell(message: Message) -> None:
        await watches.tell(watched, message)

    try:
        await converse(line, services, outbox, tell, WATCHERS_MESSAGES)
    finally:
        with anyio.CancelScope(shield=True):
            await watches.unwatch(watched)
