"""Shallow neural networks as in the lecture: NumPy in, NumPy out."""

from nncore.activations import ACTIVATIONS, Activation, leaky_relu
from nncore.boundary import Grid, GridEvaluator, boundary, unit_maps
from nncore.costs import LOSSES, Loss
from nncore.datasets import DATASETS, Dataset
from nncore.diagnostics import LayerDiagnostics, diagnose, unit_lines
from nncore.features import FEATURES, featurize
from nncore.gradient_check import gradient_check
from nncore.initializers import INITIALIZERS, initialize
from nncore.network import (
    ForwardPass,
    Gradients,
    Layer,
    Network,
    accuracy,
    backward,
    cost,
    forward,
    predict,
)
from nncore.optimizers import OPTIMIZERS, Optimizer
from nncore.stacked import StackedTrainer
from nncore.trainer import Divergence, Trainer

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "FEATURES",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "Activation",
    "Dataset",
    "Divergence",
    "ForwardPass",
    "Gradients",
    "Grid",
    "GridEvaluator",
    "Layer",
    "LayerDiagnostics",
    "Loss",
    "Network",
    "Optimizer",
    "StackedTrainer",
    "Trainer",
    "accuracy",
    "backward",
    "boundary",
    "cost",
    "diagnose",
    "featurize",
    "forward",
    "gradient_check",
    "initialize",
    "leaky_relu",
    "predict",
    "unit_lines",
    "unit_maps",
]
