"""Saving a session. What its link opens is in `pages`."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response, status
from pydantic import BaseModel

from app.links import server_path
from app.routes.heavy import JsonRoute
from app.schemas import SaveRequest
from app.services import Services
from app.web.limits import client_of

router = APIRouter(tags=["sessions"], route_class=JsonRoute)


class SavedSession(BaseModel):
    """Where a saved session is to be found."""

    id: str
    link: str
    iteration: int


@router.post("/sessions/{name}/save", summary="Save", status_code=status.HTTP_201_CREATED)
async def save(
    services: Services,
    request: Request,
    response: Response,
    name: str,
    body: Annotated[SaveRequest | None, Body(title="Request")] = None,
) -> SavedSession:
    """Keeps the session as it is now; once this answers, no crash can take it away."""
    page = body.page if body else None
    saved, iteration = await services.sessions.save(name, page, client_of(request.scope))
    link = server_path(f"/r/{saved}")
    response.headers["Location"] = link
    return SavedSession(id=saved, link=link, iteration=iteration)
