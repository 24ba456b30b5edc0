"""nncore side by side with its peers, in one process: `python -m benchmarks.nncore_bench`.

Prints Markdown. Every ratio compares medians of repeats that were interleaved (ours, theirs, ours,
theirs, …) on one BLAS thread, so that a busy machine slows all of them alike. The figures are
ratios on purpose: absolute times say more about the machine than about the code.
"""

# ruff: noqa: E402
# The number of threads is read when NumPy is imported.
import os

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import (
    DATASETS,
    Grid,
    GridEvaluator,
    Network,
    StackedTrainer,
    Trainer,
    initialize,
)

LEARNING_RATE = 0.3
STACKED_UPDATES = 50
Contender = Callable[[], Any]
Array = NDArray[Any]


def data(m: int, dtype: type) -> tuple[Array, Array]:
    """The circle, m examples."""
    X, Y = DATASETS["circle"](m, 0.1, np.random.default_rng(0))
    return X.astype(dtype), Y.astype(dtype)


def network(n: int, seed: int = 0) -> Network:
    """2-n-1, tanh; weights large enough that nothing about them is special."""
    return initialize(
        [2, n, 1], ["tanh", "sigmoid"], scheme="xavier", rng=np.random.default_rng(seed)
    )


def interleaved(
    contenders: dict[str, Contender], *, repeats: int, seconds: float = 0.05
) -> dict[str, float]:
    """Median seconds of one call of each, the repeats taking turns."""
    calls: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for name, run in contenders.items():
        run()
        start = time.perf_counter()
        run()
        calls[name] = max(1, round(seconds / (time.perf_counter() - start)))
    for _ in range(repeats):
        for name, run in contenders.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                run()
            times[name].append((time.perf_counter() - start) / calls[name])
    return {name: statistics.median(values) for name, values in times.items()}


# -- the peers, each as a callable that makes `updates` updates ------------------------------


def ours(n: int, m: int, dtype: type, batch_size: int | None, updates: int) -> Contender:
    """`nncore.Trainer`."""
    X, Y = data(m, dtype)
    trainer = Trainer(
        network(n), X, Y, learning_rate=LEARNING_RATE, batch_size=batch_size, dtype=dtype
    )
    return lambda: trainer.step(updates)


def textbook(n: int, m: int, dtype: type, batch_size: int | None, updates: int) -> Contender:
    """The lecture in plain NumPy, formula by formula: `np.dot`, g, g′(Z), a new array each."""
    X, Y = data(m, dtype)
    parameters: list[Array] = [
        array.astype(dtype) for layer in network(n).layers for array in (layer.W, layer.b)
    ]
    W1, b1, W2, b2 = parameters
    rng = np.random.default_rng(0)

    def g(Z: Array) -> Array:
        return np.asarray(np.tanh(Z))

    def g_prime(Z: Array) -> Array:
        return 1 - g(Z) ** 2

    def update(X: Array, Y: Array) -> float:
        nonlocal W1, b1, W2, b2
        m = X.shape[1]
        Z1 = np.dot(W1.T, X) + b1
        A1 = g(Z1)
        Z2 = np.dot(W2.T, A1) + b2
        A2 = 1 / (1 + np.exp(-Z2))
        J = -1 / m * (np.sum(Y * np.log(A2)) + np.sum((1 - Y) * np.log(1 - A2)))
        dZ2 = A2 - Y
        dW2 = np.dot(A1, dZ2.T) / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = np.dot(W2, dZ2) * g_prime(Z1)
        dW1 = np.dot(X, dZ1.T) / m
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m
        W1 = W1 - LEARNING_RATE * dW1
        b1 = b1 - LEARNING_RATE * db1
        W2 = W2 - LEARNING_RATE * dW2
        b2 = b2 - LEARNING_RATE * db2
        return float(J)

    def full_batch() -> list[float]:
        with np.errstate(all="ignore"):  # log 0, which the naive formula of J runs into
            return [update(X, Y) for _ in range(updates)]

    def mini_batches(size: int) -> list[float]:
        costs: list[float] = []
        while len(costs) < updates:
            order = rng.permutation(m)
            shuffled_X, shuffled_Y = X[:, order], Y[:, order]
            costs += [
                update(shuffled_X[:, i : i + size], shuffled_Y[:, i : i + size])
                for i in range(0, m, size)
            ]
        return costs

    return full_batch if batch_size is None else partial(mini_batches, batch_size)


PLAIN: dict[str, Any] = {
    "activation": "tanh",
    "solver": "sgd",
    "alpha": 0.0,
    "learning_rate_init": LEARNING_RATE,
    "momentum": 0.0,
    "tol": 0.0,
    "n_iter_no_change": 10**9,
}
"""What scikit-learn's networks are to be told to train as ours do."""


def scikit_learn(n: int, m: int, dtype: type, batch_size: int | None, updates: int) -> Contender:
    """`MLPClassifier`: plain sgd, no momentum or penalty, shuffling only mini-batches."""
    from sklearn.neural_network import MLPClassifier

    X, Y = data(m, dtype)
    rows, labels = np.ascontiguousarray(X.T), Y[0].astype(int)
    batch = m if batch_size is None else batch_size
    classifier = MLPClassifier(
        (n,),
        **PLAIN,
        batch_size=batch,
        max_iter=max(1, updates * batch // m),
        shuffle=batch_size is not None,
        random_state=0,
    )

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            classifier.fit(rows, labels)

    return run


def pytorch(n: int, m: int, dtype: type, batch_size: int | None, updates: int) -> Contender | None:
    """PyTorch eager with its own SGD, if it is installed."""
    try:
        import torch
    except ImportError:
        return None
    if batch_size is not None:
        return None
    torch.set_num_threads(1)
    X, Y = data(m, dtype)
    inputs, targets = torch.tensor(X.T.copy()), torch.tensor(Y.T.copy())
    model = torch.nn.Sequential(torch.nn.Linear(2, n), torch.nn.Tanh(), torch.nn.Linear(n, 1)).to(
        inputs.dtype
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def run() -> None:
        for _ in range(updates):
            optimizer.zero_grad()
            loss = loss_of(model(inputs), targets)
            loss.backward()
            optimizer.step()
            loss.item()

    return run


def stacked(networks: int, n: int, m: int, dtype: type, updates: int) -> Contender:
    """`nncore.StackedTrainer`."""
    X, Y = data(m, dtype)
    trainer = StackedTrainer(
        [network(n, seed) for seed in range(networks)],
        X,
        Y,
        learning_rate=LEARNING_RATE,
        dtype=dtype,
    )
    return lambda: trainer.step(updates)


def check_that_they_compute_the_same() -> None:
    """Ours and the textbook loop must agree, or comparing their speed means nothing."""
    shape = (4, 500, np.float64, None, 50)
    np.testing.assert_allclose(ours(*shape)(), textbook(*shape)(), rtol=1e-9)


# -- the tables ----------------------------------------------------------------------------------

ROWS: list[tuple[int, int, int | None, type, int | None, float, float]] = [
    # n, m, mini-batch, dtype, stack, floor against scikit-learn, floor against textbook
    (4, 500, None, np.float32, None, 5, 2.3),
    (32, 1000, None, np.float32, None, 3, 2.3),
    (128, 2000, None, np.float32, None, 1.8, 2),
    (4, 500, None, np.float64, None, 3.5, 1.5),
    (128, 2000, None, np.float64, None, 2.5, 2.5),
    (4, 500, None, np.float32, 64, 20, 8),
    (4, 250, 10, np.float64, None, 3, 1.3),
]


def peers_table(repeats: int) -> bool:
    """Print the ratios; returns whether all are at their floors."""
    print("| n, m | dtype | ours, µs an update | ÷ scikit-learn | ÷ textbook NumPy | ÷ PyTorch |")
    print("|---|---|---|---|---|---|")
    all_reached = True
    for n, m, batch_size, dtype, networks, floor_sklearn, floor_textbook in ROWS:
        updates = max(25, min(500, 2_000_000 // (n * m))) // 25 * 25
        shape = (n, m, dtype, batch_size, updates)
        contenders: dict[str, Contender | None] = {
            "ours": stacked(networks, n, m, dtype, STACKED_UPDATES) if networks else ours(*shape),
            "scikit-learn": scikit_learn(*shape),
            "textbook": textbook(*shape),
            "PyTorch": pytorch(*shape),
        }
        medians = interleaved({k: run for k, run in contenders.items() if run}, repeats=repeats)
        per_update = {name: seconds / updates for name, seconds in medians.items()}
        if networks:
            per_update["ours"] = medians["ours"] / (STACKED_UPDATES * networks)
        ratio = {name: seconds / per_update["ours"] for name, seconds in per_update.items()}
        all_reached &= ratio["scikit-learn"] >= floor_sklearn
        all_reached &= ratio["textbook"] >= floor_textbook
        what = f"{n}, {m}"
        if networks:
            what = f"{networks} stacked nets of {what} (net-updates)"
        if batch_size:
            what += f", mini-batches of {batch_size}"
        against_torch = f"{ratio['PyTorch']:.1f}" if "PyTorch" in ratio else "–"
        print(
            f"| {what} | {np.dtype(dtype).name} | {per_update['ours'] * 1e6:.1f} "
            f"| {ratio['scikit-learn']:.1f} (≥ {floor_sklearn}) "
            f"| {ratio['textbook']:.1f} (≥ {floor_textbook}) | {against_torch} |",
            flush=True,
        )
    return all_reached


def growth_table(repeats: int) -> None:
    """Print how an update grows with the examples and with the hidden units."""
    print("| n | m | µs an update | ns an update, example and unit |")
    print("|---|---|---|---|")
    for n, m in [(32, 10**k) for k in (2, 3, 4, 5)] + [(n, 2000) for n in (4, 16, 64, 256, 512)]:
        updates = max(10, 1_000_000 // (n * m))
        run = ours(n, m, np.float32, None, updates)
        seconds = interleaved({"ours": run}, repeats=repeats)["ours"] / updates
        print(f"| {n} | {m} | {seconds * 1e6:.1f} | {seconds * 1e9 / (n * m):.2f} |", flush=True)


def grid_table(repeats: int) -> None:
    """Print the evaluation of a 100 × 100 grid against the plain NumPy expression."""
    net = network(4)
    evaluator = GridEvaluator(Grid((-6, 6), (-6, 6), 100, 100))
    X = evaluator.grid.X.astype(np.float64)
    (W1, b1), (W2, b2) = ((layer.W, layer.b) for layer in net.layers)

    def plain() -> Array:
        return (1 / (1 + np.exp(-(W2.T @ np.tanh(W1.T @ X + b1) + b2)))).reshape(100, 100)

    medians = interleaved(
        {"ours": lambda: evaluator.boundary(net), "plain": plain}, repeats=repeats
    )
    print("| grid | ours, ms | plain NumPy, ms | ratio |")
    print("|---|---|---|---|")
    print(
        f"| 100 × 100 through 2-4-1 | {medians['ours'] * 1e3:.3f} | {medians['plain'] * 1e3:.3f} "
        f"| {medians['plain'] / medians['ours']:.1f} |"
    )


def estimators_table(repeats: int) -> None:
    """Print how our estimators and scikit-learn's fit the same data: a seed for each repeat."""
    from sklearn import datasets
    from sklearn.base import clone
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import scale

    from nncore.estimator import NetworkClassifier, NetworkRegressor

    classifiers = NetworkClassifier, MLPClassifier
    regressors = NetworkRegressor, MLPRegressor
    print("| 8 tanh units; score of a held-out quarter | ours | `MLP…` alike | `MLP…` as it is |")
    print("|---|---|---|---|")
    for name, (X, y), (Ours, Theirs) in [
        ("moons, 2 classes", datasets.make_moons(500, noise=0.2, random_state=0), classifiers),
        ("wine, 3 classes", datasets.load_wine(return_X_y=True), classifiers),
        ("Friedman 1, R²", datasets.make_friedman1(500, noise=1, random_state=0), regressors),
    ]:
        X, y = scale(X), scale(y) if Theirs is MLPRegressor else y
        train, test, y_train, y_test = train_test_split(X, y, random_state=0)
        theirs = Theirs(hidden_layer_sizes=(8,), activation="tanh", max_iter=2000)
        alike = clone(theirs).set_params(**PLAIN, batch_size=len(train), shuffle=False)
        models = [Ours(8), alike, theirs]
        fits: list[list[tuple[float, float]]] = [[] for _ in models]
        for seed in range(repeats):
            for model, own in zip(models, fits, strict=True):
                model.set_params(random_state=seed)
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that it could learn on
                    model.fit(train, y_train)
                own.append((time.perf_counter() - start, model.score(test, y_test)))
        cells = []
        for own in fits:
            seconds, score = (statistics.median(column) for column in zip(*own, strict=True))
            cells.append(f"{score:.3f} in {seconds:.2f} s")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="repeats whose median counts")
    repeats = parser.parse_args().repeats
    check_that_they_compute_the_same()
    print(f"NumPy {np.__version__}, Python {platform.python_version()}, one BLAS thread.\n")
    reached = peers_table(repeats)
    print(f"\nFloors (in brackets) {'all reached' if reached else 'NOT all reached'}.\n")
    growth_table(repeats)
    print()
    grid_table(repeats)
    print()
    estimators_table(repeats)


if __name__ == "__main__":
    main()
