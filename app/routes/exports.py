"""What one can take away of a run: one table of files, for REST runs and for sessions."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app.exports.files import FILES, File
from app.routes.heavy import answered
from app.schemas import MAX_RUNS, NamedData, Range
from app.services import AllServices, Services
from app.training.checkpoints import Record, Source

RunIndex = Annotated[
    Annotated[int, Range(0, MAX_RUNS - 1)], Query(description="which run of the session")
]


ITERATION = "Shallows-Iteration"
"""The header that says of which iteration a file is."""


def _headers(source: Source, file: File) -> Mapping[str, str]:
    if isinstance(source, Record):
        data, iteration = source.plan.data, source.iteration
    else:
        checkpoint, run = source
        data, iteration = checkpoint.plan.data, len(checkpoint.costs[run])
    what = data.dataset if isinstance(data, NamedData) else "own-points"
    name = re.sub(r"[^a-z0-9_.-]", "", f"{what}-{iteration}-{file.name}".lower())
    return {
        "Content-Disposition": f'{"inline" if file.shown else "attachment"}; filename="{name}"',
        ITERATION: str(iteration),
        "Cache-Control": "no-store",
        **file.headers(),
    }


def _routes(
    tag: str, find: Callable[[AllServices], Callable[[str, int], Awaitable[Source]]]
) -> APIRouter:
    router = APIRouter(prefix=f"/{tag}/{{name}}", tags=[tag], default_response_class=Response)

    def add(path: str, file: File) -> None:
        async def send(
            request: Request,
            services: Services,
            options: Annotated[dict[str, Any], Depends(file.options)],
            name: str,
            run: RunIndex = 0,
        ) -> Response:
            headers: Mapping[str, str] = {}

            async def prepare() -> Sequence[Any]:
                nonlocal headers
                source = await find(services)(name, run)
                headers = _headers(source, file)
                return path, source, options

            return await answered(
                request, services, "file", prepare, file.media_type, lambda: headers
            )

        router.add_api_route(
            f"/{path}",
            send,
            summary=f"Take away: {path}",
            name=f"{tag} {path}",
            responses={200: {"description": "The file", "content": {file.media_type: {}}}},
        )

    for path, file in FILES.items():
        add(path, file)
    return router


router = APIRouter()
router.include_router(_routes("train", lambda services: services.runs.record))
# Whoever knows the id of a session may look.
router.include_router(_routes("sessions", lambda services: services.sessions.record))
