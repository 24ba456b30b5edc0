"""What one can take away of a run: one table of files, for REST runs and for sessions."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.exports.code import LANGUAGES
from app.exports.parameters import FORMATS
from app.exports.report import headers
from app.routes.heavy import answered
from app.schemas import MAX_RUNS, NamedData, Range
from app.services import AllServices, Services
from app.training.checkpoints import Record, Source

TEXT = "text/plain; charset=utf-8"
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Export:
    """How a file of `app.exports.files` is sent.

    Attributes:
        name: The end of its file name.
        media_type: Its Content-Type.
        shown: Whether a browser may show it instead of saving it.
        headers: What else it is sent with.
    """

    name: str
    media_type: str
    shown: bool = False
    headers: Callable[[], Mapping[str, str]] = field(default=dict)


EXPORTS: Mapping[str, Export] = {
    **{
        f"parameters.{form.extension}": Export(f"parameters.{form.extension}", form.media_types[0])
        for form in FORMATS.values()
    },
    "data.csv": Export("data.csv", CSV),
    "costs.csv": Export("costs.csv", CSV),
    **{
        f"code/{name}": Export(f"{name.replace('-', '_')}.py", TEXT, shown=True)
        for name in LANGUAGES
    },
    "formula": Export("formula.txt", TEXT, shown=True),
    "report": Export("report.html", "text/html; charset=utf-8", shown=True, headers=headers),
}

RunIndex = Annotated[
    Annotated[int, Range(0, MAX_RUNS - 1)], Query(description="which run of the session")
]
Digits = Annotated[
    Annotated[int, Range(1, 17)], Query(description="significant digits of the numbers")
]


def _file_of(media_type: str) -> dict[int | str, dict[str, Any]]:
    """A file, for OpenAPI."""
    return {200: {"description": "The file", "content": {media_type: {}}}}


def _file_name(source: Source, export: Export) -> str:
    if isinstance(source, Record):
        data, iteration = source.plan.data, source.iteration
    else:
        checkpoint, run = source
        data, iteration = checkpoint.plan.data, len(checkpoint.costs[run])
    what = data.dataset if isinstance(data, NamedData) else "own-points"
    return re.sub(r"[^a-z0-9_.-]", "", f"{what}-{iteration}-{export.name}".lower())


def _routes(
    tag: str, find: Callable[[AllServices], Callable[[str, int], Awaitable[Source]]]
) -> APIRouter:
    router = APIRouter(prefix=f"/{tag}/{{name}}", tags=[tag], default_response_class=Response)

    async def send(
        request: Request, services: AllServices, path: str, name: str, run: int, **options: Any
    ) -> Response:
        export, file_name = EXPORTS[path], ""

        async def prepare() -> Sequence[Any]:
            nonlocal file_name
            source = await find(services)(name, run)
            file_name = _file_name(source, export)
            return path, source, options

        def headers() -> Mapping[str, str]:
            how = "inline" if export.shown else "attachment"
            return {
                "Content-Disposition": f'{how}; filename="{file_name}"',
                "Cache-Control": "no-store",
                **export.headers(),
            }

        return await answered(request, services, "file", prepare, export.media_type, headers)

    def add(path: str, export: Export) -> None:
        async def send_file(
            request: Request, services: Services, name: str, run: RunIndex = 0
        ) -> Response:
            return await send(request, services, path, name, run)

        router.add_api_route(
            f"/{path}",
            send_file,
            summary=f"Take away: {path}",
            name=f"{tag} {path}",
            responses=_file_of(export.media_type),
        )

    for path, export in EXPORTS.items():
        if path != "formula":
            add(path, export)

    @router.get(
        "/formula",
        summary="Take away: formula",
        name=f"{tag} formula",
        responses=_file_of(TEXT),
    )
    async def send_formula(
        request: Request, services: Services, name: str, run: RunIndex = 0, digits: Digits = 5
    ) -> Response:
        return await send(request, services, "formula", name, run, digits=digits)

    return router


router = APIRouter()
router.include_router(_routes("train", lambda services: services.runs.record))
# Whoever knows the id of a session may look.
router.include_router(_routes("sessions", lambda services: services.sessions.record))
