"""Between a request and the pool of heavy work: answers, large bodies, clients that have gone."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.errors import BrokenOff, UnsupportedType
from app.exports.text import Parts
from app.heavy.pool import Outcome
from app.services import AllServices
from app.web.limits import client_of

T = TypeVar("T")

SMALL_BODY = 8_192
"""Bytes of JSON that are read here; a longer body is read by a child."""
SENDING_SECONDS = 120.0
"""Within them a client must have taken its answer."""
GONE = 499
"""The client has gone, so nobody reads this status."""


def here(text: Parts) -> Response:
    """A small answer, made here by the same functions as in a child."""
    parts = (part.encode() if isinstance(part, str) else part for part in text)
    return Response(b"".join(parts), media_type="application/json")


def given(*arguments: Any) -> Callable[[], Awaitable[Sequence[Any]]]:
    """Arguments that are there already: for them nothing has to be fetched."""

    async def prepare() -> Sequence[Any]:
        return arguments

    return prepare


async def answered(
    request: Request,
    services: AllServices,
    work: str,
    prepare: Callable[[], Awaitable[Sequence[Any]]],
    media_type: str = "application/json",
    headers: Callable[[], Mapping[str, str]] = dict,
) -> Response:
    """The answer of a child; it is given up when the client has gone.

    Args:
        work: A name in `app.heavy.work.WORK`.
        prepare: Fetches the arguments, once it is the turn of this call.
        headers: Gives the headers of the answer, once that is there.
    """
    call = services.heavy.call(client_of(request.scope), work, prepare)
    answer = await unless_gone(request, call)
    if answer is None:
        return Response(status_code=GONE)
    return Made(answer, media_type, headers())


class Made(Response):
    """What a child has made, sent as fast as it is taken."""

    def __init__(self, answer: Outcome, media_type: str, headers: Mapping[str, str]) -> None:
        self._answer = answer
        super().__init__(None, 200, {**headers, "Content-Length": str(answer.size)}, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                await send(
                    {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                )
                for chunk in self._answer.chunks():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    # Others have a turn, and so has the news that whoever asked has gone: asyncio
                    # logs each write to a connection that is lost.
                    await asyncio.sleep(0)
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            raise BrokenOff(f"a file was not taken within {SENDING_SECONDS:g} s") from None
        finally:
            self._answer.close()


async def unless_gone(request: Request, work: Coroutine[Any, Any, Outcome]) -> Outcome | None:
    """What comes of this work; if the client goes first, it is cancelled, and None comes of it."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request.receive))
    heard = False
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        heard = doing.done()
    finally:
        doing.cancel()
        gone.cancel()
        await asyncio.wait({doing, gone})
        if not heard and not doing.cancelled() and doing.exception() is None:
            doing.result().close()
    return doing.result() if heard else None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def as_it_is(request: Request) -> None:
    """Refuse a body that is packed: nothing here unpacks what has no bound.

    Raises:
        UnsupportedType: it is.
    """
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise UnsupportedType(f"send the body as it is, not as Content-Encoding: {packed:.40}")


class JsonRoute(APIRoute):
    """A route whose body, if it is large, is read and checked by a child.

    FastAPI would do both on the event loop. Two megabytes would hold up everybody, and even longer
    if they are wrong.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, which gets of a large body what a child has read in it."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        model = self.body_field.field_info.annotation

        async def read_first(request: Request) -> Response:
            as_it_is(request)
            body = await request.body()
            if len(body) <= SMALL_BODY:
                return await handle(request)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise UnsupportedType("send the body with Content-Type: application/json")
            services: AllServices = request.app.state.services

            call = services.heavy.call(client_of(request.scope), "parse", given(model, body))
            answer = await unless_gone(request, call)
            if answer is None:
                return Response(status_code=GONE)
            answer.close()
            return await handle(_Read(request.scope, request.receive, body, answer.value))

        return read_first


class _Read(Request):
    """A request whose body has been read."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes, value: Any) -> None:
        super().__init__(scope, receive)
        self._body, self._value = body, value

    async def json(self) -> Any:
        """What a child has read in it."""
        return self._value
