"""The named datasets and their points."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

import nncore
from app.errors import InvalidField, NotFound
from app.heavy import work
from app.routes.heavy import answered, given, here
from app.schemas import ExampleCount, FromUrl, LabelFlips, Noise, Seed, Task
from app.services import Services

router = APIRouter(tags=["datasets"])

DatasetPath = Annotated[str, Path(json_schema_extra={"enum": list(nncore.DATASETS)})]
"""A name that is not in the table is not found (404), rather than invalid (422)."""


class DrawQuery(FromUrl):
    """How to draw points."""

    examples: ExampleCount = Field(200, description="how many points")
    noise: Noise = Field(0.1, description="0 is clean")
    label_flips: LabelFlips = 0.0
    seed: Seed = 0


class Dataset(BaseModel):
    """One of the named datasets, and how its points can be drawn."""

    name: str
    description: str
    task: Task
    parameters: dict[str, dict[str, Any]]


class Datasets(BaseModel):
    """All named datasets."""

    datasets: list[Dataset]


class Drawn(BaseModel):
    """Points of a dataset, and how they were drawn."""

    name: str
    examples: int
    noise: float
    label_flips: float
    seed: int
    points: list[list[float]]
    labels: list[int] | list[float]


@router.get("/datasets", summary="The datasets")
async def list_datasets() -> Datasets:
    """Their names, a line about each, and the parameters they take."""
    parameters = DrawQuery.model_json_schema()["properties"]
    return Datasets(
        datasets=[
            Dataset(
                name=name,
                description=dataset.description,
                task=dataset.task,
                parameters=parameters,
            )
            for name, dataset in nncore.DATASETS.items()
        ]
    )


@router.get("/datasets/{name}", summary="The points of a dataset", response_model=Drawn)
async def draw_dataset(
    request: Request, services: Services, name: DatasetPath, query: Annotated[DrawQuery, Query()]
) -> Response:
    """Points and labels, one row per example; the same query draws the same points."""
    if name not in nncore.DATASETS:
        raise NotFound(f"there is no dataset {name!r:.80}; there are {', '.join(nncore.DATASETS)}")
    if query.label_flips and nncore.DATASETS[name].task == "regression":
        raise InvalidField(f"label_flips must be 0 for {name}, which has no classes", "label_flips")
    drawn = name, query.examples, query.noise, query.label_flips, query.seed
    if 3 * query.examples <= work.LIGHT:
        return here(work.dataset(*drawn))
    return await answered(request, services, "dataset", given(*drawn))
