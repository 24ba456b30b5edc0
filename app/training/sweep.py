"""A seed sweep: one run of a session from many initialisations at once.

Pure and synchronous, as sessions are; the host trains it a little at a time beside everything
else. What if it is too large: it is refused before it begins.
"""

import math
from typing import Any

import numpy as np

import nncore
from app import wire
from app.errors import InvalidField, TooMuch
from app.schemas import Sweep, View
from app.training.run import Score, initial_network
from app.training.session import Session

MOST_SAMPLES = 200
MOST_WORK = 50_000_000
"""seeds × (parameters + units) × examples: one iteration never takes long."""
MOST_WORK_IN_ALL = 4_000_000_000
SOLVED_ACCURACY = 0.95
SOLVED_COST = 0.01
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the seeds' costs at every sampled iteration: the fan of their curves."""


class SeedSweep:
    """Trains one network from many initialisations, and keeps thinned cost curves.

    Raises:
        InvalidField: there is no such run, or it can't be judged so.
        TooMuch: it would take too long.
    """

    def __init__(self, session: Session, message: Sweep) -> None:
        session.check_run(message.run)
        run, examples = session.runs[message.run], session.examples
        regression = examples.task == "regression"
        if message.accuracy is not None and (regression or message.cost is not None):
            why = "a regression has no classes" if regression else "give accuracy or cost, not both"
            raise InvalidField(f"accuracy must be left out: {why}", "accuracy")
        training = run.plan.training
        self.message = message
        self.iterations = message.iterations or min(training.iterations, 20_000)
        self._check_work(run.initial, examples.train.size, training.batch_size)
        self.accuracy, self.cost = message.accuracy, message.cost
        if self.accuracy is None and self.cost is None:
            self.accuracy = None if regression else SOLVED_ACCURACY
            self.cost = SOLVED_COST if regression else None
        self.seeds = range(message.first_seed, message.first_seed + message.seeds)
        plan, network = run.plan, run.plan.network
        networks = []
        for seed in self.seeds:
            start = network.initialization.model_copy(update={"seed": seed})
            drawn = network.model_copy(update={"parameters": None, "initialization": start})
            networks.append(initial_network(plan.model_copy(update={"network": drawn}), examples))
        self._examples = examples
        self._trainer = nncore.StackedTrainer(
            networks,
            examples.X[:, examples.train],
            examples.Y[:, examples.train],
            learning_rate=run.trainer.learning_rate,
            optimizer=training.optimizer,
            batch_size=training.batch_size,
            batch_seed=training.seed,
            l1=run.trainer.l1,
            l2=run.trainer.l2,
        )
        self._every = math.ceil(self.iterations / (MOST_SAMPLES - 1))
        self._sampled = [0]
        self._costs = [self._trainer.cost()]
        self._iteration = 0
        self.reported_at = -math.inf
        """When its progress was last reported."""

    def _check_work(self, network: nncore.Network, m: int, batch_size: int | None) -> None:
        sizes = network.layer_sizes
        work = self.message.seeds * (network.parameter_count + sum(sizes)) * min(m, batch_size or m)
        if work > MOST_WORK:
            raise TooMuch(
                f"seeds × (parameters + units) × examples may be at most {MOST_WORK:,}; "
                f"this has {work:,}: use fewer seeds, units or examples",
                "seeds",
            )
        if work * self.iterations > MOST_WORK_IN_ALL:
            raise TooMuch(
                f"{self.iterations:,} iterations of so many networks would hold up the class; "
                f"at most {MOST_WORK_IN_ALL // work:,} can be had of these",
                "iterations",
            )

    @property
    def left(self) -> int:
        """How many iterations are to come."""
        return self.iterations - self._iteration

    def advance(self) -> None:
        """Train on to the next sample of the cost curves."""
        n = min(self._every, self.left)
        if not n:
            return
        self._trainer.step(n)
        self._iteration += n
        J = self._trainer.cost()
        J[[diverged is not None for diverged in self._trainer.diverged]] = np.nan
        self._sampled.append(self._iteration)
        self._costs.append(J)

    @property
    def progress(self) -> dict[str, Any]:
        """The `sweeping` message."""
        return {
            "type": "sweeping",
            "run": self.message.run,
            "iteration": self._iteration,
            "iterations": self.iterations,
        }

    def result(self, view: View) -> dict[str, Any]:
        """The `swept` message; the mean boundary is of the view's part of the plane."""
        networks, diverged = self._trainer.networks, self._trainer.diverged
        costs = np.array(self._costs).T
        seeds = [
            self._seed(seed, network, costs[e], diverged[e])
            for e, (seed, network) in enumerate(zip(self.seeds, networks, strict=True))
        ]
        count = sum(seed["solved"] for seed in seeds)
        finite = [n for n, gone in zip(networks, diverged, strict=True) if gone is None]
        features = self._examples.features
        return {
            "type": "swept",
            "run": self.message.run,
            "iterations": self.iterations,
            "sampled": self._sampled,
            "seeds": seeds,
            "quantiles": {"levels": list(QUANTILES), "costs": _quantiles(costs)},
            "solved": {
                "accuracy": self.accuracy,
                "cost": self.cost,
                "count": count,
                "share": count / len(seeds),
            },
            "boundary": wire.mean_boundary(finite, view, features, self._examples.scale)
            if finite and features is not None
            else None,
        }

    def _seed(
        self, seed: int, network: nncore.Network, costs: Any, diverged: nncore.Divergence | None
    ) -> dict[str, Any]:
        score = None if diverged else Score.of(network, self._examples)
        if score is None:
            solved = False
        elif self.accuracy is not None:
            solved = score.train_accuracy is not None and score.train_accuracy >= self.accuracy
        else:
            solved = self.cost is not None and score.train_cost <= self.cost
        return {
            "seed": seed,
            "costs": _finite_costs(costs),
            "cost": score and score.train_cost,
            "train_accuracy": score and score.train_accuracy,
            "test_accuracy": score and score.test_accuracy,
            "solved": solved,
            "diverged": diverged and diverged.iteration,
        }


def _finite_costs(costs: Any) -> list[float | None]:
    """Costs to five digits; what is not finite is null."""
    return [float(f"{J:.5g}") if np.isfinite(J) else None for J in costs]


def _quantiles(costs: Any) -> list[list[float | None]]:
    """A curve for each level, over the seeds that are finite there; costs is seeds × samples."""
    there = [J[np.isfinite(J)] for J in costs.T]
    none = np.full(len(QUANTILES), np.nan)
    columns = [np.quantile(J, QUANTILES) if J.size else none for J in there]
    return [_finite_costs(curve) for curve in np.transpose(columns)]
