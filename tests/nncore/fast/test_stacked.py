from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import ACTIVATIONS, DATASETS, OPTIMIZERS, Network, StackedTrainer, Trainer, initialize
from nncore.fast import batches, stacked


def circle(m: int = 40) -> tuple[np.ndarray, np.ndarray]:
    return DATASETS["circle"](m, 0.1, np.random.default_rng(0))


def networks(hidden: list[str], sizes: list[int], output: str = "sigmoid") -> list[Network]:
    return [
        initialize(
            [2, *sizes, 1],
            [name] * len(sizes) + [output],
            scheme="xavier",
            rng=np.random.default_rng(seed),
        )
        for seed, name in enumerate(hidden)
    ]


@settings(max_examples=60)
@given(
    hidden=st.lists(st.sampled_from(list(ACTIVATIONS)), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 5), max_size=3),
    output=st.sampled_from(["sigmoid", "linear"]),
    optimizer=st.sampled_from(["gradient_descent", "momentum"]),
    batch_size=st.sampled_from([None, 7]),
    l2=st.sampled_from([0.0, 0.05]),
    tile=st.sampled_from([batches.TILE, 4000]),
)
def test_it_equals_as_many_trainers(
    hidden: list[str],
    sizes: list[int],
    output: str,
    optimizer: str,
    batch_size: int | None,
    l2: float,
    tile: int,
) -> None:
    nets = networks(hidden, sizes, output)
    rates = [0.001 + 0.0005 * e for e in range(len(nets))]
    options: dict[str, Any] = {
        "optimizer": optimizer,
        "batch_size": batch_size,
        "batch_seed": 3,
        "l2": l2,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacked, "TILE", tile)
        stack = StackedTrainer(nets, *circle(), learning_rate=rates, **options)
    trainers = [
        Trainer(net, *circle(), learning_rate=rate, **options)
        for net, rate in zip(nets, rates, strict=True)
    ]
    costs = stack.step(20)
    assert costs.shape == (20, len(nets))
    assert stack.iteration == 20
    for e, trainer in enumerate(trainers):
        np.testing.assert_allclose(costs[:, e], trainer.step(20), rtol=1e-8, atol=1e-12)
        assert stack.cost()[e] == pytest.approx(trainer.cost(), rel=1e-8)
        for ours, theirs in zip(stack.networks[e].layers, trainer.network.layers, strict=True):
            np.testing.assert_allclose(ours.W, theirs.W, rtol=1e-7, atol=1e-10)
            np.testing.assert_allclose(ours.b, theirs.b, rtol=1e-7, atol=1e-10)
            assert ours.activation == theirs.activation


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_optimizer_and_dtype(optimizer: str, dtype: type) -> None:
    nets = networks(["tanh"] * 3, [4])
    options: dict[str, Any] = {"learning_rate": 0.01, "optimizer": optimizer, "dtype": dtype}
    costs = StackedTrainer(nets, *circle(), **options).step(30)
    for e, net in enumerate(nets):
        expected = Trainer(net, *circle(), **options).step(30)
        np.testing.assert_allclose(
            costs[:, e], expected, rtol=1e-4 if dtype is np.float32 else 1e-9
        )


@pytest.mark.parametrize("slices", [[400], [1] * 400, [7, 93, 300]])
def test_one_that_diverges_does_not_stop_the_others(slices: list[int]) -> None:
    nets = networks(["relu"] * 4, [4], "linear")
    rates = [0.01, 2.0, 0.02, 0.9]
    stack = StackedTrainer(nets, *circle(), learning_rate=rates)
    costs = np.concatenate([stack.step(n) for n in slices])
    for e, (net, rate) in enumerate(zip(nets, rates, strict=True)):
        trainer = Trainer(net, *circle(), learning_rate=rate)
        expected = trainer.step(400)
        assert (stack.diverged[e] is None) == (trainer.diverged is None) == (rate < 0.5)
        np.testing.assert_allclose(costs[: len(expected), e], expected, rtol=1e-6)
        assert np.isnan(costs[len(expected) :, e]).all()
        if trainer.diverged:
            assert stack.diverged[e] == trainer.diverged
        for layer in stack.networks[e].layers:
            assert np.isfinite(layer.W).all()
    assert np.isfinite(stack.cost()).all()


@pytest.mark.parametrize(
    ("nets", "options", "message"),
    [
        ([], {}, "at least one"),
        (networks(["tanh"], [4]) + networks(["tanh"], [5]), {}, "same layer sizes"),
        (networks(["tanh"], [4]) + networks(["tanh"], [4], "linear"), {}, "same output"),
        (networks(["tanh"], [4]), {"learning_rate": [0.1, 0.2]}, "one number or 1 of them"),
        (networks(["tanh"], [4]), {"learning_rate": -1}, "learning_rate must be"),
        (networks(["tanh"], [4]), {"l1": -1}, "l1 must be"),
        (networks(["tanh"], [4]), {"batch_size": 0}, "batch_size must be"),
        (networks(["tanh"], [4]), {"dtype": np.int32}, "dtype must be"),
    ],
)
def test_bad_input_is_named(nets: list[Network], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StackedTrainer(nets, *circle(), **{"learning_rate": 0.1} | options)
