"""What a class is told of a session's first run: facts, as frames tell them, and its setup."""

from dataclasses import asdict
from typing import Any

from app import wire
from app.conditions import OWN, Facts, LayerFacts
from app.schemas import NamedData, OwnData
from app.training.run import Edited
from app.training.session import Session


def facts_of(session: Session, *, diagnosed: bool = False) -> Facts:
    """The facts of now.

    Args:
        diagnosed: Whether some condition needs diagnostics, which cost about an iteration.
    """
    run, data = session.runs[0], session.plan.data
    network, score, ended = run.plan.network, run.score, session.ended
    looks = [wire.diagnostics(look) for look in run.trainer.diagnose()] if diagnosed else []
    return Facts(
        iteration=session.iteration,
        train_cost=wire.capped(score.train_cost),
        test_cost=wire.capped(score.test_cost),
        train_accuracy=score.train_accuracy,
        test_accuracy=score.test_accuracy,
        ended=ended and ended[0],
        dataset=data.dataset if isinstance(data, NamedData) else OWN,
        layers=tuple((layer.units, layer.activation) for layer in network.layers),
        scheme=network.initialization.scheme,
        scale=network.initialization.scale,
        learning_rate=run.trainer.learning_rate,
        optimizer=run.plan.training.optimizer,
        diagnostics=tuple(
            LayerFacts(
                look["saturated"],
                len(look["dead"]),
                look["nonpositive"],
                look["mean"],
                look["gradient_norm"],
            )
            for look in looks
        ),
        points=session.plan.points_key,
        given=network.parameters is not None,
        edited=any(isinstance(change.value, Edited) for change in session.made(0)),
    )


MOST_OWN_POINTS = 400


def setup_of(session: Session) -> dict[str, Any]:
    """How it is set up, in the words of `POST /train`, with the rates and conditions of now.

    Given parameters are left out (`given` says so), and so are own points if they are many.
    """
    run, data = session.runs[0], session.plan.data
    many = isinstance(data, OwnData) and len(data.points) > MOST_OWN_POINTS
    left_out = {"points", "labels"} if many else set()
    plan = run.plan
    setup: dict[str, Any] = {
        "data": data.model_dump(mode="json", exclude=left_out),
        "network": plan.network.model_dump(mode="json", exclude={"parameters"}),
        "training": plan.training.model_dump(mode="json")
        | run.settings
        | {"stop": asdict(run.trainer.stop)},
    }
    return setup if plan.network.parameters is None else {**setup, "given": True}
