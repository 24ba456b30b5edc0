"""The documentation, to read on the page's own server."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse

from app.content.documents import FIRST, documents, picture
from app.errors import NotFound
from app.links import server_path
from app.routes.pages import templates
from app.services import Services

router = APIRouter(include_in_schema=False)

DOCUMENTS = documents()


@router.get("/help", response_class=HTMLResponse)
@router.get("/help/{name}", response_class=HTMLResponse)
async def read(request: Request, services: Services, name: str = FIRST) -> Response:
    """A page of it."""
    document = DOCUMENTS.get(name)
    if document is None:
        raise NotFound(f"the documentation has no page {name!r:.80}")
    # The first who reads a page waits until it is made: tens of milliseconds.
    await run_in_threadpool(lambda: document.html)
    return templates.TemplateResponse(
        request,
        "document.html",
        {
            "static": services.assets.base,
            "home": server_path("/"),
            "help": server_path("/help"),
            "document": document,
            "documents": DOCUMENTS,
        },
        headers={"Cache-Control": "no-cache"},
    )


@router.get("/help/images/{name}")
async def show_picture(name: str) -> Response:
    """A picture of the documentation's own."""
    path = await run_in_threadpool(picture, name)
    if path is None:
        raise NotFound(f"the documentation has no picture {name!r:.80}")
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "no-cache"})
