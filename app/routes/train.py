"""Runs over REST: start, look, fetch, cancel."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response, status
from pydantic import BaseModel

from app import wire
from app.heavy import work
from app.links import server_path
from app.routes.heavy import JsonRoute, answered, here
from app.schemas import Range, TrainRequest, check_plan
from app.services import Services
from app.training.messages import Progress, Status
from app.training.run import Confusion, Model
from app.web.limits import client_of

router = APIRouter(prefix="/train", tags=["train"], route_class=JsonRoute)

EXAMPLES = {
    "defaults": {"summary": "circle with 4 tanh units", "value": {}},
    "relu": {
        "summary": "spiral with two layers of ReLU",
        "value": {
            "data": {"dataset": "spiral", "examples": 400, "noise": 0.05},
            "network": {
                "layers": [
                    {"units": 16, "activation": "relu"},
                    {"units": 8, "activation": "relu"},
                ],
                "initialization": {"scheme": "he"},
            },
            "training": {"learning_rate": 0.1, "iterations": 3000},
        },
    },
    "own": {
        "summary": "logistic regression on your own points",
        "value": {
            "data": {
                "points": [[0, 0], [0, 1], [1, 0], [1, 1]],
                "labels": [0, 0, 0, 1],
                "train_fraction": 1,
            },
            "network": {"layers": []},
            "training": {"learning_rate": 1.0, "iterations": 1000},
        },
    },
}


class RunStatus(BaseModel):
    """How far a run is."""

    id: str
    status: Status
    iteration: int
    iterations: int
    cost: float | None
    train_accuracy: float | None
    test_cost: float | None
    test_accuracy: float | None
    train_confusion: Confusion | None
    test_confusion: Confusion | None
    detail: str | None

    @classmethod
    def of(cls, run: str, progress: Progress, iterations: int) -> "RunStatus":
        """The status that REST gives."""
        words = asdict(progress)
        costs = {name: wire.finite(words[name]) for name in ("cost", "test_cost")}
        return cls(**{**words, **costs, "id": run, "iterations": iterations})


class Costs(BaseModel):
    """The cost J of every iteration; that of iteration k is computed before update k."""

    first_iteration: int
    costs: list[float]


class TrainedLayer(BaseModel):
    """The parameters of a layer, n_in × n_out and n_out; `slope` goes with leaky_relu."""

    weights: list[list[float]]
    biases: list[float]
    activation: str
    slope: float | None = None


class Trained(BaseModel):
    """A network, output layer last."""

    layers: list[TrainedLayer]


OF_THIS_RUN = {"parameters": {"run": "$response.body#/id"}}
ON_THIS_RUN = {"requestBody": {"model": "$response.body#/id", "points": [[0, 0], [5, 5]]}}
LINKS = {
    "show": {"operationId": "show_train__run__get", **OF_THIS_RUN},
    "costs": {"operationId": "costs_train__run__costs_get", **OF_THIS_RUN},
    "network": {"operationId": "network_train__run__network_get", **OF_THIS_RUN},
    "cancel": {"operationId": "cancel_train__run__cancel_post", **OF_THIS_RUN},
    "delete": {"operationId": "delete_train__run__delete", **OF_THIS_RUN},
    "predict": {"operationId": "predict_predict_post", **ON_THIS_RUN},
}
"""What can be asked of a run once it has an id, for OpenAPI."""


@router.post(
    "",
    summary="Start a run",
    status_code=status.HTTP_202_ACCEPTED,
    responses={
        202: {"links": LINKS},
        200: {
            "model": RunStatus,
            "description": "The run has ended (with `wait`)",
            "links": LINKS,
        },
    },
)
async def start(
    services: Services,
    request: Request,
    response: Response,
    body: Annotated[TrainRequest, Body(openapi_examples=EXAMPLES)],
    wait: Annotated[
        Annotated[float, Range(0, 30)] | None, Query(description="seconds to wait for its end")
    ] = None,
) -> RunStatus:
    """Everything has a default, so `{}` is a valid run."""
    plan = body.plan()
    check_plan(plan, one_run=True)
    job = await services.jobs.submit(plan, client_of(request.scope))
    response.headers["Location"] = server_path(f"/train/{job.id}")
    if wait:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(job.ended.wait(), wait)
            response.status_code = status.HTTP_200_OK
    return RunStatus.of(job.id, job.progress, job.iterations)


@router.get("/{run}", summary="How far a run is")
async def show(services: Services, run: str) -> RunStatus:
    """Status, iteration, cost and accuracy, as of now."""
    progress, iterations = await services.runs.progress(run)
    return RunStatus.of(run, progress, iterations)


@router.get("/{run}/costs", summary="The cost of every iteration", response_model=Costs)
async def costs(request: Request, services: Services, run: str) -> Response:
    """From iteration 0 up to now."""
    if (await services.runs.progress(run))[0].iteration <= work.LIGHT:
        return here(work.costs(await services.runs.costs(run)))

    async def prepare() -> Sequence[Any]:
        return (await services.runs.costs(run),)

    return await answered(request, services, "costs", prepare)


@router.get("/{run}/network", summary="The network as trained so far", response_model=Trained)
async def network(request: Request, services: Services, run: str) -> Response:
    """Weights (n_in × n_out), biases and activation of every layer, output last."""
    # What has to be read from the store waits for its turn.
    if services.runs.trains(run):
        source = await services.runs.model(run)
        if isinstance(source, Model) and source.network.parameter_count <= work.LIGHT:
            return here(work.network(source))
        del source

    async def prepare() -> Sequence[Any]:
        return (await services.runs.model(run),)

    return await answered(request, services, "network", prepare)


@router.post("/{run}/cancel", summary="End a run, and keep what it has trained")
async def cancel(services: Services, run: str) -> RunStatus:
    """Answers with its status then. A run that has ended stays as it is."""
    await services.jobs.cancel(run)
    progress, iterations = await services.runs.progress(run)
    return RunStatus.of(run, progress, iterations)


@router.delete("/{run}", summary="Forget a run", status_code=status.HTTP_204_NO_CONTENT)
async def delete(services: Services, run: str) -> None:
    """A run under way ends first. Nobody may delete a saved session."""
    await services.jobs.delete(run)
