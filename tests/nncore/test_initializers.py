from typing import Any

import numpy as np
import pytest

from nncore import ACTIVATIONS, INITIALIZERS, initialize


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_lecture_s_is_randn_times_a_hundredth() -> None:
    network = initialize([3, 4, 1], ["tanh", "sigmoid"], rng=rng())
    same = rng()
    for layer, shape in zip(network.layers, [(3, 4), (4, 1)], strict=True):
        np.testing.assert_array_equal(layer.W, same.standard_normal(shape) * 0.01)
        np.testing.assert_array_equal(layer.b, np.zeros((shape[1], 1)))


@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [
        ("small_random", 0.5),
        ("zeros", 0.0),
        ("xavier", np.sqrt(2 / (300 + 200))),
        ("he", np.sqrt(2 / 300)),
    ],
)
def test_each_scheme_has_its_deviation(scheme: str, deviation: float) -> None:
    network = initialize([300, 200], ["sigmoid"], scheme=scheme, scale=0.5, rng=rng())
    W = network.layers[0].W
    assert np.std(W) == pytest.approx(deviation, rel=0.02)
    assert abs(np.mean(W)) <= 5 * deviation / np.sqrt(W.size)


def test_scale_only_concerns_small_random() -> None:
    for scheme in set(INITIALIZERS) - {"small_random"}:
        one, other = (
            initialize([2, 3], ["tanh"], scheme=scheme, scale=scale, rng=rng())
            for scale in (0.01, 5.0)
        )
        np.testing.assert_array_equal(one.layers[0].W, other.layers[0].W)


def test_the_weights_do_not_depend_on_the_activation() -> None:
    networks = [initialize([2, 4, 1], [name, "sigmoid"], rng=rng()) for name in ACTIVATIONS]
    for network in networks:
        for layer, first in zip(network.layers, networks[0].layers, strict=True):
            np.testing.assert_array_equal(layer.W, first.W)


def test_activations_come_by_name_or_as_they_are() -> None:
    network = initialize([2, 4, 1], [ACTIVATIONS["relu"], "sigmoid"], rng=rng())
    assert network.activations == (ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"])


@pytest.mark.parametrize(
    ("sizes", "activations", "options", "message"),
    [
        ([2], [], {}, "layer_sizes"),
        ([2, 0, 1], ["tanh", "sigmoid"], {}, "at least 1"),
        ([2, 4, 1], ["tanh"], {}, "2 layers need as many activations, not 1"),
        ([2, 1], ["swish"], {}, "unknown activation 'swish'; known: sigmoid, tanh"),
        ([2, 1], ["sigmoid"], {"scheme": "ones"}, "unknown scheme 'ones'; known: small_random"),
        ([2, 1], ["sigmoid"], {"scale": -1.0}, "scale must be"),
        ([2, 1], ["sigmoid"], {"scale": np.nan}, "scale must be"),
    ],
)
def test_bad_input_is_named(
    sizes: list[int], activations: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        initialize(sizes, activations, rng=rng(), **options)
