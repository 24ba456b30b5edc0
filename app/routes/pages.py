"""The pages, their files, and the API's own page."""

from functools import lru_cache
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2.utils import htmlsafe_json_dumps

from app.content.assets import TEMPLATES
from app.content.catalogue import catalogue
from app.errors import NotFound
from app.links import server_path
from app.services import AllServices, Services
from app.store import StoredRun
from app.web.limits import client_of

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(TEMPLATES)

SAVED = "<!-- saved -->"
"""The place of a saved run in the page."""
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}

RoomPage = Literal["teacher", "screen", "join"]
TITLES: dict[RoomPage, str] = {
    "teacher": "A class in a room",
    "screen": "The class on the screen",
    "join": "Join a class",
}
"""Of the pages of a room. None of them says whose room it is: the page's script asks for that."""


@router.get("/", response_class=HTMLResponse)
async def index(services: Services) -> Response:
    """The playground."""
    return _playground(services)


@router.get("/r/{name}", response_class=HTMLResponse)
async def saved(request: Request, services: Services, name: str) -> Response:
    """The playground with a saved run; if there is none of that name, the page says so."""
    stored = await services.stored(client_of(request.scope), name)
    script = await run_in_threadpool(_script, name, stored)
    return _playground(services, script, 200 if stored and stored.plan else 404)


def _playground(services: AllServices, script: str = "", status: int = 200) -> Response:
    assets = services.assets
    before, after = _page(assets.base, assets.modules)
    headers = {"Cache-Control": "no-cache"}
    return HTMLResponse(before + script + after, status, headers)


@lru_cache(maxsize=1)
def _page(static: str, modules: tuple[str, ...]) -> tuple[str, str]:
    """The playground, before and after the place of a saved run: the same for everybody."""
    html = templates.get_template("index.html").render(
        static=static,
        modules=modules,
        catalogue=catalogue(),
        documentation=server_path("/help"),
    )
    before, _, after = html.partition(SAVED)
    return before, after


def _script(name: str, stored: StoredRun | None) -> str:
    """A saved run, for the page; nothing in it can end the script."""
    content = {
        "id": name,
        "page": stored.page if stored else None,
        "run": stored.spec if stored else None,
    }
    return f'<script type="application/json" id="saved">{htmlsafe_json_dumps(content)}</script>'


@router.get("/j", response_class=HTMLResponse)
@router.get("/j/{code}", response_class=HTMLResponse)
async def join(services: Services) -> Response:
    """Where a student types a room's code, or comes with it from its QR code."""
    return room_page(services, "join")


@router.get("/rooms/{room}/screen", response_class=HTMLResponse)
async def screen(services: Services) -> Response:
    """What a room's projector shows. Its key is in the fragment, which no server is sent."""
    return room_page(services, "screen")


def room_page(services: AllServices, kind: RoomPage) -> HTMLResponse:
    """A page of a room, the same for every room and for everybody."""
    html = _room_page(services.assets.base, kind)
    return HTMLResponse(html, headers={"Cache-Control": "no-cache"})


@lru_cache(maxsize=len(TITLES))
def _room_page(static: str, kind: RoomPage) -> str:
    return templates.get_template("room.html").render(
        static=static, kind=kind, heading=TITLES[kind], catalogue=catalogue()
    )


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request, services: Services) -> Response:
    """The REST API, to try out; its scripts are this server's own."""
    return templates.TemplateResponse(
        request,
        "docs.html",
        {"static": services.assets.base, "openapi": server_path("/openapi.json")},
    )


@router.get("/favicon.ico")
async def favicon(services: Services) -> Response:
    """For browsers that ask for it without having read which one the page names."""
    asset = services.assets.files["favicon.svg"]
    return Response(asset.content, media_type=asset.media_type)


@router.get("/static/{digest}/{name:path}")
async def static(request: Request, services: Services, digest: str, name: str) -> Response:
    """A file of the page; its address says its content, so it may be kept for ever."""
    assets = services.assets
    asset = assets.files.get(name) if digest == assets.digest else None
    if asset is None:
        raise NotFound(f"there is no file {name!r:.80} of this version")
    headers = {**IMMUTABLE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        compressed = await run_in_threadpool(lambda: asset.compressed)
        if compressed is not None:
            headers["Content-Encoding"] = "gzip"
            return Response(compressed, media_type=asset.media_type, headers=headers)
    content = await run_in_threadpool(lambda: asset.content)
    return Response(content, media_type=asset.media_type, headers=headers)
