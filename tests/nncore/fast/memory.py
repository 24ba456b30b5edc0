"""`python -m tests.nncore.fast.memory`: what training takes of memory, in a process of its own.

In a process of tests others allocate meanwhile: servers that tests before have left running, and
their threads. Every byte of it would be counted here.
"""

import gc
import itertools
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np

import nncore
from nncore import DATASETS, Trainer, initialize

EXAMPLES = 2000
HIDDEN = ("sigmoid", "tanh", "relu")
WAYS: list[tuple[str, int | None]] = [("float64", None), ("float32", None), ("float64", 1000)]


def key(hidden: str, dtype: str, batch_size: int | None) -> str:
    """What a measurement is called."""
    return f"{hidden} {dtype} {batch_size}"


def held_by_nncore() -> int:
    """Bytes that it holds; garbage is not held."""
    gc.collect()
    own = tracemalloc.Filter(True, str(Path(nncore.__file__).parent / "*"))
    traces = tracemalloc.take_snapshot().filter_traces([own])
    return sum(statistic.size for statistic in traces.statistics("filename"))


def of_steps(hidden: str, dtype: str, batch_size: int | None) -> tuple[int, int]:
    """By how much nncore has grown after 100 iterations, and the most they have taken at once."""
    X, Y = DATASETS["circle"](EXAMPLES, 0.1, np.random.default_rng(0))
    network = initialize([2, 64, 8, 1], [hidden, hidden, "sigmoid"], rng=np.random.default_rng(0))
    trainer = Trainer(network, X, Y, learning_rate=0.3, batch_size=batch_size, dtype=dtype)
    trainer.step(20)
    tracemalloc.start()
    try:
        trainer.step(20)
        held = held_by_nncore()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5):
            trainer.step(20)
        _, peak = tracemalloc.get_traced_memory()
        return held_by_nncore() - held, peak - before
    finally:
        tracemalloc.stop()


def of_many_examples() -> int:
    """The most that training on 20,000 examples with 100 hidden units has taken."""
    X, Y = DATASETS["circle"](20_000, 0.1, np.random.default_rng(0))
    network = initialize(
        [2, 100, 1], ["tanh", "sigmoid"], scheme="xavier", rng=np.random.default_rng(0)
    )
    tracemalloc.start()
    try:
        Trainer(network, X, Y, learning_rate=0.1).step(2)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    steps = {
        key(hidden, *way): of_steps(hidden, *way) for hidden, way in itertools.product(HIDDEN, WAYS)
    }
    json.dump({"steps": steps, "many examples": of_many_examples()}, sys.stdout)
