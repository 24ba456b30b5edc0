"""What one can take away of a run: a table of files, of REST runs and of sessions alike."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from app.exports import tables
from app.exports.code import LANGUAGES
from app.exports.formula import formula
from app.exports.parameters import FORMATS
from app.exports.report import headers, report
from app.schemas import MAX_RUNS, NamedData, Range
from app.services import AllServices, Services
from app.training.session import Record

TEXT = "text/plain; charset=utf-8"
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Export:
    """A file that a run can be taken away as.

    Attributes:
        name: The end of its file name.
        media_type: Its Content-Type.
        make: A run as its content.
        shown: Whether a browser may show it instead of saving it.
        headers: What else it is sent with.
    """

    name: str
    media_type: str
    make: Callable[[Record], bytes | str]
    shown: bool = False
    headers: Callable[[], Mapping[str, str]] = field(default=dict)


EXPORTS: Mapping[str, Export] = {
    **{
        f"parameters.{form.extension}": Export(
            f"parameters.{form.extension}",
            form.media_types[0],
            lambda record, form=form: form.write(record.network),  # type: ignore[misc]
        )
        for form in FORMATS.values()
    },
    "data.csv": Export("data.csv", CSV, tables.data_csv),
    "costs.csv": Export("costs.csv", CSV, tables.costs_csv),
    **{
        f"code/{language.name}": Export(
            f"{language.name.replace('-', '_')}.py", TEXT, language.write, shown=True
        )
        for language in LANGUAGES.values()
    },
    "report": Export(
        "report.html", "text/html; charset=utf-8", report, shown=True, headers=headers
    ),
}

Run = Annotated[
    Annotated[int, Range(0, MAX_RUNS - 1)], Query(description="which run of the session")
]
Digits = Annotated[
    Annotated[int, Range(1, 17)], Query(description="significant digits of the numbers")
]


def _file_of(media_type: str) -> dict[int | str, dict[str, Any]]:
    """A file, for OpenAPI."""
    return {200: {"description": "The file", "content": {media_type: {}}}}


async def of_job(services: AllServices, name: str, run: int) -> Record:
    """A run that was started over REST."""
    return await services.jobs.record(name, run)


async def of_session(services: AllServices, name: str, run: int) -> Record:
    """A run of an interactive session; whoever knows its id may look."""
    return await services.learners.record(name, run)


async def _send(record: Record, export: Export) -> Response:
    content = await run_in_threadpool(export.make, record)
    data = record.plan.data
    what = data.dataset if isinstance(data, NamedData) else "own-points"
    name = re.sub(r"[^a-z0-9_.-]", "", f"{what}-{record.iteration}-{export.name}".lower())
    how = "inline" if export.shown else "attachment"
    return Response(
        content,
        media_type=export.media_type,
        headers={
            "Content-Disposition": f'{how}; filename="{name}"',
            "Cache-Control": "no-store",
            **export.headers(),
        },
    )


def _routes(
    prefix: str, tag: str, find: Callable[[AllServices, str, int], Awaitable[Record]]
) -> APIRouter:
    router = APIRouter(prefix=f"{prefix}/{{name}}", tags=[tag], default_response_class=Response)

    def add(path: str, export: Export) -> None:
        async def send(services: Services, name: str, run: Run = 0) -> Response:
            return await _send(await find(services, name, run), export)

        router.add_api_route(
            f"/{path}",
            send,
            summary=f"Take away: {path}",
            name=f"{tag} {path}",
            responses=_file_of(export.media_type),
        )

    for path, export in EXPORTS.items():
        add(path, export)

    @router.get(
        "/formula",
        summary="Take away: formula",
        name=f"{tag} formula",
        responses=_file_of(TEXT),
    )
    async def send_formula(
        services: Services, name: str, run: Run = 0, digits: Digits = 5
    ) -> Response:
        export = Export("formula.txt", TEXT, lambda record: formula(record, digits), shown=True)
        return await _send(await find(services, name, run), export)

    return router


router = APIRouter()
router.include_router(_routes("/train", "train", of_job))
router.include_router(_routes("/sessions", "sessions", of_session))
