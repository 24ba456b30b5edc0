"""Back propagation against central differences: ∂J/∂θ ≈ (J(θ + ε) − J(θ − ε)) / 2ε."""

import numpy as np
from numpy.typing import ArrayLike

from nncore.costs import loss_for
from nncore.network import ForwardPass, Layer, Network, backward, forward

SMALLEST = 1e-6
"""A gradient of a smaller norm is compared as if it had this one: the differences carry rounding
errors of about 1e-12, which would otherwise pass for large relative ones."""


def gradient_check(network: Network, X: ArrayLike, Y: ArrayLike, *, epsilon: float = 1e-5) -> float:
    """The largest relative error of `backward` against central differences.

    For each W[l] and each b[l] that is ‖backward − differences‖ / (‖backward‖ + ‖differences‖);
    the largest of them is returned. A right gradient gives less than 1e-5, a wrong one more than
    1e-3. A step that carries some z across the kink of a ReLU measures the slope of neither side,
    so it is shortened until it does not; a parameter for which no step down to ε/1000 avoids all
    kinks has no derivative there and is left out.

    Args:
        network: With a sigmoid or linear output. The differences are taken in float64.
        X: n[0] × m.
        Y: n[L] × m.
        epsilon: ε, the step, in units of the parameter.

    Raises:
        ValueError: If X or Y does not fit the network, or no loss goes with its output.

    >>> from nncore import initialize
    >>> network = initialize([2, 4, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(0))
    >>> gradient_check(network, [[1.0, -2.0], [0.5, 3.0]], [[1.0, 0.0]]) < 1e-5
    True
    """
    layers = [
        Layer(layer.W.astype(np.float64), layer.b.astype(np.float64), layer.activation)
        for layer in network.layers
    ]
    X, Y = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    gradients = backward(Network(layers), forward(Network(layers), X), Y)
    W, b = [layer.W.copy() for layer in layers], [layer.b.copy() for layer in layers]
    losses = loss_for(layers[-1].activation).of_logits

    def forward_again() -> ForwardPass:
        return forward(Network(map(Layer, W, b, network.activations)), X)

    worst = 0.0
    for parameter, analytic in zip([*W, *b], [*gradients.dW, *gradients.db], strict=True):
        differences = analytic.copy()
        for index in np.ndindex(parameter.shape):
            value = parameter[index]
            for step in (epsilon, epsilon / 10, epsilon / 100, epsilon / 1000):
                parameter[index] = value + step
                above = forward_again()
                parameter[index] = value - step
                below = forward_again()
                if not _kink_between(network, above, below):
                    # Subtracted example by example, which keeps more digits than J − J.
                    rise = np.sum(losses(above.Z[-1], Y) - losses(below.Z[-1], Y)) / Y.shape[1]
                    differences[index] = rise / ((value + step) - (value - step))
                    break
            parameter[index] = value
        norms = float(np.linalg.norm(analytic) + np.linalg.norm(differences))
        error = float(np.linalg.norm(analytic - differences))
        worst = max(worst, error / max(norms, SMALLEST))
    return worst


def _kink_between(network: Network, above: ForwardPass, below: ForwardPass) -> bool:
    """Whether some z of a kinked activation has changed its side."""
    return any(
        activation.kinked and not np.array_equal(Z_above >= 0, Z_below >= 0)
        for activation, Z_above, Z_below in zip(network.activations, above.Z, below.Z, strict=True)
    )
