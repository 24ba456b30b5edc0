"""Where an access code is set: who was let into a room needs no other code, as long as the room is.

So a student types one code, that of the room. The page of a room is shown to everyone, and the room
itself asks for its code or key; whoever had it gets a pass, a cookie that says which room, with a
proof that nobody else can make. It ends with the room. Without an access code there is none.
"""

import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app.links import cookie_name, cookie_path, path_in
from app.origins import scheme_of
from app.settings import Settings
from app.web.ways import Ways

COOKIE = "shallows_room"
OPEN_PATHS = ("/j/", "/rooms/")
"""What asks for a code or key of its own, and the pages that it is typed on."""
STREAM = "/ws"
"""Where the first message says of which room's member it is, if the address names a room."""
UP, TOKEN = "/ws/up", "shallows-stream"
"""What a page says where WebSockets are blocked, and the header that says which page."""


class Passes:
    """Who has come through a room's door.

    Args:
        key: Makes the proofs.
        is_there: Whether there is a room of that id.
        is_code: Whether somebody has typed the code of a room.
    """

    def __init__(
        self,
        settings: Settings,
        key: bytes,
        is_there: Callable[[str], bool],
        is_code: Callable[[str], bool],
        ways: Ways,
    ) -> None:
        self._wanted = settings.access_code is not None
        self.is_code, self._ways = is_code, ways
        self._key, self._is_there = key, is_there

    def give(self, response: Response, request: Request, room: str) -> None:
        """Let whoever has come in see the rest of the server, too."""
        if self._wanted:
            response.set_cookie(
                cookie_name(COOKIE),
                f"{room}.{self._proof(room)}",
                path=cookie_path(),
                httponly=True,
                samesite="strict",
                secure=scheme_of(request.url.scheme, request.headers) == "https",
            )

    def knows(self, request: HTTPConnection) -> bool:
        """Whether this is what a page says that has been let in, and counts as such."""
        return path_in(request.scope) == UP and request.headers.get(TOKEN) in self._ways

    def admits(self, request: HTTPConnection) -> bool:
        """Whether a request needs no access code."""
        scope = request.scope
        path = path_in(scope)
        opens = f"{path}/".startswith(OPEN_PATHS) and path != "/rooms"
        if opens or self.knows(request):
            return True
        query = scope["query_string"].decode("latin-1")
        if path == STREAM and parse_qs(query).get("room"):
            return True
        room, _, proof = request.cookies.get(cookie_name(COOKIE), "").rpartition(".")
        return hmac.compare_digest(proof.encode(), self._proof(room).encode()) and self._is_there(
            room
        )

    def _proof(self, room: str) -> str:
        return hmac.new(self._key, room.encode(), "sha256").hexdigest()
