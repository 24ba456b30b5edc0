"""Predictions of a run's network."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel

from app.heavy import work
from app.routes.heavy import JsonRoute, answered, here
from app.schemas import PredictRequest
from app.services import Services
from app.training.run import Model

router = APIRouter(tags=["predict"], route_class=JsonRoute)

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


@router.post("/predict", summary="Predict", response_model=Predictions)
async def predict(
    request: Request,
    services: Services,
    body: Annotated[PredictRequest, Body(openapi_examples=EXAMPLES)],
) -> Response:
    """The probability that y = 1, and the label: 1 from a probability of 0.5 on."""
    relay = services.relay
    if relay is not None and not services.runs.trains(body.model):
        answer = await relay.answer("job", body.model, request)
        if answer is not None:
            return answer
    # What has to be read from the store waits for its turn.
    if services.runs.trains(body.model) and len(body.points) <= work.LIGHT // 10:
        source = await services.runs.model(body.model)
        units = sum(source.network.layer_sizes) if isinstance(source, Model) else work.LIGHT
        if units * len(body.points) <= work.LIGHT:
            return here(work.predict(source, body))
        del source

    async def prepare() -> Sequence[Any]:
        return await services.runs.model(body.model), body

    return await answered(request, services, "predict", prepare)
