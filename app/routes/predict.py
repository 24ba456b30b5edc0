"""Predictions of a run's network."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Body
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from app import wire
from app.errors import InvalidField
from app.schemas import PredictRequest
from app.services import Services

router = APIRouter(tags=["predict"])

EXAMPLES = {
    "two points": {
        "summary": "the middle and the rim of circle; put in the id of a run of yours",
        "value": {"model": "…", "points": [[0, 0], [5, 5]]},
    }
}


class Predictions(BaseModel):
    """One entry for each point; a regression has values instead of probabilities and labels."""

    probabilities: list[float] | None = None
    labels: list[int] | None = None
    values: list[float] | None = None


@router.post("/predict", summary="Predict", response_model_exclude_none=True)
async def predict(
    services: Services, request: Annotated[PredictRequest, Body(openapi_examples=EXAMPLES)]
) -> Predictions:
    """The probability that y = 1, and the label: 1 from a probability of 0.5 on."""
    model = await services.jobs.model(request.model)
    for index, point in enumerate(request.points):
        if len(point) != model.point_size:
            raise InvalidField(
                f"points.{index} has {len(point)} numbers; "
                f"the points of this run have {model.point_size}",
                f"points.{index}",
            )
    Y_hat = await run_in_threadpool(model.predict, wire.columns(request.points))
    if (beyond := np.flatnonzero(~np.isfinite(Y_hat))).size:
        field = f"points.{beyond[0]}"
        raise InvalidField(
            f"{field} leads to numbers too large to compute with, as the weights of this run are "
            "those of one about to diverge: take a point nearer to 0, or a run with a smaller "
            "learning_rate",
            field,
        )
    told = Y_hat.ravel().tolist()
    if model.task == "regression":
        return Predictions(values=told)
    return Predictions(probabilities=told, labels=(Y_hat >= 0.5).ravel().astype(int).tolist())
