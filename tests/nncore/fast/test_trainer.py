"""The fast trainer against the readable network, and everything that it promises besides."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nncore import (
    ACTIVATIONS,
    DATASETS,
    LOSSES,
    OPTIMIZERS,
    Activation,
    Layer,
    Network,
    Stop,
    Trainer,
    backward,
    cost,
    forward,
    initialize,
    leaky_relu,
    losses,
)
from nncore.fast import batches as batches_module
from tests.nncore.fast import memory

ACTIVATION = st.sampled_from([*ACTIVATIONS.values(), leaky_relu(0.2)])
TILES = st.sampled_from([batches_module.TILE, 500])
ROOT = Path(__file__).parents[3]


def circle(m: int = 60) -> tuple[np.ndarray, np.ndarray]:
    return DATASETS["circle"](m, 0.1, np.random.default_rng(0))


def shallow(hidden: str = "tanh", output: str = "sigmoid", n: int = 4, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    return initialize([2, n, 1], [hidden, output], scheme="xavier", rng=rng)


def parameters(network: Network) -> np.ndarray:
    return np.concatenate([a.ravel() for layer in network.layers for a in (layer.W, layer.b)])


# -- equal to the lecture, to rounding -------------------------------------------------------------


class Textbook:
    """The same training with `forward` and `backward` and the optimizers' published formulas."""

    def __init__(self, network: Network, optimizer: str, l1: float, l2: float) -> None:
        self.network, self.l1, self.l2 = network, l1, l2
        self.update = getattr(self, optimizer)
        self.v = self.s = np.zeros_like(parameters(network))
        self.t = 0
        self.certain = True

    def gradient_descent(self, g: np.ndarray) -> np.ndarray:
        return g

    def momentum(self, g: np.ndarray) -> np.ndarray:
        self.v = 0.9 * self.v + g
        return self.v

    def rmsprop(self, g: np.ndarray) -> np.ndarray:
        self.s = 0.9 * self.s + 0.1 * g**2
        return g / (np.sqrt(self.s) + 1e-8)

    def adam(self, g: np.ndarray) -> np.ndarray:
        self.t += 1
        self.v = 0.9 * self.v + 0.1 * g
        self.s = 0.999 * self.s + 0.001 * g**2
        return (self.v / (1 - 0.9**self.t)) / (np.sqrt(self.s / (1 - 0.999**self.t)) + 1e-8)

    def step(self, X: np.ndarray, Y: np.ndarray, learning_rate: float) -> float:
        passed = forward(self.network, X)
        gradients = backward(self.network, passed, Y)
        g = np.concatenate(
            [
                a.ravel()
                for layer, dW, db in zip(
                    self.network.layers, gradients.dW, gradients.db, strict=True
                )
                for a in (dW + self.l1 * np.sign(layer.W) + self.l2 * layer.W, db)
            ]
        )
        # RMSProp and Adam divide by √g²: of a sum that is rounding error they make a step.
        for A, dZ, dW, db in zip(passed.A, gradients.dZ, gradients.dW, gradients.db, strict=False):
            summed = abs(A) @ abs(dZ).T / len(dZ.T), abs(dZ).mean(axis=1, keepdims=True)
            for total, terms in zip((dW, db), summed, strict=True):
                self.certain &= not np.any((terms > 0) & (abs(total) < 1e-10 * terms))
        J = cost(self.network, passed, Y)
        theta = parameters(self.network) - learning_rate * self.update(g)
        layers, start = [], 0
        for layer in self.network.layers:
            W_end = start + layer.W.size
            b_end = W_end + layer.b.size
            W = theta[start:W_end].reshape(layer.W.shape)
            layers.append(Layer(W, theta[W_end:b_end, np.newaxis], layer.activation))
            start = b_end
        self.network = Network(layers)
        return J


def first_batches(
    X: np.ndarray, Y: np.ndarray, size: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The batches of the first two epochs."""
    batches = []
    for epoch in range(2):
        bits = np.random.Philox(key=seed, counter=[0, 0, 0, epoch])
        order = np.random.Generator(bits).permutation(X.shape[1])
        for start in range(0, X.shape[1], size):
            columns = order[start : start + size]
            batches.append((X[:, columns], Y[:, columns]))
    return batches


@settings(max_examples=60)
@given(
    data=st.data(),
    hidden=st.lists(st.tuples(st.integers(1, 6), ACTIVATION), max_size=6),
    n_0=st.integers(1, 4),
    m=st.integers(1, 40),
    output=st.sampled_from(list(LOSSES)),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    batch_size=st.none() | st.integers(1, 45),
    penalties=st.sampled_from([(0.0, 0.0), (0.01, 0.0), (0.0, 0.1), (0.02, 0.03)]),
    tile=TILES,
)
def test_it_equals_forward_and_backward(
    data: st.DataObject,
    hidden: list[tuple[int, Activation]],
    n_0: int,
    m: int,
    output: str,
    optimizer: str,
    batch_size: int | None,
    penalties: tuple[float, float],
    tile: int,
) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    network = initialize(
        [n_0, *(n for n, _ in hidden), 1],
        [*(activation for _, activation in hidden), output],
        scheme="xavier",
        rng=rng,
    )
    X, Y = rng.normal(0, 1, (n_0, m)), rng.integers(0, 2, (1, m)).astype(float)
    l1, l2 = penalties
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches_module, "TILE", tile)
        trainer = Trainer(
            network, X, Y, learning_rate=0.01, optimizer=optimizer, batch_size=batch_size,
            batch_seed=seed, l1=l1, l2=l2,
        )  # fmt: skip
    textbook = Textbook(network, optimizer, l1, l2)
    if batch_size is None or batch_size >= m:
        batches = [(X, Y)] * 6
    else:
        batches = first_batches(X, Y, batch_size, seed)
    costs = trainer.step(len(batches))
    expected = [textbook.step(*batch, 0.01) for batch in batches]
    sharp = optimizer in ("gradient_descent", "momentum")
    assume(sharp or textbook.certain)
    np.testing.assert_allclose(costs, expected, rtol=1e-9 if sharp else 1e-2, atol=1e-9)
    if sharp:
        np.testing.assert_allclose(
            parameters(trainer.network), parameters(textbook.network), rtol=1e-8, atol=1e-10
        )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [None, 7])
def test_every_optimizer_equals_its_formula(optimizer: str, batch_size: int | None) -> None:
    X, Y = circle(30)
    network = shallow()
    trainer = Trainer(network, X, Y, learning_rate=0.03, optimizer=optimizer, batch_size=batch_size)
    textbook = Textbook(network, optimizer, 0, 0)
    batches = [(X, Y)] * 10 if batch_size is None else first_batches(X, Y, batch_size, 0)
    costs = trainer.step(len(batches))
    np.testing.assert_allclose(costs, [textbook.step(*batch, 0.03) for batch in batches], rtol=1e-9)
    np.testing.assert_allclose(parameters(trainer.network), parameters(textbook.network), rtol=1e-7)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_several_output_units(hidden: str) -> None:
    rng = np.random.default_rng(0)
    network = initialize([3, 5, 2], [hidden, "sigmoid"], scheme="xavier", rng=rng)
    X, Y = rng.normal(0, 1, (3, 25)), rng.integers(0, 2, (2, 25)).astype(float)
    trainer, textbook = (
        Trainer(network, X, Y, learning_rate=0.1),
        Textbook(network, "gradient_descent", 0, 0),
    )
    expected = [textbook.step(X, Y, 0.1) for _ in range(8)]
    np.testing.assert_allclose(trainer.step(8), expected, rtol=1e-12)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[2, 1], [2, 8, 1], [2, 8, 8, 1]])
def test_float32_follows_float64(hidden: str, sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    names = [hidden] * (len(sizes) - 2) + ["sigmoid"]
    network = initialize(sizes, names, scheme="xavier", rng=rng)
    X, Y = circle()
    single, double = (
        Trainer(network, X, Y, learning_rate=0.02, dtype=dtype)
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_allclose(single.step(50), double.step(50), rtol=1e-3)
    assert single.network.layers[0].W.dtype == np.float32
    assert single.step(1).dtype == np.float64


def test_an_activation_of_ones_own() -> None:
    cube = Activation("cube", lambda Z: Z**3, lambda Z: 3 * Z**2)
    network = Network(
        Layer(layer.W, layer.b, cube if layer.activation.name == "tanh" else layer.activation)
        for layer in shallow().layers
    )
    X, Y = circle()
    textbook = Textbook(network, "gradient_descent", 0, 0)
    expected = [textbook.step(X, Y, 0.001) for _ in range(5)]
    trainer = Trainer(network, X, Y, learning_rate=0.001)
    np.testing.assert_allclose(trainer.step(5), expected, rtol=1e-10)


# -- costs ---------------------------------------------------------------------------------------


def test_the_cost_of_an_iteration_is_computed_before_its_update() -> None:
    X, Y = circle()
    network = shallow()
    trainer = Trainer(network, X, Y, learning_rate=0.3)
    assert trainer.step()[0] == pytest.approx(cost(network, forward(network, X), Y), rel=1e-14)
    assert trainer.iteration == 1
    here = trainer.network
    assert trainer.cost() == pytest.approx(cost(here, forward(here, X), Y), rel=1e-14)
    assert trainer.cost() == trainer.step()[0]


def test_the_cost_is_exact_where_the_naive_formula_overflows() -> None:
    X = np.array([[1000.0, -1000.0, 50.0, 300.0]])
    Y = np.array([[0.0, 1.0, 1.0, 0.0]])
    network = Network([Layer([[1.0]], [[0.0]], ACTIVATIONS["sigmoid"])])
    expected = (1000 + 1000 + np.exp(-50) + 300) / 4
    for dtype in (np.float32, np.float64):
        trainer = Trainer(network, X, Y, learning_rate=1e-9, dtype=dtype)
        assert trainer.cost() == pytest.approx(expected, rel=1e-6)
    tiny = Trainer(network, [[50.0]], [[1.0]], learning_rate=1e-9, dtype=np.float32)
    assert tiny.cost() == pytest.approx(np.exp(-50), rel=1e-5)


def test_with_mini_batches_cost_still_means_all_examples() -> None:
    X, Y = circle()
    trainer = Trainer(shallow(), X, Y, learning_rate=0.3, batch_size=7)
    trainer.step(13)
    here = trainer.network
    assert trainer.cost() == pytest.approx(cost(here, forward(here, X), Y), rel=1e-12)


def test_the_penalty_is_reported_beside_the_cost() -> None:
    X, Y = circle()
    network = shallow()
    plain = Trainer(network, X, Y, learning_rate=0.3)
    penalised = Trainer(network, X, Y, learning_rate=0.3, l1=0.1, l2=0.01)
    assert plain.penalty == 0
    assert plain.step()[0] == penalised.step()[0]
    W = np.concatenate([layer.W.ravel() for layer in penalised.network.layers])
    assert penalised.penalty == pytest.approx(0.1 * np.abs(W).sum() + 0.005 * (W**2).sum())


def test_penalties_shrink_weights_but_no_biases() -> None:
    X = np.array([[1.0, -1.0]])
    network = Network([Layer([[2.0]], [[3.0]], ACTIVATIONS["linear"])])
    Y = forward(network, X).A[-1]  # a perfect fit: the data term has no gradient
    trainer = Trainer(network, X, Y, learning_rate=0.1, l1=0.5, l2=0.25)
    trainer.step()
    (layer,) = trainer.network.layers
    assert layer.W[0, 0] == pytest.approx(2 - 0.1 * (0.5 + 0.25 * 2))
    assert layer.b[0, 0] == 3


# -- mini-batches ----------------------------------------------------------------------------------


def test_every_example_once_an_epoch_in_a_new_order_each() -> None:
    # One linear unit that starts at zero on targets 1, 2, 4, …: J tells which examples it saw.
    m = 10
    Y = np.sqrt(2.0 ** np.arange(1, m + 1))[np.newaxis]
    network = Network([Layer([[0.0]], [[0.0]], ACTIVATIONS["linear"])])
    trainer = Trainer(network, np.ones((1, m)), Y, learning_rate=1e-300, batch_size=4)
    epochs = []
    for _ in range(3):
        sums = trainer.step(3) * [4, 4, 2]  # the last batch has the two that are left
        batches = [{k for k in range(m) if round(s) >> k & 1} for s in sums]
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert set.union(*batches) == set(range(m))
        epochs.append(batches)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_depends_on_its_own_seed() -> None:
    X, Y = circle()
    runs = [
        Trainer(shallow(), X, Y, learning_rate=0.3, batch_size=7, batch_seed=seed).step(30)
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_a_batch_as_large_as_the_data_is_the_full_batch() -> None:
    X, Y = circle()
    full, large = (
        Trainer(shallow(), X, Y, learning_rate=0.3, batch_size=size) for size in (None, 1000)
    )
    np.testing.assert_array_equal(full.step(20), large.step(20))


# -- weights of the examples -----------------------------------------------------------------------


def test_weights_by_hand() -> None:
    network = Network([Layer([[0.0]], [[0.0]], ACTIVATIONS["sigmoid"])])
    X, Y, weights = [[1.0, 2.0]], [[1.0, 0.0]], [3.0, 1.0]
    trainer = Trainer(network, X, Y, learning_rate=1.0, sample_weight=weights)
    assert trainer.step()[0] == pytest.approx(np.log(2))
    # dZ = (−½, ½): dW = (3 · 1 · −½ + 1 · 2 · ½) / 4 = −⅛ and db = (3 · −½ + 1 · ½) / 4 = −¼.
    (layer,) = trainer.network.layers
    assert layer.W[0, 0] == pytest.approx(1 / 8)
    assert layer.b[0, 0] == pytest.approx(1 / 4)
    # z = (⅜, ½): both are called 1, which is right for three quarters of the weight.
    J = (3 * np.log(1 + np.exp(-3 / 8)) + np.log(1 + np.exp(1 / 2))) / 4
    assert trainer.cost() == pytest.approx(J)
    for accuracy, stopped in [(0.75, True), (0.76, False)]:
        trainer.stop = Stop(accuracy=accuracy)
        assert (trainer.stopped is not None) == stopped


@settings(max_examples=40)
@given(
    data=st.data(),
    hidden=st.lists(st.tuples(st.integers(1, 5), ACTIVATION), max_size=3),
    m=st.integers(1, 25),
    n_L=st.integers(1, 3),
    output=st.sampled_from(list(LOSSES)),
    optimizer=st.sampled_from(["gradient_descent", "momentum"]),
    l2=st.sampled_from([0.0, 0.1]),
    tile=TILES,
)
def test_a_weight_is_that_many_of_the_example(
    data: st.DataObject,
    hidden: list[tuple[int, Activation]],
    m: int,
    n_L: int,
    output: str,
    optimizer: str,
    l2: float,
    tile: int,
) -> None:
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=m, max_size=m).filter(any)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    network = initialize(
        [2, *(n for n, _ in hidden), n_L],
        [*(activation for _, activation in hidden), output],
        scheme="xavier",
        rng=rng,
    )
    X, Y = rng.normal(0, 1, (2, m)), rng.integers(0, 2, (n_L, m))
    stop = Stop(accuracy=0.6131) if output == "sigmoid" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches_module, "TILE", tile)
        weighted, repeated = (
            Trainer(
                network, X[:, columns], Y[:, columns], learning_rate=0.05, optimizer=optimizer,
                l2=l2, stop=stop, sample_weight=each,
            )
            for columns, each in (
                (np.arange(m), weights * 0.7), (np.repeat(np.arange(m), weights), None),
            )
        )  # fmt: skip
    np.testing.assert_allclose(weighted.step(8), repeated.step(8), rtol=1e-9, atol=1e-12)
    assert (weighted.stopped is None) == (repeated.stopped is None)
    np.testing.assert_allclose(
        parameters(weighted.network), parameters(repeated.network), rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize("output", LOSSES)
@pytest.mark.parametrize("sizes", [[2, 1], [2, 3, 1], [2, 3, 3, 2]])
def test_the_gradient_of_the_weighted_cost_is_its_central_differences(
    sizes: list[int], output: str
) -> None:
    rng = np.random.default_rng(0)
    names = ["tanh"] * (len(sizes) - 2) + [output]
    network = initialize(sizes, names, scheme="xavier", rng=rng)
    X, Y = rng.normal(0, 1, (2, 9)), rng.integers(0, 2, (sizes[-1], 9))
    weights = rng.uniform(0, 5, 9)

    def trainer() -> Trainer:
        return Trainer(network, X, Y, learning_rate=1.0, sample_weight=weights)

    each = losses(network, forward(network, X), Y).sum(axis=0)
    assert trainer().cost() == pytest.approx(np.average(each, weights=weights), rel=1e-12)
    updated = trainer()
    updated.step()
    gradient = parameters(network) - parameters(updated.network)

    def cost_beside(layer: int, unit: int, input: int | None, by: float) -> float:
        (W, b) = (network.layers[layer - 1].W, network.layers[layer - 1].b)
        here = float(b[unit, 0] if input is None else W[input, unit])
        beside = trainer()
        beside.edit(layer, unit, input, value=here + by)
        return beside.cost()

    differences = [
        (cost_beside(*place, 1e-5) - cost_beside(*place, -1e-5)) / 2e-5
        for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1)
        for place in [
            *((layer, unit, input) for input in range(n_in) for unit in range(n_out)),
            *((layer, unit, None) for unit in range(n_out)),
        ]
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-9)


def test_in_a_mini_batch_a_weight_is_a_share_of_what_all_examples_weigh() -> None:
    X, Y = circle(30)
    weights = np.random.default_rng(1).uniform(0, 4, 30)
    network = shallow()
    trainer = Trainer(network, X, Y, learning_rate=0.3, batch_size=7, sample_weight=weights)
    each, columns = losses(network, forward(network, X), Y)[0] * weights, trainer.batch
    assert trainer.step() == pytest.approx(each[columns].mean() / weights.mean())
    alone = Trainer(
        network, X[:, columns], Y[:, columns], learning_rate=0.3, sample_weight=weights[columns]
    )
    alone.step()
    share = weights[columns].mean() / weights.mean()
    np.testing.assert_allclose(
        parameters(trainer.network) - parameters(network),
        share * (parameters(alone.network) - parameters(network)),
    )


@pytest.mark.parametrize("batch_size", [None, 7])
def test_equal_weights_change_no_bit(batch_size: int | None) -> None:
    X, Y = circle()
    plain, weighted = (
        Trainer(
            shallow(), X, Y, learning_rate=0.3, batch_size=batch_size, sample_weight=each,
            dtype=np.float32,
        )
        for each in (None, np.full(60, 0.1))
    )  # fmt: skip
    np.testing.assert_array_equal(plain.step(40), weighted.step(40))
    np.testing.assert_array_equal(parameters(plain.network), parameters(weighted.network))


# -- on to other examples --------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [None, 7])
def test_carrying_on_with_the_same_examples_changes_no_bit(
    optimizer: str, batch_size: int | None
) -> None:
    X, Y = circle(30)

    def trainer(network: Network) -> Trainer:
        return Trainer(
            network, X, Y, learning_rate=0.03, optimizer=optimizer, batch_size=batch_size
        )

    straight = trainer(shallow())
    expected = straight.step(4 * straight.updates_per_epoch)
    network, memory, costs = shallow(), trainer(shallow()).state()["memory"], []
    for epoch in range(4):
        part = trainer(network)
        part.carry_on(memory, epoch * part.updates_per_epoch, epoch)
        costs += part.step(part.updates_per_epoch).tolist()
        network, memory = part.network, part.state()["memory"]
    np.testing.assert_array_equal(costs, expected)
    np.testing.assert_array_equal(parameters(network), parameters(straight.network))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_carrying_on_with_more_examples_and_other_batches(optimizer: str) -> None:
    X, Y = circle(50)
    first = Trainer(shallow(), X[:, :20], Y[:, :20], learning_rate=0.03, optimizer=optimizer)
    textbook = Textbook(shallow(), optimizer, 0, 0)
    expected = [textbook.step(X[:, :20], Y[:, :20], 0.03) for _ in range(3)]
    assert first.step(3) == pytest.approx(expected)
    then = Trainer(
        first.network, X[:, 20:], Y[:, 20:], learning_rate=0.03, optimizer=optimizer, batch_size=7
    )
    then.carry_on(first.state()["memory"], 3, 1)
    seen = []
    for _ in range(then.updates_per_epoch):
        columns = then.batch + 20
        seen += columns.tolist()
        assert then.step()[0] == pytest.approx(textbook.step(X[:, columns], Y[:, columns], 0.03))
    np.testing.assert_allclose(parameters(then.network), parameters(textbook.network), rtol=1e-7)
    assert sorted(seen) == list(range(20, 50))


def test_patience_begins_anew_where_it_carries_on() -> None:
    X, Y = circle()
    trainer = Trainer(shallow(), X, Y, learning_rate=1e-9, stop=Stop(patience=5))
    trainer.carry_on(trainer.state()["memory"], 500, 500)
    assert len(trainer.step(10)) == 5


def test_carrying_on_needs_a_memory_of_the_same_kind() -> None:
    X, Y = circle()
    adam = Trainer(shallow(), X, Y, learning_rate=0.03, optimizer="adam")
    with pytest.raises(ValueError, match="another network or optimizer"):
        Trainer(shallow(), X, Y, learning_rate=0.3).carry_on(adam.state()["memory"], 3, 3)


# -- the same bits, however sliced ---------------------------------------------------------------

MAKE: dict[str, Callable[[], Trainer]] = {
    "full batch": lambda: Trainer(shallow(), *circle(), learning_rate=0.3),
    "float32": lambda: Trainer(shallow("relu"), *circle(), learning_rate=0.3, dtype=np.float32),
    "mini-batches": lambda: Trainer(
        shallow(), *circle(), learning_rate=0.03, batch_size=7, optimizer="adam", l2=0.01
    ),
    "diverging": lambda: Trainer(shallow("relu", "linear"), *circle(), learning_rate=0.9),
    "stopping": lambda: Trainer(
        shallow(), *circle(), learning_rate=0.3, stop=Stop(accuracy=0.9, patience=40)
    ),
    "stopping before it diverges": lambda: Trainer(
        shallow("relu", "linear"), *circle(), learning_rate=0.9, stop=Stop(patience=3)
    ),
    "stopping after an epoch": lambda: Trainer(
        shallow(), *circle(), learning_rate=0.1, batch_size=7, stop=Stop(cost=0.5)
    ),
    "frozen": lambda: frozen_in_part(
        Trainer(shallow(), *circle(), learning_rate=0.03, optimizer="adam", l2=0.01)
    ),
}


def frozen_in_part(trainer: Trainer) -> Trainer:
    trainer.edit(1, 2, None, value=0.75, frozen=True)
    trainer.edit(2, 0, 1, frozen=True)
    return trainer


@settings(max_examples=40)
@given(st.sampled_from(list(MAKE)), st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_slicing_changes_no_bit(kind: str, slices: list[int]) -> None:
    whole, sliced = MAKE[kind](), MAKE[kind]()
    costs = whole.step(sum(slices))
    np.testing.assert_array_equal(np.concatenate([sliced.step(n) for n in slices]), costs)
    assert sliced.stopped == whole.stopped
    np.testing.assert_array_equal(parameters(sliced.network), parameters(whole.network))
    assert sliced.diverged == whole.diverged
    assert sliced.iteration == whole.iteration
    assert sliced.cost() == whole.cost()


@settings(max_examples=40)
@given(st.sampled_from(list(MAKE)), st.integers(1, 80), st.integers(1, 80), st.booleans())
def test_a_restored_trainer_goes_on_with_the_same_bits(
    kind: str, before: int, after: int, elsewhere: bool
) -> None:
    trainer = MAKE[kind]()
    trainer.step(before)
    state = pickle.loads(pickle.dumps(trainer.state()))
    costs, end = trainer.step(after), parameters(trainer.network)
    other = MAKE[kind]() if elsewhere else trainer
    other.restore(state)
    assert other.iteration == state["iteration"]
    np.testing.assert_array_equal(other.step(after), costs)
    np.testing.assert_array_equal(parameters(other.network), end)
    assert other.diverged == trainer.diverged


def test_a_state_is_a_copy_and_carries_the_knobs() -> None:
    trainer = MAKE["mini-batches"]()
    trainer.learning_rate, trainer.l1 = 0.05, 0.02
    trainer.step(5)
    state = trainer.state()
    before = pickle.dumps(state)
    trainer.learning_rate, trainer.l1, trainer.l2 = 0.1, 0.0, 0.5
    trainer.step(5)
    assert pickle.dumps(state) == before
    trainer.restore(state)
    assert (trainer.learning_rate, trainer.l1, trainer.l2) == (0.05, 0.02, 0.01)


def test_a_foreign_state_changes_nothing() -> None:
    trainer, other = MAKE["full batch"](), MAKE["mini-batches"]()
    trainer.step(3)
    kept = parameters(trainer.network)
    with pytest.raises(ValueError, match="another network or optimizer"):
        trainer.restore(other.state())
    np.testing.assert_array_equal(parameters(trainer.network), kept)
    assert trainer.iteration == 3
    assert trainer.learning_rate == 0.3


def test_networks_handed_out_stay_as_they_were() -> None:
    trainer = MAKE["full batch"]()
    network = trainer.network
    before = parameters(network)
    trainer.step(10)
    np.testing.assert_array_equal(parameters(network), before)


# -- knobs ---------------------------------------------------------------------------------------


def test_the_learning_rate_can_be_changed_between_steps() -> None:
    X, Y = circle()
    trainer, textbook = (
        Trainer(shallow(), X, Y, learning_rate=0.3),
        Textbook(shallow(), "gradient_descent", 0, 0),
    )
    rates = [0.3, 0.3, 0.05, 0.05, 1.0]
    costs = []
    for rate in rates:
        trainer.learning_rate = rate
        costs.append(trainer.step()[0])
    np.testing.assert_allclose(costs, [textbook.step(X, Y, rate) for rate in rates], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("learning_rate", np.nan),
        ("learning_rate", np.inf),
        ("l1", -0.1),
        ("l1", np.nan),
        ("l2", -0.1),
        ("l2", np.inf),
    ],
)
def test_bad_knobs_are_refused_at_any_time(name: str, value: float) -> None:
    X, Y = circle()
    arguments: dict[str, Any] = {"learning_rate": 0.3, name: value}
    with pytest.raises(ValueError, match=f"{name} must be"):
        Trainer(shallow(), X, Y, **arguments)
    trainer = Trainer(shallow(), X, Y, learning_rate=0.3)
    kept = getattr(trainer, name)
    with pytest.raises(ValueError, match=f"{name} must be"):
        setattr(trainer, name, value)
    assert getattr(trainer, name) == kept


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.zeros((3, 60))}, "X must be 2 × m"),
        ({"X": np.full((2, 60), np.nan)}, "X and Y must be finite"),
        ({"Y": np.zeros((1, 59))}, "Y must be 1 × 60"),
        ({"Y": np.full((1, 60), 0.5)}, "Y must be 0 or 1"),
        ({"Y": np.full((1, 60), np.inf)}, "X and Y must be finite"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'; known: gradient_descent"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_seed": -1}, "batch_seed must be at least 0"),
        ({"sample_weight": np.ones((1, 60))}, "sample_weight must be 60 numbers"),
        ({"sample_weight": np.zeros(60)}, "sample_weight must be finite .* not all zero"),
        ({"sample_weight": -np.ones(60)}, "sample_weight must be finite .* at least 0"),
        ({"sample_weight": np.full(60, np.inf)}, "sample_weight must be finite"),
        ({"dtype": np.float16}, "dtype must be float32 or float64"),
        ({"network": shallow(output="relu")}, "no loss goes with the output activation 'relu'"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, Any], message: str) -> None:
    X, Y = circle()
    arguments: dict[str, Any] = {
        "network": shallow(),
        "X": X,
        "Y": Y,
        "learning_rate": 0.3,
    } | changes
    with pytest.raises(ValueError, match=message):
        Trainer(**arguments)


@pytest.mark.parametrize("n", [0, -1])
def test_a_step_is_at_least_one(n: int) -> None:
    with pytest.raises(ValueError, match="n must be at least 1"):
        MAKE["full batch"]().step(n)


# -- divergence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum"])
def test_divergence_ends_the_training_at_the_last_finite_state(dtype: type, optimizer: str) -> None:
    X, Y = circle()
    trainer = Trainer(
        shallow("relu", "linear"), X, Y, learning_rate=2.0, dtype=dtype, optimizer=optimizer
    )
    costs = trainer.step(1000)
    assert trainer.diverged is not None
    assert 0 < len(costs) == trainer.diverged.iteration < 1000
    assert "learning rate 2" in trainer.diverged.reason
    assert np.isfinite(costs).all()
    assert np.isfinite(parameters(trainer.network)).all()
    assert trainer.cost() == costs[-1]
    assert trainer.iteration == len(costs) - 1
    assert len(trainer.step(10)) == 0
    # And the very next update of the plain equations does leave the finite numbers.
    textbook = Textbook(trainer.network, "gradient_descent", 0, 0)
    if optimizer == "gradient_descent":
        with np.errstate(all="ignore"):
            textbook.step(X.astype(dtype), Y.astype(dtype), 2.0)
            assert not np.isfinite(forward(textbook.network, X.astype(dtype)).Z[-1] ** 2).all()


def test_one_step_at_a_time_diverges_alike() -> None:
    whole, single = MAKE["diverging"](), MAKE["diverging"]()
    costs = whole.step(2000)
    assert whole.diverged
    singles = []
    while single.diverged is None:
        singles.append(single.step())
    np.testing.assert_array_equal(np.concatenate(singles), costs)
    assert single.diverged == whole.diverged


def test_initial_weights_can_be_too_large() -> None:
    network = Network([Layer([[1e200], [1e200]], [[0.0]], ACTIVATIONS["linear"])])
    trainer = Trainer(network, [[1.0], [1.0]], [[0.0]], learning_rate=0.1)
    assert len(trainer.step(5)) == 0
    assert trainer.diverged is not None
    assert trainer.diverged.iteration == 0
    assert "initial weights" in trainer.diverged.reason


def test_a_restored_state_has_not_diverged() -> None:
    trainer = MAKE["diverging"]()
    state = trainer.state()
    trainer.step(2000)
    assert trainer.diverged
    trainer.restore(state)
    assert trainer.diverged is None
    trainer.learning_rate = 0.01
    assert len(trainer.step(500)) == 500


# -- memory --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def taken() -> Any:
    """What `tests/nncore/fast/memory.py` has measured."""
    command = [sys.executable, "-m", memory.__name__]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("hidden", memory.HIDDEN)
@pytest.mark.parametrize(("dtype", "batch_size"), memory.WAYS)
def test_steps_allocate_nothing_that_grows(
    taken: Any, hidden: str, dtype: str, batch_size: int | None
) -> None:
    grown, most = taken["steps"][memory.key(hidden, dtype, batch_size)]
    assert grown < 2_000
    one_hidden_array = 64 * (batch_size or memory.EXAMPLES) * 4
    assert most < one_hidden_array / 2


def test_many_examples_are_worked_through_in_tiles(taken: Any) -> None:
    hidden_units_at_once = 100 * 20_000 * 8
    assert taken["many examples"] < hidden_units_at_once / 3
