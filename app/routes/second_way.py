"""Where WebSockets are blocked: the same conversations over POST (up) and a streamed answer (down).

`POST /ws` and `POST /rooms/{id}/stream` answer with Server-Sent Events, read by `fetch`: first
`open` with a token, then a `message` for each text, a `frame` in base64 for each binary message,
comments as heartbeats, and `close` with the code. What the page says goes up by `POST /ws/up` with
that token and a number. These are POSTs, since only then a browser names the page's origin.
"""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from app.errors import BodyTooLarge
from app.routes.conversing import Closed, Line
from app.routes.interacting import Begins, interact
from app.routes.teaching import teach
from app.services import AllServices, Services
from app.web.limits import client_of
from app.web.ways import SILENT_SECONDS, Way

router = APIRouter(include_in_schema=False)

TOKEN, NUMBER = "Shallows-Stream", "Shallows-Number"
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would collect what comes down
}
PADDING = b":" + b" " * 2048 + b"\n\n"
"""What some proxies want to have before they pass anything on."""
HEARTBEAT = b":\n\n"

Talk = Callable[[Line], Awaitable[None]]


class Down:
    """A streamed answer, and what comes up by its token, as a line."""

    def __init__(self, way: Way, send: Send) -> None:
        self.client = way.client
        self._way, self._send = way, send
        self._one = asyncio.Lock()

    async def hear(self) -> str | bytes:
        """The next message."""
        message = await self._way.hear()
        if message is None:
            raise Closed
        return message

    async def say(self, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            await self.write(b"data: " + message.encode() + b"\n\n")
        else:
            await self.write(b"event: frame\ndata: " + b64encode(message) + b"\n\n")

    async def end(self, code: int) -> None:
        """Close it."""
        await self.event("close", code=code)

    async def event(self, name: str, **fields: object) -> None:
        """Something that is no message of the conversation."""
        await self.write(f"event: {name}\ndata: {json.dumps(fields)}\n\n".encode())

    async def write(self, data: bytes) -> None:
        """Send bytes, when those before are taken."""
        async with self._one:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})


class Conversation(Response):
    """An answer that lasts as long as a conversation."""

    def __init__(self, services: AllServices, talk: Talk) -> None:
        super().__init__(headers=HEADERS)
        self._services, self._talk = services, talk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Talk until one side closes."""
        services, loop = self._services, asyncio.get_running_loop()
        settings = services.settings
        token = services.ways.new_token()
        way = Way(client_of(scope), settings.max_message_bytes, loop.time, token)
        headers = [(k, v) for k, v in self.raw_headers if k != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        down = Down(way, send)

        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            way.close()

        async def keep_alive() -> None:
            while loop.time() - way.heard_at < SILENT_SECONDS:
                await asyncio.sleep(services.heartbeat_seconds)
                await down.write(HEARTBEAT)
            way.close()

        services.ways.add(way)
        beside = [loop.create_task(work()) for work in (until_gone, keep_alive)]
        try:
            await down.write(PADDING)
            await down.event("open", token=way.token)
            await self._talk(down)
        finally:
            services.ways.remove(way)
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.slow_reader_seconds):
                await send({"type": "http.response.body", "body": b""})


@router.post("/ws", response_class=Response)
async def one_session(services: Services, begins: Annotated[Begins, Query()]) -> Response:
    """As `WS /ws`."""
    return Conversation(services, lambda line: interact(line, services, begins))


@router.post("/rooms/{room}/stream", response_class=Response)
async def one_room(services: Services, room: str) -> Response:
    """As `WS /rooms/{room}/stream`."""
    return Conversation(services, lambda line: teach(line, services, room))


@router.post("/ws/up", status_code=204)
async def up(
    request: Request,
    services: Services,
    token: Annotated[str, Header(alias=TOKEN, max_length=64)],
    number: Annotated[int, Header(alias=NUMBER, ge=1, le=2**53)],
) -> None:
    """Messages of a page, each on a line of its own, in the order of their numbers."""
    way = services.ways.of(token)
    most = services.settings.max_message_bytes
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise BodyTooLarge(f"what is sent at a time may have at most {most:,} bytes")
    way.take(number, body)
