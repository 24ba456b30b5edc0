"""How errors are answered: each kind as problem details."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.errors import (
    PROBLEM_JSON,
    BodyTooLarge,
    InvalidField,
    InvalidJson,
    ShallowsError,
    UnsupportedType,
)
from app.links import path_in
from app.web.limits import MOST_BODY_BYTES

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


async def each_once(request: Request) -> None:
    """Refuse a parameter that is given twice: FastAPI would silently take the last one."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise InvalidField(f"{name:.80} must be given once; it came {times} times", name)


def _answer(error: ShallowsError) -> JSONResponse:
    """An error as problem details."""
    return JSONResponse(
        error.problem(), error.status, media_type=PROBLEM_JSON, headers=dict(error.headers)
    )


async def _refused(request: Request, error: ShallowsError) -> JSONResponse:
    request.app.state.services.refusals.note(error)
    return _answer(error)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        reason = errors[0].get("ctx", {}).get("error", "")
        return _answer(InvalidJson(f"the body is not JSON: {reason}"))
    sent = request.headers.get("content-type", "")
    in_the_body = errors[0]["loc"][:1] == ("body",)
    if (
        in_the_body
        and request.method == "POST"
        and sent.partition(";")[0].strip().lower() != "application/json"
    ):
        return _answer(UnsupportedType("send the body with Content-Type: application/json"))
    return _answer(InvalidField.from_pydantic(errors))


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    if error.status_code == BodyTooLarge.status:
        return _answer(BodyTooLarge(f"the body may have at most {MOST_BODY_BYTES:,} bytes"))
    if error.status_code == InvalidJson.status:
        return _answer(InvalidJson("the body is not JSON: it can't be read at all"))
    body = {
        "type": "about:blank",
        "title": str(error.detail).capitalize(),
        "status": error.status_code,
        "code": "http_error",
        "detail": "there is nothing at this address"
        if error.status_code == 404
        else f"{request.method} {request.url.path}: {error.detail}",
    }
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return JSONResponse(body, error.status_code, media_type=PROBLEM_JSON, headers=headers)


def _methods_of(request: Request) -> set[str]:
    """The methods that this path allows; Starlette names only the first route that fits.

    What OpenAPI has comes first: a page's route may be there to keep a name from another one.
    """
    path = path_in(request.scope)
    described: dict[str, set[str]] = {}
    hidden: dict[str, set[str]] = {}
    for route in iter_route_contexts(request.app.routes):
        if route.path and route.methods and _fits(route.path, path):
            into = described if route.include_in_schema else hidden
            into.setdefault(route.path, set()).update(route.methods)
    fitting = described or hidden
    whole = [fitting[path]] if path in fitting else fitting.values()
    return set().union(*whole) - {"HEAD"} or {"GET"}


def _fits(named: str, path: str) -> bool:
    parts, asked = named.split("/"), path.split("/")
    return len(parts) == len(asked) and all(
        part.startswith("{") or part == given for part, given in zip(parts, asked, strict=True)
    )


async def _nobody_listens(request: Request, error: Exception) -> Response:
    """The client went away while it was sending; that is no failure of the server."""
    return Response(status_code=400)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """Say that something went wrong, but not what; the log has that."""
    return _answer(ShallowsError("the server failed to answer this; its log says why"))


HANDLERS: Mapping[type[Exception], Callable[[Request, Any], Any]] = {
    ShallowsError: _refused,
    RequestValidationError: _invalid,
    HTTPException: _http_error,
    ClientDisconnect: _nobody_listens,
    Exception: _unexpected,
}
"""Which function answers which error."""
