"""A session: the same bits however sliced, restored, or put together from checkpoints."""

import math
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nncore
from app import wire
from app.errors import Full, InvalidField
from app.schemas import MESSAGES, Edit, OwnData, Plan, Set, View, parse_message
from app.training.checkpoints import Latest
from app.training.examples import Examples
from app.training.run import Change, CostLog
from app.training.session import Session, Timeline

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
    sliced, latest = Session(PLAN), None
    for n in slices:
        sliced.advance(n)
        if data.draw(st.booleans()):
            part = sliced.checkpoint(len(latest.costs[0]) // 8 if latest else 0)
            part = pickle.loads(pickle.dumps(part))
            if latest is None:
                latest = Latest(part)
            else:
                latest.add(part)
            sliced = Session.restore(latest.whole)
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


def own(points: list[list[float]], labels: list[int], train_fraction: float) -> Examples:
    plain = {"points": points, "labels": labels, "train_fraction": train_fraction}
    return Examples.of(OwnData.model_validate(plain))


def test_own_data_keeps_its_order() -> None:
    examples = own([[1, 2], [3, 4], [5, 6]], [0, 1, 1], 0.7)
    np.testing.assert_array_equal(examples.X, [[1, 3, 5], [2, 4, 6]])
    np.testing.assert_array_equal(examples.Y, [[0, 1, 1]])


def test_an_own_point_more_leaves_the_split_of_the_others_nearly_as_it_was() -> None:
    points = [[x / 10, -x / 10] for x in range(80)]
    many = own(points, [0, 1] * 40, 0.75)
    fewer = own(points[:79], [0, 1] * 39 + [0], 0.75)
    assert len(many.train) == 60
    assert sorted([*many.train, *many.test]) == list(range(80))
    assert len(set(many.train) ^ set(fewer.train)) <= 2


def test_scores_are_those_of_the_network_on_each_part() -> None:
    session = Session(PLAN)
    session.advance(300)
    run, examples = session.runs[0], session.examples
    score = run.score
    for part, cost, right, confusion in (
        (examples.train, score.train_cost, score.train_accuracy, score.train_confusion),
        (examples.test, score.test_cost, score.test_accuracy, score.test_confusion),
    ):
        Y_hat = nncore.predict(run.trainer.network, examples.X[:, part])
        Y = examples.Y[:, part]
        by_hand = -np.mean(Y * np.log(Y_hat) + (1 - Y) * np.log(1 - Y_hat))
        assert cost == pytest.approx(by_hand)
        assert right == np.mean((Y_hat >= 0.5) == Y)
        np.testing.assert_array_equal(
            confusion, sklearn.metrics.confusion_matrix(Y.ravel(), Y_hat.ravel() >= 0.5)
        )
    everywhere = nncore.predict(run.trainer.network, examples.X) >= 0.5
    np.testing.assert_array_equal(score.misclassified, (everywhere != examples.Y).ravel())


def test_a_matrix_without_a_class_is_two_by_two_all_the_same() -> None:
    data = {"points": [[1, 2], [3, 4]], "labels": [1, 1], "train_fraction": 1}
    session = Session(Plan.model_validate({"data": data}))
    confusion = session.runs[0].score.train_confusion
    assert confusion is not None
    assert confusion[0] == [0, 0]
    assert sum(confusion[1]) == 2
    assert session.runs[0].score.test_confusion is None


CHANGES = st.sampled_from(
    [
        '{"type": "set", "learning_rate": 0.9}',
        '{"type": "set", "learning_rate": 0.1, "run": 1}',
        '{"type": "set", "l2": 0.01}',
        '{"type": "set", "stop": {}}',
        '{"type": "set", "stop": {"patience": 60}, "run": 0}',
        '{"type": "set", "stop": {"accuracy": 0.8}}',
        '{"type": "edit", "layer": 1, "unit": 0, "input": 1, "value": 0.5}',
        '{"type": "edit", "layer": 2, "unit": 0, "input": null, "value": -1, "frozen": true}',
        '{"type": "edit", "layer": 2, "unit": 0, "input": null, "frozen": false}',
    ]
)


def act(session: Session, message: str) -> None:
    parsed = parse_message(message, MESSAGES)
    if isinstance(parsed, Set):
        session.set(parsed)
    else:
        assert isinstance(parsed, Edit)
        session.edit(parsed)


def everything(session: Session) -> list[object]:
    return [
        (
            run.costs.since(0).tobytes(),
            run.state,
            run.ended,
            run.score.train_cost,
            [(y.W.tobytes(), y.b.tobytes()) for y in run.trainer.network.layers],
        )
        for run in session.runs
    ]


@given(
    st.lists(st.tuples(st.integers(1, 90), st.lists(CHANGES, max_size=3)), max_size=6),
    st.lists(st.floats(0, 1), max_size=4),
    st.booleans(),
)
@example(
    story=[
        (17, ['{"type": "set", "stop": {"accuracy": 0.8}}']),
        (15, ['{"type": "set", "stop": {"patience": 60}, "run": 0}']),
        (1, []),
    ],
    sought=[0.0, 1.0],
    reset=False,
)
@settings(max_examples=40, deadline=None)
def test_whatever_was_changed_any_iteration_can_be_had_again_to_the_bit(
    story: list[tuple[int, list[str]]], sought: list[float], reset: bool
) -> None:
    """Sliced, changed, restored from a checkpoint, sought: always what one by one has shown."""
    session = Session(PLAN)
    if reset:
        session.advance(20)
        act(session, '{"type": "set", "learning_rate": 0.7, "run": 0}')
        act(session, '{"type": "edit", "layer": 1, "unit": 0, "input": 0, "value": 3}')
        session.reset()
        assert session.runs[0].trainer.learning_rate == 0.7
        assert session.runs[0].trainer.network.layers[0].W[0, 0] != 3
    shown = {0: everything(session)}
    for n, messages in story:
        for _ in range(n):
            session.advance(1)
            shown[session.iteration] = everything(session)
        for message in messages:
            if '"edit"' in message and session.runs[0].trainer.iteration < session.iteration:
                with pytest.raises(InvalidField, match="the others went on"):
                    act(session, message)
            else:
                act(session, message)
        shown[session.iteration] = everything(session)
    end = session.iteration
    again = Session.restore(pickle.loads(pickle.dumps(session.checkpoint())))
    assert everything(again) == shown[end]
    for share in sought:
        target = round(share * end)
        for other in (session, again):
            if target < other.iteration:
                other.rewind(target)
            other.advance(target - other.iteration)
            assert other.iteration == target
            assert everything(other) == shown[target]


def test_a_run_that_the_others_left_behind_stays_over_until_a_reset() -> None:
    session = Session(PLAN)
    act(session, '{"type": "set", "stop": {"cost": 0.65}, "run": 0}')
    session.advance(200)
    over, other = session.runs
    end = over.trainer.iteration
    assert end < other.trainer.iteration == session.iteration == 200
    act(session, '{"type": "set", "stop": {}}')
    act(session, '{"type": "set", "learning_rate": 0.9}')
    with pytest.raises(InvalidField, match=f"ended at iteration {end} and the others went on"):
        act(session, '{"type": "edit", "layer": 1, "unit": 0, "input": 0, "value": 1}')
    session.advance(50)
    assert over.ended is not None
    assert over.ended[0] == "cost"
    assert len(over.costs) == over.trainer.iteration == end
    assert other.trainer.learning_rate == 0.9
    assert session.record(0).changes == (Change(0, 0, "stop", nncore.Stop(cost=0.65)),)
    session.reset()
    assert over.trainer.learning_rate == 0.9
    session.advance(end + 10)
    assert over.trainer.iteration == end + 10


def test_a_dragged_weight_is_one_change_an_iteration() -> None:
    session = Session(PLAN)
    place = '{"type": "edit", "layer": 1, "unit": 0, "input": 1'
    act(session, place + ', "frozen": true}')
    for value in range(100):
        act(session, f'{place}, "value": {value}}}')
    assert len(session.checkpoint().changes) == 1
    session.advance(5)
    session.rewind(0)
    network = session.runs[0].trainer.network
    assert network.layers[0].W[1, 0] == 99
    assert session.runs[0].trainer.frozen == ((1, 0, 1),)


def test_when_too_much_was_changed_it_says_so_and_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.training.session.MOST_CHANGES", 3)
    session = Session(PLAN)
    for rate in (0.1, 0.2, 0.3):
        act(session, f'{{"type": "set", "learning_rate": {rate}}}')
        session.advance(1)
    with pytest.raises(Full, match="reset"):
        act(session, '{"type": "set", "learning_rate": 0.4}')
    assert session.runs[0].trainer.learning_rate == 0.3
    session.reset()
    act(session, '{"type": "set", "learning_rate": 0.4}')
    assert session.runs[0].trainer.learning_rate == 0.4


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
        assert bits(session) == [curve[: 8 * iteration] for curve in costs]
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


HUGE = View(resolution=200, neurons=True, neuron_resolution=64, diagnostics=True)


def numbers(part: object) -> Iterator[float]:
    """Every float in a frame."""
    if isinstance(part, float):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from numbers(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from numbers(value)


@given(
    st.sampled_from(["plane", "bumps", "circle"]),
    st.sampled_from(["relu", "linear", "tanh"]),
    st.floats(1, 100),
    st.integers(1, 60),
)
@example("plane", "linear", 1.0, 9)
@settings(max_examples=40, deadline=None)
@example("plane", "relu", 10.0, 8)
def test_a_frame_of_a_run_that_diverges_has_finite_numbers_alone(
    dataset: str, activation: str, rate: float, iterations: int
) -> None:
    run = {
        "network": {"layers": [{"activation": activation}]},
        "training": {"learning_rate": rate, "batch_size": 1, "l2": 0.1},
    }
    session = Session(Plan.model_validate({"data": {"dataset": dataset}, "runs": [run]}))
    session.advance(iterations)
    frame = session.frame(0, 0, HUGE, diagnostics=True)
    assert all(map(math.isfinite, numbers(frame)))


def test_pictures_of_many_or_large_networks_are_coarser() -> None:
    def frame(units: list[int], runs: int) -> dict[str, Any]:
        run = {"network": {"layers": [{"units": n} for n in units]}}
        plan = Plan.model_validate({"data": {"examples": 10}, "runs": [run] * runs})
        made: dict[str, Any] = Session(plan).frame(0, 0, HUGE)
        return made

    # The page's largest, as it looks at one: nothing is lost.
    (run,) = frame([16] * 6, 1)["runs"]
    assert run["boundary"]["width"] > 100
    assert run["neurons"][0]["width"] == 64
    for units, runs in (([256, 1] * 4, 8), ([256, 256], 1), ([16] * 6, 8)):
        parts = frame(units, runs)["runs"]
        maps = [layer["values"] for run in parts for layer in run["neurons"]]
        assert (
            16 * runs * sum(units)
            <= sum(map(len, maps))
            <= max(wire.MOST_MAP_BYTES, 16 * runs * sum(units))
        )
        assert 8 <= parts[0]["boundary"]["width"] < 200
