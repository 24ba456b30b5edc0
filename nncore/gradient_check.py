"""Back propagation against central differences: ∂J/∂θ ≈ (J(θ + ε) − J(θ − ε)) / 2ε."""

import numpy as np
from numpy.typing import ArrayLike

from nncore.network import ForwardPass, Layer, Network, backward, cost, forward


def gradient_check(network: Network, X: ArrayLike, Y: ArrayLike, *, epsilon: float = 1e-5) -> float:
    """The largest relative error of `backward` against central differences.

    For each W[l] and each b[l] that is ‖backward − differences‖ / (‖backward‖ + ‖differences‖),
    0 if both vanish; the largest of them is returned. A right gradient gives about 1e-7 or less,
    a wrong one more than 1e-3. A step that carries some z across the kink of a ReLU measures the
    slope of neither side, so it is shortened until it does not; a parameter for which no step
    down to ε/1000 avoids the kink has no derivative there and is left out.

    Args:
        network: With a sigmoid or linear output. The differences are taken in float64.
        X: n[0] × m.
        Y: n[L] × m.
        epsilon: ε, the step, in units of the parameter.

    Raises:
        ValueError: If X or Y does not fit the network, or no loss goes with its output.
    """
    network = Network(
        Layer(layer.W.astype(np.float64), layer.b.astype(np.float64), layer.activation)
        for layer in network.layers
    )
    X, Y = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    gradients = backward(network, forward(network, X), Y)
    parameters = [array for layer in network.layers for array in (layer.W.copy(), layer.b.copy())]
    analytic = [array for pair in zip(gradients.dW, gradients.db, strict=True) for array in pair]

    def forward_now() -> tuple[Network, ForwardPass]:
        moved = Network(
            Layer(W, b, layer.activation)
            for W, b, layer in zip(parameters[::2], parameters[1::2], network.layers, strict=True)
        )
        return moved, forward(moved, X)

    largest = 0.0
    for parameter, derivative in zip(parameters, analytic, strict=True):
        difference = derivative.copy()
        for index in np.ndindex(parameter.shape):
            value = parameter[index]
            for step in (epsilon, epsilon / 10, epsilon / 100, epsilon / 1000):
                parameter[index] = value + step
                above = forward_now()
                parameter[index] = value - step
                below = forward_now()
                if not _kink_between(network, above[1], below[1]):
                    rise = cost(*above, Y) - cost(*below, Y)
                    difference[index] = rise / ((value + step) - (value - step))
                    break
            parameter[index] = value
        error = np.linalg.norm(derivative - difference)
        if error > 0:
            scale = np.linalg.norm(derivative) + np.linalg.norm(difference)
            largest = max(largest, float(error / scale))
    return largest


def _kink_between(network: Network, above: ForwardPass, below: ForwardPass) -> bool:
    """Whether some z of a kinked activation has changed its side."""
    return any(
        layer.activation.kinked and not np.array_equal(Z_above >= 0, Z_below >= 0)
        for layer, Z_above, Z_below in zip(network.layers, above.Z, below.Z, strict=True)
    )
