"""Shallow neural networks as in the lecture: NumPy in, NumPy out."""

from nncore.activations import ACTIVATIONS, Activation, leaky_relu
from nncore.claims import Claims, Mismatch, Verdict, compare
from nncore.costs import LOSSES, Loss
from nncore.datasets import DATASETS, Dataset
from nncore.diagnostics import LayerDiagnostics, diagnose
from nncore.differences import (
    Agreement,
    Differences,
    agreement,
    central_differences,
    gradient_check,
)
from nncore.fast.grid import Grid, GridEvaluator, boundary
from nncore.fast.stacked import StackedTrainer
from nncore.fast.trainer import Divergence, Trainer
from nncore.features import FEATURES, featurize
from nncore.initializers import INITIALIZERS, initialize
from nncore.inspection import Inspection, inspect
from nncore.network import (
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
from nncore.optimizers import OPTIMIZERS, Optimizer
from nncore.stopping import Stop, Stopped
from nncore.vectorizing import by_loop, by_product

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "FEATURES",
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
    "forward",
    "gradient_check",
    "initialize",
    "inspect",
    "leaky_relu",
    "losses",
    "predict",
]
