"""Where a request comes in, as its browser knows it, whatever a proxy has made of that."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.links import begin_at, placed
from app.origins import scheme_of


class Place:
    """Around everything else: what is made of a request leads back here.

    Args:
        root: The path below which the server lies; empty if it has its host for itself.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or the server's own beginning and end."""
        begin_at(self._root)
        if scope["type"] != "lifespan":
            scope = placed(scope, self._root)
        if scope["type"] == "http":
            scope["scheme"] = scheme_of(scope["scheme"], Headers(scope=scope))
        await self._app(scope, receive, send)
