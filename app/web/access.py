"""The access code for the whole server, if one is set: who has it, and the form that asks for it.

A browser that has sent the code gets one cookie, strictly necessary and nothing but a proof that
the code was known; a script sends `Authorization: Bearer CODE`. Without a code set there is no
form, no cookie and no question.

The cookie says neither the code nor anything from which a guess could be checked quickly: it is
derived from the code by scrypt. It holds across restarts, and ends when the code is changed.
"""

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from fastapi.templating import Jinja2Templates
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from app.classroom.codes import read_code
from app.content.assets import TEMPLATES, Assets
from app.errors import ShallowsError, Unauthorized
from app.links import cookie_name, cookie_path, path_in, server_path
from app.origins import scheme_of
from app.sessions.spending import Spending
from app.settings import Settings
from app.web.limits import Clients, client_of, too_fast
from app.web.passes import Passes

COOKIE = "shallows_access"
COOKIE_SECONDS = 400 * 24 * 3600
FORM = "application/x-www-form-urlencoded"
MOST_FORM_BYTES = 2000
OPEN_PATHS = ("/healthz", "/readyz", "/static/", "/favicon.ico")
"""What anyone may see: whether the server lives, and the files that are the same everywhere."""


class Access:
    """Who may enter."""

    def __init__(
        self,
        settings: Settings,
        assets: Callable[[], Assets],
        passes: Passes,
        shared: Spending | None = None,
    ) -> None:
        self._assets, self._passes = assets, passes
        code = settings.access_code.get_secret_value() if settings.access_code else ""
        self._code = code.encode()
        self._proof = _proof(self._code) if self._code else ""
        self._templates = Jinja2Templates(TEMPLATES)
        # Only wrong codes are counted, so a class with typing errors is not slowed down.
        rate, burst = settings.wrong_codes_per_second, settings.wrong_codes_burst
        self._wrong = Clients(rate, burst, shared, "access")

    def refusal(self, request: HTTPConnection) -> ShallowsError | None:
        """Why this request may not pass; None if it may."""
        if not self._code or path_in(request.scope).startswith(OPEN_PATHS):
            return None
        shown = request.cookies.get(cookie_name(COOKIE), "")
        if hmac.compare_digest(shown.encode(), self._proof.encode()):
            return None
        if self._passes.admits(request):
            return None
        scheme, _, code = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._try(request, code.strip().encode("latin-1"))
        return Unauthorized("this server asks for an access code: Authorization: Bearer CODE")

    def _try(self, request: HTTPConnection, code: bytes) -> ShallowsError | None:
        client = client_of(request.scope)
        if wait := self._wrong.wait(client):
            # Not even the right code passes now, or guessing would go on.
            return too_fast("too many wrong access codes came from this address", wait)
        # Digests, so that not even the length of the code shows in the time taken.
        ours, theirs = (hashlib.sha256(text).digest() for text in (self._code, code))
        if hmac.compare_digest(ours, theirs):
            return None
        self._wrong.take(client)
        return Unauthorized("that is not the access code of this server")

    async def page(
        self, scope: Scope, receive: Receive, refusal: ShallowsError
    ) -> tuple[Response, ShallowsError | None] | None:
        """What a browser gets instead of the page: the form, or the way on from it.

        None if it is not a browser that asks for a page. The form is sent to the address that
        was asked for, so that the way on leads there, the hash included.
        """
        request = Request(scope, receive)
        if request.method == "POST" and request.headers.get("content-type") == FORM:
            body = b""
            async for part in request.stream():
                body += part
                if len(body) > MOST_FORM_BYTES:
                    break
            code = parse_qs(body[:MOST_FORM_BYTES].decode(errors="replace")).get("code", [""])[0]
            if not self._wrong.wait(client_of(scope)) and self._passes.is_code(code):
                # The code of a room is enough; there it is asked for as ever.
                return RedirectResponse(server_path(f"/j/{read_code(code)}"), 303), None
            wrong = self._try(request, code.strip().encode())
            if wrong is not None:
                return self._form(request, wrong, wrong.detail), wrong
            # A path that begins with two slashes would be another host.
            query = f"?{request.url.query}" if request.url.query else ""
            on = RedirectResponse(server_path(f"/{path_in(scope).lstrip('/')}{query}"), 303)
            on.set_cookie(
                cookie_name(COOKIE),
                self._proof,
                max_age=COOKIE_SECONDS,
                path=cookie_path(),
                httponly=True,
                samesite="strict",
                secure=scheme_of(request.url.scheme, request.headers) == "https",
            )
            return on, None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return self._form(request, refusal, None), None
        return None

    def _form(self, request: Request, error: ShallowsError, problem: str | None) -> HTMLResponse:
        template = self._templates.get_template("access.html")
        html = template.render(static=self._assets().base, problem=problem)
        return HTMLResponse(
            html, error.status, headers={"Cache-Control": "no-store", **error.headers}
        )


def _proof(code: bytes) -> str:
    return hashlib.scrypt(code, salt=b"shallows", n=2**14, r=8, p=1).hex()
