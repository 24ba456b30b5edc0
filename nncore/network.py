"""Read this first. The lecture's equations, line for line: a network, forward, J and backward.

`l` counts the layers from 1 to L; `n[l]` is the number of units of layer l and n[0] the number of
inputs. One **column** is one example, and there are m of them.

| symbol          | shape         |
|-----------------|---------------|
| X = A[0]        | n[0] × m      |
| W[l]            | n[l-1] × n[l] |
| b[l]            | n[l] × 1      |
| Z[l], A[l]      | n[l] × m      |
| Y, Ŷ = A[L]     | n[L] × m      |

`fast/` computes the same; the tests hold the two equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .activations import Activation, FloatArray
from .costs import loss_for


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: a = g(W.T a_in + b). Its arrays are read-only copies.

    Attributes:
        W: Weights, n_in × n_out: one column per unit.
        b: Biases, n_out × 1.
        activation: g of this layer.

    Raises:
        ValueError: If W is not two-dimensional and non-empty, or b is not n_out × 1.
    """

    W: FloatArray
    b: FloatArray
    activation: Activation

    def __init__(self, W: ArrayLike, b: ArrayLike, activation: Activation) -> None:
        W, b = _read_only(W), _read_only(b)
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(f"W must be n_in × n_out with at least one of each, not {W.shape}")
        if b.shape != (W.shape[1], 1):
            raise ValueError(
                f"b must be n_out × 1 = {(W.shape[1], 1)} beside a W of {W.shape}, not {b.shape}"
            )
        if not isinstance(activation, Activation):
            raise TypeError(
                f"activation must be an Activation, such as ACTIVATIONS['tanh'], not {activation!r}"
            )
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "b", b)
        object.__setattr__(self, "activation", activation)


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in a row; the last one is the output layer.

    Attributes:
        layers: Layer 1 to L, as a tuple.

    Raises:
        ValueError: If there is no layer, or a layer's inputs are not the units of the one before.
    """

    layers: tuple[Layer, ...]

    def __init__(self, layers: Iterable[Layer]) -> None:
        object.__setattr__(self, "layers", tuple(layers))
        if not self.layers:
            raise ValueError("a network needs at least one layer")
        for number, (before, layer) in enumerate(pairwise(self.layers), start=2):
            if layer.W.shape[0] != before.W.shape[1]:
                raise ValueError(
                    f"W[{number}] has {layer.W.shape[0]} rows, but layer {number - 1} "
                    f"has {before.W.shape[1]} units"
                )

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """n[0], n[1], …, n[L]."""
        return (self.layers[0].W.shape[0], *(layer.W.shape[1] for layer in self.layers))

    @property
    def parameter_count(self) -> int:
        """How many weights and biases there are."""
        return sum(layer.W.size + layer.b.size for layer in self.layers)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """g[1], …, g[L]."""
        return tuple(layer.activation for layer in self.layers)


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What forward propagation computed.

    Attributes:
        Z: Z[1], …, Z[L], each n[l] × m; `Z[-1]` are the logits.
        A: A[0], …, A[L], each n[l] × m; `A[0]` is X and `A[-1]` is Ŷ.
    """

    Z: tuple[FloatArray, ...]
    A: tuple[FloatArray, ...]


@dataclass(frozen=True, eq=False)
class Gradients:
    """What back propagation computed, in the order of the layers.

    Attributes:
        dZ: dZ[1], …, dZ[L], each n[l] × m, one column per example (not divided by m).
        dW: dW[1], …, dW[L], each n[l-1] × n[l], the mean over the examples.
        db: db[1], …, db[L], each n[l] × 1, the mean over the examples.
    """

    dZ: tuple[FloatArray, ...]
    dW: tuple[FloatArray, ...]
    db: tuple[FloatArray, ...]


def forward(network: Network, X: ArrayLike) -> ForwardPass:
    """Forward propagation: Z[l] = W[l].T A[l-1] + b[l], A[l] = g[l](Z[l]).

    Args:
        network: Any network.
        X: n[0] × m, one column per example.

    Raises:
        ValueError: If X is not n[0] × m.
    """
    A = [columns("X", X, rows=network.layer_sizes[0])]
    Z = []
    for layer in network.layers:
        Z.append(layer.W.T @ A[-1] + layer.b)
        A.append(layer.activation.g(Z[-1]))
    return ForwardPass(tuple(Z), tuple(A))


def cost(network: Network, forward_pass: ForwardPass, Y: ArrayLike) -> float:
    """J, the mean over the examples of the loss of the network's output activation.

    For a sigmoid output J = −(1/m) Σ [ y log a + (1 − y) log(1 − a) ], computed from the logits
    Z[L] rather than from A[L], so that it is exact and never overflows; for a linear output
    J = (1/m) Σ ½ (a − y)².

    Args:
        network: The network that made the forward pass.
        forward_pass: Of the m examples.
        Y: n[L] × m.

    Raises:
        ValueError: If Y is not n[L] × m, or no loss goes with the output activation.
    """
    each = losses(network, forward_pass, Y)
    return float(np.sum(each) / each.shape[1])


def losses(network: Network, forward_pass: ForwardPass, Y: ArrayLike) -> FloatArray:
    """The loss of each output unit and example, n[L] × m, from the logits; J is their mean.

    Args:
        network: The network that made the forward pass.
        forward_pass: Of the m examples.
        Y: n[L] × m.

    Raises:
        ValueError: If Y is not n[L] × m, or no loss goes with the output activation.
    """
    Z = forward_pass.Z[-1]
    Y = columns("Y", Y, rows=Z.shape[0], columns=Z.shape[1])
    return loss_for(network.layers[-1].activation).of_logits(Z, Y)


def backward(network: Network, forward_pass: ForwardPass, Y: ArrayLike) -> Gradients:
    """Back propagation: the derivatives of the loss by Z, and of J by W and b.

    dZ[L] = A[L] − Y, which `costs.LOSSES` justifies for each output activation; then, going back,
    dZ[l] = (W[l+1] dZ[l+1]) * g[l]′(Z[l]), dW[l] = (1/m) A[l-1] dZ[l].T, and db[l] is the mean of
    each row of dZ[l].

    Args:
        network: The network that made the forward pass.
        forward_pass: Of the m examples.
        Y: n[L] × m.

    Raises:
        ValueError: If Y is not n[L] × m, or no loss goes with the output activation.
    """
    layers, Z, A = network.layers, forward_pass.Z, forward_pass.A
    loss_for(layers[-1].activation)
    Y = columns("Y", Y, rows=A[-1].shape[0], columns=A[-1].shape[1])
    m = Y.shape[1]
    dZ = [A[-1] - Y]
    for layer, above, Z_l in reversed(list(zip(layers, layers[1:], Z, strict=False))):
        dZ.insert(0, (above.W @ dZ[0]) * layer.activation.g_prime(Z_l))
    dW = [A_before @ dZ_l.T / m for A_before, dZ_l in zip(A, dZ, strict=False)]
    db = [np.sum(dZ_l, axis=1, keepdims=True) / m for dZ_l in dZ]
    return Gradients(tuple(dZ), tuple(dW), tuple(db))


def predict(network: Network, X: ArrayLike) -> FloatArray:
    """Ŷ = A[L], n[L] × m: the probabilities of class 1 for a sigmoid output.

    Args:
        network: Any network.
        X: n[0] × m, one column per example.

    Raises:
        ValueError: If X is not n[0] × m.
    """
    return forward(network, X).A[-1]


def accuracy(network: Network, X: ArrayLike, Y: ArrayLike) -> float:
    """The share of the labels that the network gets right: in class 1 when ŷ ≥ 0.5.

    Args:
        network: A classifier (sigmoid output).
        X: n[0] × m, one column per example.
        Y: n[L] × m of 0 and 1.

    Raises:
        ValueError: If X is not n[0] × m or Y not n[L] × m.
    """
    A = predict(network, X)
    Y = columns("Y", Y, rows=A.shape[0], columns=A.shape[1])
    return float(np.mean((A >= 0.5) == (Y >= 0.5)))


def _read_only(array: ArrayLike) -> FloatArray:
    copy = np.array(array)
    if not np.issubdtype(copy.dtype, np.floating):
        copy = copy.astype(np.float64)
    copy.flags.writeable = False
    return copy


def columns(name: str, array: ArrayLike, *, rows: int, columns: int | None = None) -> FloatArray:
    """The array as floats, after a look at its shape; None allows any number of columns but 0.

    Raises:
        ValueError: If the shape is another one, naming the array.
    """
    array = np.asarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float64)
    if array.ndim != 2 or array.shape[0] != rows or array.shape[1] != (columns or array.shape[1]):
        raise ValueError(f"{name} must be {rows} × {columns or 'm'}, not {array.shape}")
    if array.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column (example)")
    return array
