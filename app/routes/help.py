"""The documentation, to read on the page's own server."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from app.content.documents import FIRST, documents
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
