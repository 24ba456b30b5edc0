"""`create_app`: the only place where things are wired."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.content.assets import Assets
from app.content.lessons import LESSONS, lessons_of
from app.errors import (
    PROBLEM_JSON,
    BodyTooLarge,
    InvalidField,
    InvalidJson,
    ShallowsError,
    UnsupportedType,
)
from app.heavy.pool import Pool
from app.routes import (
    activations,
    checks,
    datasets,
    exports,
    health,
    lessons,
    pages,
    predict,
    saves,
    stream,
    train,
    uploads,
)
from app.services import AllServices
from app.sessions.interactive import InteractiveSessions
from app.sessions.jobs import Jobs
from app.settings import Settings
from app.store import Store
from app.training.workers.driver import Backend
from app.training.workers.inline import inline_backend
from app.training.workers.processes import pool_backend
from app.web.access import Access
from app.web.limits import LoopTimes, Refusals
from app.web.security import Security

log = logging.getLogger(__name__)

BACKENDS: dict[str, Callable[[Settings], Backend]] = {
    "pool": pool_backend,
    "inline": inline_backend,
}

PROBLEM: dict[str, Any] = {
    PROBLEM_JSON: {
        "schema": {
            "type": "object",
            "required": ["type", "title", "status", "code", "detail"],
            "additionalProperties": False,
            "properties": {
                "type": {"const": "about:blank"},
                "title": {"type": "string"},
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "code": {"type": "string", "pattern": "^[a-z_]+$"},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["field", "detail"],
                        "additionalProperties": False,
                        "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
                    },
                },
            },
        }
    }
}
RETRY_AFTER = {
    "Retry-After": {
        "description": "seconds after which trying again may help",
        "schema": {"type": "integer", "minimum": 0},
    }
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Problem details", "content": PROBLEM, "headers": RETRY_AFTER},
    "5XX": {"description": "Problem details", "content": PROBLEM, "headers": RETRY_AFTER},
}
"""What every refusal and failure looks like, in OpenAPI."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service, ready to be served.

    Raises:
        LessonError: a lesson is not right.
        StoreUnusable: there is nowhere to store what is to be kept.
    """
    settings = settings or Settings()
    backend = BACKENDS[settings.backend](settings)
    store = Store.open(settings)
    refusals = Refusals()
    assets = Assets.find()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await backend.start()
        services.sessions.keeping.start()
        try:
            yield
            await services.drain()
        finally:
            await services.stop()

    app = FastAPI(
        title="Shallows",
        summary="A live playground where a class trains small neural networks",
        description="Names, bounds and the stream are in `docs/protocol.md`.",
        version="0.1.0",
        lifespan=lifespan,
        responses=PROBLEMS,
        docs_url=None,
        redoc_url=None,
        # Nothing of a class leaves its server, whatever the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = services = AllServices(
        settings=settings,
        backend=backend,
        sessions=InteractiveSessions(backend, store, settings),
        jobs=Jobs(backend, store, settings),
        heavy=Pool(settings),
        store=store,
        assets=assets,
        lessons=lessons_of(LESSONS, *filter(None, [settings.lessons_folder])),
        refusals=refusals,
        loop_times=LoopTimes(),
    )
    for module in (
        train,
        exports,
        saves,
        predict,
        checks,
        lessons,
        uploads,
        datasets,
        activations,
        health,
        stream,
        pages,
    ):
        app.include_router(
            module.router,
            max_body_size=settings.max_body_bytes,
            dependencies=[] if module in (stream, pages) else [Depends(_each_once)],
        )
    app.add_middleware(
        Security, settings=settings, access=Access(settings, assets), refusals=refusals
    )
    app.add_exception_handler(ShallowsError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(ClientDisconnect, _tell_nobody)
    app.add_exception_handler(Exception, _tell_unexpected)
    return app


async def _each_once(request: Request) -> None:
    """Of a parameter given twice the last would count, and the others pass silently."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise InvalidField(f"{name:.80} must be given once; it came {times} times", name)


def problem(error: ShallowsError) -> JSONResponse:
    """An error as problem details."""
    return JSONResponse(
        error.problem(), error.status, media_type=PROBLEM_JSON, headers=dict(error.headers)
    )


async def _tell(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ShallowsError)
    request.app.state.services.refusals.note(error)
    return problem(error)


async def _tell_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        reason = errors[0].get("ctx", {}).get("error", "")
        return problem(InvalidJson(f"the body is not JSON: {reason}"))
    sent = request.headers.get("content-type", "")
    in_the_body = errors[0]["loc"][:1] == ("body",)
    if (
        in_the_body
        and request.method == "POST"
        and sent.partition(";")[0].strip() != "application/json"
    ):
        return problem(UnsupportedType("send the body with Content-Type: application/json"))
    return problem(InvalidField.from_pydantic(errors))


async def _tell_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == BodyTooLarge.status:
        most = request.app.state.services.settings.max_body_bytes
        return problem(BodyTooLarge(f"the body may have at most {most:,} bytes"))
    if error.status_code == InvalidJson.status:
        return problem(InvalidJson("the body is not JSON: it can't be read at all"))
    body = {
        "type": "about:blank",
        "title": str(error.detail),
        "status": error.status_code,
        "code": "http_error",
        "detail": f"{request.method} {request.url.path}: {error.detail}",
    }
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return JSONResponse(body, error.status_code, media_type=PROBLEM_JSON, headers=headers)


def _methods_of(request: Request) -> set[str]:
    """What the path asked for allows; Starlette tells of the first route that fits, and no more."""
    path, described = request.url.path, request.app.openapi()["paths"]
    fitting = [named for named in described if _fits(named, path)]
    named = path if path in fitting else None
    return {
        method.upper() for fits in ([named] if named else fitting) for method in described[fits]
    } or {"GET"}


def _fits(named: str, path: str) -> bool:
    parts, asked = named.split("/"), path.split("/")
    return len(parts) == len(asked) and all(
        part.startswith("{") or part == given for part, given in zip(parts, asked, strict=True)
    )


async def _tell_nobody(request: Request, error: Exception) -> Response:
    """Whoever goes while it sends is no failure of the server's, and hears no answer."""
    return Response(status_code=400)


async def _tell_unexpected(request: Request, error: Exception) -> JSONResponse:
    """Say that it went wrong, and nothing of how; the log has that."""
    return problem(ShallowsError("the server failed to answer this; its log says why"))
