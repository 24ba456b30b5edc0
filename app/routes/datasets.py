"""The named datasets and their points."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

import nncore
from app import wire
from app.errors import NotFound
from app.schemas import Examples, Model, Noise, Seed

router = APIRouter(tags=["datasets"])


class DrawQuery(Model):
    """How to draw points. From a URL everything is a text, so this one schema is not strict."""

    model_config = ConfigDict(strict=False)

    examples: Examples = Field(200, description="how many points")
    noise: Noise = Field(0.1, description="0 is clean")
    seed: Seed = 0


@router.get("/datasets", summary="The datasets")
async def list_datasets() -> dict[str, Any]:
    """Their names, a line about each, and the parameters they take."""
    parameters = DrawQuery.model_json_schema()["properties"]
    return {
        "datasets": [
            {
                "name": name,
                "description": dataset.description,
                "task": dataset.task,
                "parameters": parameters,
            }
            for name, dataset in nncore.DATASETS.items()
        ]
    }


@router.get("/datasets/{name}", summary="The points of a dataset")
def draw_dataset(name: str, query: Annotated[DrawQuery, Query()]) -> dict[str, Any]:
    """Points and labels, one row per example; the same query draws the same points."""
    dataset = nncore.DATASETS.get(name)
    if dataset is None:
        raise NotFound(f"there is no dataset {name!r:.80}; there are {', '.join(nncore.DATASETS)}")
    X, Y = dataset(query.examples, query.noise, np.random.default_rng(query.seed))
    return {
        "name": name,
        **query.model_dump(),
        "points": wire.rows(X),
        "labels": wire.labels(Y, dataset.task),
    }
