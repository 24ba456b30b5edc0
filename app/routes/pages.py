"""The page, its files, and the API's own page."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates

from app.assets import TEMPLATES
from app.catalogue import catalogue
from app.errors import GoingAway, NotFound
from app.services import AllServices, Services

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(TEMPLATES)

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/", response_class=HTMLResponse)
def index(request: Request, services: Services) -> Response:
    """The playground."""
    return _playground(request, services)


@router.get("/r/{name}", response_class=HTMLResponse)
async def saved(request: Request, services: Services, name: str) -> Response:
    """The playground with a saved run; if there is none under that name, it says so itself."""
    stored = await services.store.get(name)
    run = stored.spec if stored else None
    told = {"id": name, "page": stored.page if stored else None, "run": run}
    status = 200 if run else 404
    return await run_in_threadpool(_playground, request, services, told, status)


def _playground(
    request: Request,
    services: AllServices,
    saved: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    assets = services.assets
    context = {
        "static": assets.base,
        "modules": assets.modules,
        "catalogue": catalogue(),
        "saved": saved,
    }
    headers = {"Cache-Control": "no-cache"}
    return templates.TemplateResponse(request, "index.html", context, status, headers)


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request, services: Services) -> Response:
    """The REST API, to try out; its scripts are this server's own."""
    return templates.TemplateResponse(request, "docs.html", {"static": services.assets.base})


@router.post("/version")
async def version(services: Services) -> Response:
    """Which page this is the server of: asked by one that cannot connect, or has been away.

    A POST, since only with that a browser names the page's origin: what is refused here is refused
    to its stream too, and says why.
    """
    if services.jobs.going:
        raise GoingAway
    return JSONResponse({"page": services.assets.digest}, headers={"Cache-Control": "no-store"})


@router.get("/favicon.ico")
async def favicon(services: Services) -> Response:
    """For browsers that ask without being told of the one in the page."""
    asset = services.assets.files["favicon.svg"]
    return Response(asset.content, media_type=asset.media_type)


@router.get("/static/{digest}/{name:path}")
async def static(request: Request, services: Services, digest: str, name: str) -> Response:
    """A file of the page; its address says its content, so it may be kept for ever."""
    asset = services.assets.files.get(name) if digest == services.assets.digest else None
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
