"""What needs no session: a calculation by hand compared with ours, and a layer timed two ways."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel

from app.errors import TooMuch
from app.routes.heavy import JsonRoute, answered, given
from app.schemas import CheckRequest, VectorizingRequest
from app.services import Services

router = APIRouter(tags=["lecture"], route_class=JsonRoute)

MOST_MULTIPLICATIONS = 1_000_000

EXAMPLES = {
    "by hand": {
        "summary": "one unit, two points, and a gradient that was not divided by m",
        "value": {
            "layers": [{"weights": [[0.5], [-0.25]], "biases": [0]}],
            "points": [[1, 2], [3, 2]],
            "labels": [1, 0],
            "claimed": {"gradients": [{"weights": [[1.6932], [0.4621]], "biases": [0.2311]}]},
        },
    }
}


@router.post("/check", summary="Which of my numbers differs first?", response_model=dict[str, Any])
async def check(
    request: Request,
    services: Services,
    body: Annotated[CheckRequest, Body(openapi_examples=EXAMPLES)],
) -> Response:
    """Compares Z, A, J, dW and db, as far as they are claimed, in the lecture's order."""
    return await answered(request, services, "check", given(body))


class Timing(BaseModel):
    """The same Z computed twice; seconds are the best of a few."""

    examples: int
    inputs: int
    units: int
    loop_seconds: float
    product_seconds: float
    ratio: float
    equal: bool


@router.post("/vectorizing", summary="A loop against a matrix product", response_model=Timing)
async def vectorizing(request: Request, services: Services, body: VectorizingRequest) -> Response:
    """Z = W.T X + b of random numbers, by loops in Python and as one product, timed."""
    work = body.examples * body.inputs * body.units
    if work > MOST_MULTIPLICATIONS:
        raise TooMuch(
            f"examples × inputs × units may be at most {MOST_MULTIPLICATIONS:,}; this is {work:,}",
            "examples",
        )
    return await answered(request, services, "vectorizing", given(body))
