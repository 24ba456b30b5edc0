import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nncore import Layer, Network, by_loop, by_product, forward, leaky_relu


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 20), st.integers(0, 99))
def test_loop_product_and_network_are_the_same(n_in: int, n_out: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, b, X = (
        rng.normal(size=(n_in, n_out)),
        rng.normal(size=(n_out, 1)),
        rng.normal(size=(n_in, m)),
    )
    Z = by_product(W, b, X)
    assert Z.shape == (n_out, m)
    np.testing.assert_allclose(by_loop(W, b, X), Z, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(Z, forward(Network([Layer(W, b, leaky_relu(1))]), X).Z[0])
