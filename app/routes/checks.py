"""Without a session: a calculation by hand compared with ours, and a layer timed two ways."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body
from pydantic import BaseModel

import nncore
from app.errors import TooMuch
from app.schemas import CheckRequest, VectorizingRequest
from app.training import microscope

router = APIRouter(tags=["lecture"])

MOST_MULTIPLICATIONS = 1_000_000
BEST_OF = 3

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


@router.post("/check", summary="Which of my numbers differs first?")
def check(request: Annotated[CheckRequest, Body(openapi_examples=EXAMPLES)]) -> dict[str, Any]:
    """Compares Z, A, J, dW and db, as far as they are claimed, in the lecture's order."""
    return microscope.check(request)


class Timing(BaseModel):
    """The same Z computed twice; seconds are the best of a few."""

    examples: int
    inputs: int
    units: int
    loop_seconds: float
    product_seconds: float
    ratio: float
    equal: bool


@router.post("/vectorizing", summary="A loop against a matrix product")
def vectorizing(request: VectorizingRequest) -> Timing:
    """Z = W.T X + b of random numbers, by loops in Python and as one product, timed."""
    work = request.examples * request.inputs * request.units
    if work > MOST_MULTIPLICATIONS:
        raise TooMuch(
            f"examples × inputs × units may be at most {MOST_MULTIPLICATIONS:,}; this is {work:,}",
            "examples",
        )
    rng = np.random.default_rng(0)
    W = rng.normal(size=(request.inputs, request.units))
    b = rng.normal(size=(request.units, 1))
    X = rng.normal(size=(request.inputs, request.examples))
    loop, loop_seconds = _timed(lambda: nncore.by_loop(W, b, X))
    product, product_seconds = _timed(lambda: nncore.by_product(W, b, X))
    return Timing(
        **request.model_dump(),
        loop_seconds=loop_seconds,
        product_seconds=product_seconds,
        ratio=loop_seconds / product_seconds,
        equal=bool(np.allclose(loop, product, rtol=1e-9, atol=1e-9)),
    )


def _timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    best = np.inf
    for _ in range(BEST_OF):
        start = time.perf_counter()
        result = compute()
        best = min(best, time.perf_counter() - start)
    return result, max(float(best), 1e-9)
