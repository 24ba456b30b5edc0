"""Predictions of a run's network."""

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

import nncore
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
    """One entry for each point."""

    probabilities: list[float]
    labels: list[int]


@router.post("/predict", summary="Predict")
async def predict(
    services: Services, request: Annotated[PredictRequest, Body(openapi_examples=EXAMPLES)]
) -> Predictions:
    """The probability that y = 1, and the label: 1 from a probability of 0.5 on."""
    network = await services.jobs.network(request.model)
    inputs = network.layers[0].W.shape[0]
    for index, point in enumerate(request.points):
        if len(point) != inputs:
            raise InvalidField(
                f"points.{index} has {len(point)} numbers; this network has {inputs} inputs",
                f"points.{index}",
            )
    Y_hat = await run_in_threadpool(nncore.predict, network, wire.columns(request.points))
    return Predictions(probabilities=Y_hat.ravel().tolist(), labels=wire.labels(Y_hat >= 0.5))
