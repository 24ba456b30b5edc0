"""One iteration in the lecture's order, with the evidence that its gradients are right."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from .activations import FloatArray
from .differences import Agreement, Differences, agreement, central_differences
from .network import (
    ForwardPass,
    Gradients,
    Network,
    backward,
    cost,
    forward,
    losses,
)


@dataclass(frozen=True, eq=False)
class Inspection:
    """X → Z[1] → A[1] → … → Ŷ → loss and J → dZ[L] → dW[L], db[L] → … → dW[1], db[1].

    Attributes:
        forward_pass: Z and A of every layer; A[0] is X.
        g_prime: g[l]′(Z[l]), per layer n[l] × m.
        losses: Of each example, n[L] × m. None without labels, and so is all that follows.
        cost: J, their mean.
        gradients: dZ, dW and db of J.
        differences: dW and db by central differences; None without `numeric`.
        agreement: Whether gradients and differences are the same; None without `numeric`.
    """

    forward_pass: ForwardPass
    g_prime: tuple[FloatArray, ...]
    losses: FloatArray | None = None
    cost: float | None = None
    gradients: Gradients | None = None
    differences: Differences | None = None
    agreement: Agreement | None = None


def inspect(
    network: Network, X: ArrayLike, Y: ArrayLike | None, *, numeric: bool = True
) -> Inspection:
    """All that one iteration computes, before its update.

    Args:
        network: With a sigmoid or linear output.
        X: n[0] × m.
        Y: n[L] × m; with None there is only the forward pass.
        numeric: Whether to take central differences too. They cost about four forward passes
            for each parameter.

    Raises:
        ValueError: If X or Y does not fit the network, or no loss goes with its output.

    >>> from nncore import initialize
    >>> network = initialize([2, 4, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(0))
    >>> inspection = inspect(network, [[1.0, -2.0], [0.5, 3.0]], [[1.0, 0.0]])
    >>> [dW.shape for dW in inspection.gradients.dW], inspection.agreement.all
    ([(2, 4), (4, 1)], True)
    """
    passed = forward(network, X)
    slopes = tuple(
        layer.activation.g_prime(Z) for layer, Z in zip(network.layers, passed.Z, strict=True)
    )
    if Y is None:
        return Inspection(passed, slopes)
    J, gradients = cost(network, passed, Y), backward(network, passed, Y)
    differences = central_differences(network, X, Y) if numeric else None
    return Inspection(
        passed,
        slopes,
        losses(network, passed, Y),
        J,
        gradients,
        differences,
        agreement(gradients, differences, J) if differences else None,
    )
