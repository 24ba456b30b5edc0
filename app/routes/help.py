"""The documentation, to read on the page's own server."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from app.content.documents import FIRST, FORMULAS, documents, picture, sections
from app.errors import NotFound
from app.links import server_path
from app.routes.pages import templates
from app.services import Services

router = APIRouter(include_in_schema=False)

NO_CACHE = {"Cache-Control": "no-cache"}


@router.get("/help/headings.json")
async def list_headings() -> Response:
    """All headings of all pages, for whoever looks for one."""
    every = await run_in_threadpool(documents)
    listed: list[dict[str, Any]] = [
        {
            "title": document.title,
            "address": document.address,
            "headings": [[heading.text, heading.anchor] for heading in document.headings],
        }
        for document in every.values()
    ]
    return JSONResponse(listed, headers=NO_CACHE)


@router.get("/help/images/{name}")
async def show_picture(name: str) -> Response:
    """A picture of the documentation's own."""
    path = await run_in_threadpool(picture, name)
    if path is None:
        raise NotFound(f"the documentation has no picture {name!r:.80}")
    return FileResponse(path, media_type="image/png", headers=NO_CACHE)


@router.get("/help", response_class=HTMLResponse)
@router.get("/help/{name}", response_class=HTMLResponse)
@router.get("/help/{folder}/{name}", response_class=HTMLResponse)
async def read(
    request: Request, services: Services, name: str = FIRST, folder: str = ""
) -> Response:
    """A page of it."""
    every = await run_in_threadpool(documents)
    name = f"{folder}/{name}" if folder else name
    document = every.get(name)
    if document is None:
        raise NotFound(f"the documentation has no page {name!r:.80}")
    return templates.TemplateResponse(
        request,
        "document.html",
        {
            "static": services.assets.base,
            "home": server_path("/"),
            "document": document,
            "sections": sections(document, every),
            "formulas": name in FORMULAS,
        },
        headers=NO_CACHE,
    )
