"""A session: the same bits however sliced, restored, or put together from checkpoints."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncore
from app.schemas import OwnData, Plan
from app.training.backend import HostedState, Saved
from app.training.session import CostLog, Examples, Session, Timeline

PLAN = Plan.model_validate(
    {
        "data": {"dataset": "xor", "examples": 40},
        "runs": [
            {"network": {"layers": [{"units": 3, "activation": "relu"}]}},
            {
                "network": {"layers": [{"units": 2}], "initialization": {"seed": 5}},
                "training": {"batch_size": 8, "optimizer": "adam"},
            },
        ],
    }
)


def bits(session: Session) -> list[bytes]:
    return [run.costs.since(0).tobytes() for run in session.runs]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.data())
@settings(max_examples=25, deadline=None)
def test_slices_and_checkpoints_change_no_bit(slices: list[int], data: st.DataObject) -> None:
    whole = Session(PLAN)
    whole.advance(sum(slices))
    sliced, saved = Session(PLAN), None
    for n in slices:
        sliced.advance(n)
        if data.draw(st.booleans()):
            part = sliced.checkpoint(len(saved.costs_of(0)) if saved else 0)
            state = HostedState(pickle.loads(pickle.dumps(part)), True, 0, 5)
            saved = saved or Saved(state)
            saved.add(state)
            checkpoint = saved.checkpoint
            assert checkpoint is not None
            sliced = Session.restore(checkpoint)
    assert bits(sliced) == bits(whole)
    assert sliced.iteration == whole.iteration == sum(slices)
    for one, other in zip(sliced.runs, whole.runs, strict=True):
        for mine, theirs in zip(
            one.trainer.network.layers, other.trainer.network.layers, strict=True
        ):
            assert mine.W.tobytes() == theirs.W.tobytes()


def test_the_split_is_a_partition_and_has_a_stream_of_its_own() -> None:
    data = PLAN.data
    examples = Examples.of(data)
    assert sorted([*examples.train, *examples.test]) == list(range(40))
    assert len(examples.train) == 30
    other = Examples.of(data.model_copy(update={"train_fraction": 0.5}))
    np.testing.assert_array_equal(other.X, examples.X)
    assert set(other.train) <= set(examples.train)


def test_own_data_keeps_its_order() -> None:
    data = OwnData(points=[[1, 2], [3, 4], [5, 6]], labels=[0, 1, 1], train_fraction=0.7)
    examples = Examples.of(data)
    np.testing.assert_array_equal(examples.X, [[1, 3, 5], [2, 4, 6]])
    np.testing.assert_array_equal(examples.Y, [[0, 1, 1]])


def test_scores_are_those_of_the_network_on_each_part() -> None:
    session = Session(PLAN)
    session.advance(300)
    run, examples = session.runs[0], session.examples
    for part, cost, right in (
        (examples.train, run.score.train_cost, run.score.train_accuracy),
        (examples.test, run.score.test_cost, run.score.test_accuracy),
    ):
        Y_hat = nncore.predict(run.trainer.network, examples.X[:, part])
        Y = examples.Y[:, part]
        by_hand = -np.mean(Y * np.log(Y_hat) + (1 - Y) * np.log(1 - Y_hat))
        assert cost == pytest.approx(by_hand)
        assert right == np.mean((Y_hat >= 0.5) == Y)


@given(st.lists(st.lists(st.floats(allow_nan=False), max_size=900), max_size=6))
@settings(deadline=None)
def test_a_cost_log_holds_what_was_put_in(parts: list[list[float]]) -> None:
    log = CostLog()
    for part in parts:
        log.extend(np.array(part))
    joined = [value for part in parts for value in part]
    assert len(log) == len(joined)
    assert log.since(0).tolist() == joined
    assert log.since(len(joined) // 2).tolist() == joined[len(joined) // 2 :]
    assert log.since(len(joined) + 5).tolist() == []


def test_a_long_run_keeps_few_states_and_gets_anywhere_from_them() -> None:
    session = Session(PLAN)
    session.advance(5000)
    costs = bits(session)
    assert len(session._timeline._states) <= Timeline.MOST_STATES
    for iteration in (4999, 1777, 64, 0, 3001):
        session.rewind(iteration)
        assert session.iteration <= iteration
        assert iteration - session.iteration < session._timeline.spacing
        session.advance(iteration - session.iteration)
        assert session.iteration == iteration
        assert bits(session) == [told[: 8 * iteration] for told in costs]
        session.advance(5000 - iteration)
        assert bits(session) == costs


def test_a_large_network_keeps_fewer_states() -> None:
    network = {"layers": [{"units": 200}, {"units": 200}]}
    session = Session(
        Plan.model_validate({"data": {"examples": 10}, "runs": [{"network": network}]})
    )
    session.advance(1500)
    held = len(session._timeline._states) * sum(
        y.W.size + y.b.size for y in session.runs[0].initial.layers
    )
    assert held <= Timeline.MOST_VALUES
