"""A refusal in words: whoever opens an address in a browser reads a page instead of JSON."""

import json
from collections.abc import Callable

from fastapi.templating import Jinja2Templates
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.content.assets import TEMPLATES, Assets
from app.errors import PROBLEM_JSON
from app.links import server_path


class Words:
    """Around everything that answers; touches only problem details that a browser is to show."""

    def __init__(self, app: ASGIApp, assets: Callable[[], Assets]) -> None:
        self._app = app
        self._assets = assets
        self._template = Jinja2Templates(TEMPLATES).get_template("problem.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if not _is_opened(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        problem = b""

        async def send_in_words(message: Message) -> None:
            nonlocal start, problem
            if message["type"] == "http.response.start":
                if Headers(raw=message["headers"]).get("content-type") == PROBLEM_JSON:
                    start = message
                    return
            elif start is not None:
                problem += message.get("body", b"")
                if message.get("more_body"):
                    return
                page = self._page(problem)
                headers = MutableHeaders(scope=start)
                headers["Content-Type"] = "text/html; charset=utf-8"
                headers["Content-Length"] = str(len(page))
                headers["Vary"] = "Accept"
                await send(start)
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self._app(scope, receive, send_in_words)

    def _page(self, problem: bytes) -> bytes:
        said = json.loads(problem)
        return self._template.render(
            static=self._assets().base, home=server_path("/"), **said
        ).encode()


def _is_opened(scope: Scope) -> bool:
    """Whether a browser is to show the answer: its scripts and other programs ask for no HTML."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "text/html" in Headers(scope=scope).get("accept", "")
    )
