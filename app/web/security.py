"""What every request passes: bounds, the origin check, the security headers. Pure ASGI."""

import json
import logging
import re
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    PROBLEM_JSON,
    AddressTooLong,
    BodyTooLarge,
    ForeignOrigin,
    HeadersTooLarge,
    ShallowsError,
    Unauthorized,
    UnknownHost,
)
from app.links import path_in
from app.origins import allowed_origin, unnamed_proxy
from app.sessions.spending import Spending
from app.settings import Settings
from app.web.access import Access
from app.web.limits import MOST_BODY_BYTES, Bodies, Body, Clients, Refusals, client_of, too_fast

log = logging.getLogger(__name__)

# Who may frame the page is a setting; see `headers_for`.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Plotly writes style attributes and rules
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)

POLICY = "Content-Security-Policy"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

# For browsers that do not know `frame-ancestors`; it cannot name other pages.
FRAME_OPTIONS = {"'self'": "SAMEORIGIN", "'none'": "DENY"}

# Cheap, and asked for often: by what watches over the server, and by every page that is opened.
UNCOUNTED = ("/healthz", "/readyz", "/metrics", "/static/")
HEALTH = ("/healthz", "/readyz")

MOST_ADDRESS = 4_000
MOST_HEADERS = 100
MOST_HEADER_BYTES = 16_000

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def headers_for(settings: Settings) -> dict[str, str]:
    """The headers of every answer; `settings.frame_ancestors` says whose pages may frame it."""
    framed_by = " ".join(settings.frame_ancestors)
    policy = f"{CONTENT_SECURITY_POLICY}; frame-ancestors {framed_by}"
    options = FRAME_OPTIONS.get(framed_by)
    return {
        POLICY: policy,
        **({"X-Frame-Options": options} if options else {}),
        **HEADERS,
    }


def allowed_host(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether a request names this server by one of the names that are allowed."""
    host = re.sub(r":\d*$", "", connection.headers.get("host", "")).lower()
    return not settings.allowed_hosts or any(
        host == name or (name.startswith("*.") and host.endswith(name[1:]))
        for name in settings.allowed_hosts
    )


class Security:
    """Security headers on every answer; strangers, foreign pages and too much refused."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        access: Access,
        refusals: Refusals,
        uncounted: Callable[[HTTPConnection], bool],
        shared: Spending | None = None,
    ) -> None:
        self._app = app
        self._uncounted = uncounted
        self._access = access
        self._settings = settings
        self._refusals = refusals
        self._headers = headers_for(settings)
        self._warned = False
        rate, burst = settings.requests_per_second, settings.requests_burst
        self._clients = Clients(rate, burst, shared, "requests")
        self._bodies = Bodies(settings, shared)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            if bodiless and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # HEAD is answered as GET, without the body.
        bodiless = scope.get("method") == "HEAD"
        if bodiless:
            scope = {**scope, "method": "GET"}
        self._look_for_a_proxy(HTTPConnection(scope))
        refusal = self._refusal(HTTPConnection(scope))
        if isinstance(refusal, Unauthorized) and scope["type"] == "http":
            page = await self._access.page(scope, receive, refusal)
            if page is not None:
                response, refusal = page
                if refusal is not None:
                    self._refusals.note(refusal)
                # No other page here has something to send.
                policy = self._headers[POLICY].replace("form-action 'none'", "form-action 'self'")
                response.headers[POLICY] = policy
                await response(scope, receive, send_with_headers)
                return
        if refusal is not None:
            self._refusals.note(refusal)
            await refuse(scope, send_with_headers, refusal)
            return
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send_with_headers)
            return
        body = Body(self._bodies, client_of(scope), receive)
        try:
            declared = HTTPConnection(scope).headers.get("content-length", "")
            body.expect(int(declared) if declared.isdigit() else 1)
        except ShallowsError as error:
            self._refusals.note(error)
            await refuse(scope, send_with_headers, error)
        else:
            await self._app(scope, body.receive, send_with_headers)
        finally:
            body.close()

    def _look_for_a_proxy(self, request: HTTPConnection) -> None:
        """Say once what an operator has forgotten: without it, all of a school is one client."""
        if not self._warned and (proxy := unnamed_proxy(request.client, request.headers)):
            self._warned = True
            log.warning(
                "%s says for whom it asks (X-Forwarded-For), and is not believed: all that comes "
                "through it counts as one client. If it is your proxy: SHALLOWS_TRUSTED_PROXIES=%s",
                proxy,
                proxy,
            )

    def _refusal(self, request: HTTPConnection) -> ShallowsError | None:
        for refusal in (
            _too_long,
            self._misdirected,
            self._too_fast,
            self._foreign,
            self._access.refusal,
        ):
            if (error := refusal(request)) is not None:
                return error
        if request.scope.get("method") in SAFE_METHODS:
            return None
        # A body that does not say its size is counted by FastAPI as it comes in (max_body_size).
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > MOST_BODY_BYTES:
            return BodyTooLarge(f"the body may have at most {MOST_BODY_BYTES:,} bytes")
        return None

    def _misdirected(self, request: HTTPConnection) -> ShallowsError | None:
        if path_in(request.scope) in HEALTH or allowed_host(request, self._settings):
            return None
        return UnknownHost("this server does not answer to that name")

    def _foreign(self, request: HTTPConnection) -> ShallowsError | None:
        scheme, allowed = request.scope["scheme"], self._settings.allowed_origins
        if request.scope.get("method") in SAFE_METHODS or allowed_origin(
            scheme, request.headers, allowed
        ):
            return None
        return ForeignOrigin(
            "pages of other origins may not change anything here; SHALLOWS_ALLOWED_ORIGINS allows "
            "one, and a proxy has to pass on Host, and X-Forwarded-Proto if it speaks TLS"
        )

    def _too_fast(self, request: HTTPConnection) -> ShallowsError | None:
        if path_in(request.scope).startswith(UNCOUNTED) or self._uncounted(request):
            return None
        client = client_of(request.scope)
        if wait := self._clients.wait(client):
            return too_fast("this address asks for more than its share", wait)
        self._clients.take(client)
        return None


def _too_long(request: HTTPConnection) -> ShallowsError | None:
    """This comes first: each header is split, decoded and compared many times afterwards."""
    scope = request.scope
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_ADDRESS:
        return AddressTooLong(f"path and query may have at most {MOST_ADDRESS:,} bytes")
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(k) + len(v) for k, v in headers) > MOST_HEADER_BYTES:
        return HeadersTooLarge(
            f"a request may have at most {MOST_HEADERS} headers of {MOST_HEADER_BYTES:,} bytes"
        )
    return None


async def refuse(scope: Scope, send: Send, error: ShallowsError) -> None:
    """Answer with problem details; a WebSocket is answered before it opens."""
    body = json.dumps(error.problem()).encode()
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    prefix = "" if scope["type"] == "http" else "websocket."
    await send({"type": f"{prefix}http.response.start", "status": error.status, "headers": headers})
    await send({"type": f"{prefix}http.response.body", "body": body})
