"""The activations' curves, from nncore: the page computes no g and no g′ of its own."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

import nncore
from app.errors import InvalidField, NotFound
from app.schemas import FromUrl, Range

router = APIRouter(tags=["lecture"])

ActivationPath = Annotated[str, Path(json_schema_extra={"enum": list(nncore.ACTIVATIONS)})]
"""A name that is not in the table is not found (404), rather than invalid (422)."""

STEPS = 240
"""From one end to the other. Even, so that the kink at 0 is one of the places."""


class CurveQuery(FromUrl):
    """How far to draw."""

    reach: Annotated[float, Range(0, 1e6, above=True)] = Field(
        4, description="z goes from −reach to reach"
    )
    slope: Annotated[float, Range(0, 1)] | None = Field(
        None, description="of leaky_relu below zero"
    )


class Curve(BaseModel):
    """g and g′ at each z; `slope` is that of leaky_relu."""

    name: str
    slope: float | None
    z: list[float]
    g: list[float]
    g_prime: list[float]


@router.get("/activations/{name}", summary="The curve of an activation and its derivative")
def draw_activation(name: ActivationPath, query: Annotated[CurveQuery, Query()]) -> Curve:
    """g and g′ at 241 places z, to four decimals; both ends and 0 are among them."""
    activation = nncore.ACTIVATIONS.get(name)
    if activation is None:
        known = ", ".join(nncore.ACTIVATIONS)
        raise NotFound(f"there is no activation {name!r:.80}; there are {known}")
    if query.slope is not None:
        if activation.slope is None:
            raise InvalidField(f"slope goes with leaky_relu only, not with {name}", "slope")
        activation = nncore.leaky_relu(query.slope)
    z = np.linspace(-query.reach, query.reach, STEPS + 1)
    return Curve(
        name=name,
        slope=activation.slope,
        z=z.tolist(),
        g=activation.g(z).round(4).tolist(),
        g_prime=activation.g_prime(z).round(4).tolist(),
    )
