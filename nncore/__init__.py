"""Shallow neural networks as in the lecture: NumPy in, NumPy out.

Read `network.py` first: a network, forward propagation, J and back propagation, line for line.
Then follow, as in the lecture:

- `activations.py`: g and g′, side by side.
- `costs.py`: the losses, and why dZ[L] = A[L] − Y.
- `initializers.py`: the first weights.
- `optimizers.py`: from the gradient to the update.
- `vectorizing.py`: why one column per example.
- `datasets.py`, `features.py`: examples, and what a network is given of each.

One iteration, looked at closely:

- `differences.py`: back propagation against central differences.
- `inspection.py`: all numbers of one iteration.
- `claims.py`: a calculation by hand against these.
- `diagnostics.py`: why a network does not learn.

Many iterations:

- `stopping.py`: when to stop.
- `fast/engine.py`: the equations again, without new arrays. It stands on `fast/batches.py` and
  `fast/kernels.py`.
- `fast/trainer.py`: training one network. `fast/stacked.py`: many of one shape.
- `fast/grid.py`: the network's output over the plane. `fast/lines.py`: the lines in it.
- `estimator.py`: the trainer as scikit-learn's estimators. `import nncore` leaves it out.
"""

from .activations import ACTIVATIONS, Activation, leaky_relu
from .claims import Claims, Mismatch, Verdict, compare
from .costs import LOSSES, Loss
from .datasets import DATASETS, Dataset
from .diagnostics import LayerDiagnostics, diagnose
from .differences import (
    Agreement,
    Differences,
    agreement,
    central_differences,
    gradient_check,
)
from .fast.grid import Grid, GridEvaluator, boundary
from .fast.lines import FINE, Lines, find_lines
from .fast.stacked import StackedTrainer
from .fast.trainer import Divergence, Trainer
from .features import FEATURES, featurize
from .initializers import INITIALIZERS, initialize
from .inspection import Inspection, inspect
from .network import (
    ForwardPass,
    Gradients,
    Layer,
    Network,
    accuracy,
    backward,
    cost,
    forward,
    losses,
    predict,
)
from .optimizers import OPTIMIZERS, Optimizer
from .stopping import Stop, Stopped
from .vectorizing import by_loop, by_product

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "FEATURES",
    "FINE",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "Activation",
    "Agreement",
    "Claims",
    "Dataset",
    "Differences",
    "Divergence",
    "ForwardPass",
    "Gradients",
    "Grid",
    "GridEvaluator",
    "Inspection",
    "Layer",
    "LayerDiagnostics",
    "Lines",
    "Loss",
    "Mismatch",
    "Network",
    "Optimizer",
    "StackedTrainer",
    "Stop",
    "Stopped",
    "Trainer",
    "Verdict",
    "accuracy",
    "agreement",
    "backward",
    "boundary",
    "by_loop",
    "by_product",
    "central_differences",
    "compare",
    "cost",
    "diagnose",
    "featurize",
    "find_lines",
    "forward",
    "gradient_check",
    "initialize",
    "inspect",
    "leaky_relu",
    "losses",
    "predict",
]
