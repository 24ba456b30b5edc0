"""What the server finds of conditions on real sessions, for the page's own code to find the same.

Prints, as JSON, the page's catalogue, where quantities are found, and sessions as frames and plans
tell them: each with conditions on every quantity that the server can see, and whether it says that
they hold.
"""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from app import wire
from app.conditions import (
    COMPARISONS,
    QUANTITIES,
    Condition,
    Facts,
    check_condition,
    holds,
)
from app.content.catalogue import catalogue
from app.errors import InvalidField
from app.schemas import Edit, Plan, Set, View
from app.training.facts import facts_of
from app.training.session import Session

Json = dict[str, Any]
RELU = {"layers": [{"units": 3, "activation": "relu"}, {"units": 2, "activation": "tanh"}]}
OWN = {"points": [[0, 1], [1, 0], [2, 2], [3, 1]], "labels": [0, 1, 0, 1], "train_fraction": 1}
SESSIONS: list[tuple[Json, Json, Json, int]] = [
    # data, network, training, iterations trained
    ({}, {}, {}, 0),
    ({"dataset": "xor"}, RELU, {"optimizer": "adam", "learning_rate": 0.05}, 150),
    ({"train_fraction": 1}, {"layers": []}, {"stop": {"cost": 0.7}}, 5),
    ({"dataset": "plane"}, {"initialization": {"scheme": "he"}}, {"learning_rate": 0.01}, 30),
    ({"dataset": "bumps"}, {"layers": [{"activation": "linear"}]}, {"learning_rate": 100}, 400),
    (OWN, {"layers": [{"activation": "leaky_relu", "slope": 0.2}]}, {"iterations": 20}, 40),
    ({}, {"initialization": {"scheme": "zeros"}}, {"stop": {"patience": 3}}, 50),
    ({"dataset": "gauss"}, {}, {"stop": {"accuracy": 0.9}}, 500),
]
NEAR = (-1.0, 0.0, 1e-9, 0.01, 0.3, 0.5, 0.95, 1.0, 2.0, 3.0, 4.0, 100.0)


def conditions(facts: Facts) -> Iterator[Json]:
    """Every quantity, compared in every way with what it is, what is near, and what it could be."""
    for name, quantity in QUANTITIES.items():
        if quantity.of == "done":
            continue
        for comparison, layer in product(COMPARISONS, (None, 1, 2, 3, 4)):
            is_so = [value for value in quantity.read(facts, layer) if value is not None]
            for value in dict.fromkeys([*is_so, *NEAR, *quantity.values]):
                words = {"quantity": name, "layer": layer, comparison: value}
                yield {key: word for key, word in words.items() if word is not None}


def case(data: Json, network: Json, training: Json, iterations: int) -> Json:
    """A session after some training, at another rate than planned, and edited."""
    plan = Plan.model_validate({"data": data, "runs": [{"network": network, "training": training}]})
    session = Session(plan)
    rate = training.get("learning_rate", 0.5) / 2
    session.set(Set(type="set", learning_rate=rate))
    session.edit(Edit(type="edit", layer=1, unit=0, input=None, value=0.125))
    session.advance(iterations)
    frame = wire.unpack(wire.pack(session.frame(0, 0, View(), diagnostics=True), "plain"))
    facts = facts_of(session, diagnosed=True)
    asked = []
    for words in conditions(facts):
        try:
            condition = Condition.model_validate(words)
            check_condition(condition)
        except (InvalidField, ValueError):
            continue
        asked.append([words, holds(condition, facts)])
    run = {
        key: frame["runs"][0][key] for key in frame["runs"][0] if key not in ("costs", "boundary")
    }
    return {
        "spec": {"data": data, "network": network, "training": training},
        "rate": rate,
        "picture": {"iteration": frame["iteration"], "run": run},
        "ending": session.ended and session.ended[0],
        "asked": asked,
    }


if __name__ == "__main__":
    of = {name: quantity.of for name, quantity in QUANTITIES.items()}
    cases = [case(*each) for each in SESSIONS]
    print(json.dumps({"catalogue": catalogue(), "quantities": of, "cases": cases}))  # noqa: T201
