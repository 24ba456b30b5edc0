"""What conditions are checked against: a session's first run, as its frames would tell it."""

from app import wire
from app.conditions import OWN, Facts, LayerFacts
from app.schemas import NamedData
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
