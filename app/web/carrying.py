"""A stream that one of several servers passes on: its messages are carried both ways.

The slower side holds up the faster; nothing is kept here.
"""

import asyncio
import contextlib
import logging
import math

from starlette.types import Receive, Send
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.sessions.owning import MOVED

log = logging.getLogger(__name__)

LOOK_SECONDS, SILENT_SECONDS = 0.5, 3.0
"""Between two looks whether an owner says something on a stream, and until it counts as gone."""


class Heard(ClientConnection):
    """A stream of the owner's, which says twice a second that it lives (`connections.py`).

    It is not asked: its answer would come after all that it has yet to hear of whoever says much.

    Attributes:
        heard_at: When something came of it.
    """

    heard_at = -math.inf

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self.heard_at = self.loop.time()
        super().data_received(data)


class Carried:
    """A stream whose messages are carried both ways."""

    def __init__(self, upstream: Heard, receive: Receive, send: Send) -> None:
        self._upstream, self._receive, self._send = upstream, receive, send
        self._waits = False
        """Whether the reader has yet to take something: all else of the owner's is behind that."""

    async def to_its_end(self) -> int:
        """Until one side closes it; the code for the reader."""
        up, down = asyncio.create_task(self._up()), asyncio.create_task(self._down())
        watch = asyncio.create_task(self._watch())
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            first = down if down.done() else up
            if (error := first.exception()) is None:
                return first.result()
            if not isinstance(error, OSError | RuntimeError):  # else its reader has gone
                log.error("a stream that is passed on has failed", exc_info=error)
            return MOVED
        finally:
            for task in (up, down, watch):
                task.cancel()
            await asyncio.gather(up, down, watch, return_exceptions=True)

    async def _up(self) -> int:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or 1000
                await self._upstream.close(code if code not in (1005, 1006, 1015) else 1000)
                return int(code)
            said = message.get("text")
            # What the owner has said before it closed is still to come, and with which code it did.
            with contextlib.suppress(ConnectionClosed):
                await self._upstream.send(said if said is not None else message["bytes"])

    async def _down(self) -> int:
        with contextlib.suppress(ConnectionClosed):  # its code says how
            while True:
                message = await self._upstream.recv()
                name = "text" if isinstance(message, str) else "bytes"
                self._waits = True
                await self._send({"type": "websocket.send", name: message})
                self._waits, self._upstream.heard_at = False, self._upstream.loop.time()
        code = self._upstream.close_code or 1006
        return code if code not in (1005, 1006, 1011, 1015) else MOVED

    async def _watch(self) -> None:
        """End it when the owner is silent; nobody can tell that while its reader is slow."""
        upstream = self._upstream
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            silent = upstream.loop.time() - upstream.heard_at
            if silent > SILENT_SECONDS and not self._waits:
                upstream.transport.abort()
                return
